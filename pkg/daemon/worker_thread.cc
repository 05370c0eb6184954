#include "pkg/daemon/worker_thread.hh"

#include <pthread.h>

#include "pkg/daemon/log.hh"

namespace weir::daemon {

WorkerThread::WorkerThread(unsigned index, Service& service, ConnectionCounts& counts)
    : index_(index),
      service_(service),
      counts_(counts),
      connections_(loop_, [&counts] { counts.open->add(-1); }),
      closing_(loop_),
      tasks_(loop_),
      finish_(loop_) {
  std::promise<void> started;
  auto ready = started.get_future();
  thread_ = std::thread(&WorkerThread::run, this, std::move(started));
  ready.wait();
}

WorkerThread::~WorkerThread() {
  if (thread_.joinable()) stop();
}

void WorkerThread::run(std::promise<void> started) {
  pthread_setname_np(pthread_self(), ("worker-" + std::to_string(index_)).c_str());
  metrics::set_thread_cell(index_ + 1);  // cell 0 is the main thread's
  worker_service_ = service_.start_worker(*this);
  started.set_value();
  loop_.run();
  worker_service_.reset();
}

void WorkerThread::listen(ListenPointPtr point, aio::Descriptor socket) {
  loop_.post([this, point = std::move(point), fd = socket.release()]() mutable {
    begin_listening(std::move(point), aio::Descriptor(fd));
  });
}

void WorkerThread::begin_listening(ListenPointPtr point, aio::Descriptor socket) {
  Place& place = places_.emplace_back(Place{point, std::nullopt});
  if (point->kind == ListenPoint::Kind::datagram) {
    worker_service_->serve_datagrams(std::move(point), std::move(socket));
    return;
  }
  auto listener = aio::Listener::start(loop_, std::move(socket), [this, &place](aio::Stream stream) {
    accept(std::move(stream), place.point);
  });
  if (listener) {
    place.listener = std::move(*listener);
    return;
  }
  log::error("cannot listen", {{"address", point->name}, {"reason", listener.error().message}});
  places_.pop_back();
}

void WorkerThread::accept(aio::Stream stream, ListenPointPtr at) {
  counts_.accepted->add();
  if (static_cast<uint64_t>(counts_.open->value()) >= counts_.most.load(std::memory_order_relaxed)) {
    counts_.refused->add();
    return;  // closes it
  }
  counts_.open->add(1);
  connections_.spawn(worker_service_->serve(std::move(stream), std::move(at)));
}

void WorkerThread::rename(ListenPointPtr before, ListenPointPtr after) {
  loop_.post([this, before = std::move(before), after = std::move(after)] {
    for (Place& place : places_) {
      if (place.point == before) place.point = after;
    }
  });
}

void WorkerThread::stop_listening(ListenPointPtr point) {
  loop_.post([this, point = std::move(point)] { close_places(point, Closing::gently); });
}

void WorkerThread::leave(ListenPointPtr point) {
  loop_.post([this, point = std::move(point)] { close_places(point, Closing::at_once); });
}

void WorkerThread::close_places(const ListenPointPtr& point, Closing closing) {
  for (auto place = places_.begin(); place != places_.end();) {
    const auto here = place++;
    if (here->point == point) close_place(here, closing);
  }
}

// Its address stays, for connections that wait in a listener's queue are still accepted.
void WorkerThread::close_place(std::list<Place>::iterator place, Closing closing) {
  if (closing == Closing::at_once) place->listener.reset();
  std::list<Place> one;
  one.splice(one.begin(), places_, place);
  closing_.spawn(finish_place(std::move(one)));
}

aio::Task<> WorkerThread::finish_place(std::list<Place> one) {
  Place& place = one.front();
  if (place.listener) {
    co_await place.listener->drain();
  } else if (place.point->kind == ListenPoint::Kind::datagram) {
    co_await worker_service_->stop_datagrams(place.point);
  }
}

void WorkerThread::adopt(PassedTunnel tunnel) {
  // A std::function must be copyable.
  loop_.post([this, held = std::make_shared<PassedTunnel>(std::move(tunnel))] {
    counts_.open->add(1);
    connections_.spawn(worker_service_->adopt_tunnel(std::move(*held)));
  });
}

void WorkerThread::release_tunnels(std::function<void(PassedTunnel)> sink, std::function<void()> done) {
  loop_.post([this, sink = std::move(sink), done = std::move(done)]() mutable {
    worker_service_->release_tunnels(std::move(sink), std::move(done));
  });
}

void WorkerThread::drain(std::function<void()> ended) {
  loop_.post([this, ended = std::move(ended)]() mutable { begin_finish(std::move(ended)); });
}

void WorkerThread::begin_finish(std::function<void()> ended) {
  if (draining_) return;
  draining_ = true;
  while (!places_.empty()) close_place(places_.begin(), Closing::gently);
  worker_service_->on_drain();
  finish_.spawn(finish(std::move(ended)));
}

aio::Task<> WorkerThread::finish(std::function<void()> ended) {
  co_await closing_.join();
  co_await connections_.join();
  co_await tasks_.close();
  ended();
  loop_.stop();
}

void WorkerThread::stop() {
  loop_.post([this] {
    begin_finish([] {});
    closing_.cancel();
    connections_.cancel();
  });
  thread_.join();
}

}  // namespace weir::daemon
