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

void WorkerThread::listen(const std::string& address, aio::Descriptor socket) {
  loop_.post([this, address, fd = socket.release()] {
    auto listener = aio::Listener::start(loop_, aio::Descriptor(fd),
                                         [this](aio::Stream stream) { accept(std::move(stream)); });
    if (listener) {
      listeners_.emplace(address, std::move(*listener));
    } else {
      log::error("cannot listen", {{"address", address}, {"reason", listener.error().message}});
    }
  });
}

void WorkerThread::accept(aio::Stream stream) {
  counts_.accepted->add();
  if (static_cast<uint64_t>(counts_.open->value()) >= counts_.most.load(std::memory_order_relaxed)) {
    counts_.refused->add();
    return;  // closes it
  }
  counts_.open->add(1);
  connections_.spawn(worker_service_->serve(std::move(stream)));
}

void WorkerThread::stop_listening(const std::string& address) {
  loop_.post([this, address] {
    const auto found = listeners_.find(address);
    if (found == listeners_.end()) return;
    closing_.spawn(close_listener(std::move(found->second)));
    listeners_.erase(found);
  });
}

aio::Task<> WorkerThread::close_listener(aio::Listener listener) {
  co_await listener.drain();
}

void WorkerThread::drain(std::function<void()> ended) {
  loop_.post([this, ended = std::move(ended)]() mutable { begin_finish(std::move(ended)); });
}

void WorkerThread::begin_finish(std::function<void()> ended) {
  if (draining_) return;
  draining_ = true;
  for (auto& [address, listener] : listeners_) closing_.spawn(close_listener(std::move(listener)));
  listeners_.clear();
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
