#include "pkg/aio/connect.hh"

#include <netdb.h>
#include <uv.h>

#include "pkg/aio/stream_state.hh"

namespace weir::aio {
namespace {

class Connect final : public Operation {
 public:
  Connect(Stream::State& state, const Address& address, Deadline deadline)
      : state_(state), address_(address), deadline_(deadline) {}
  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!start(handle, *handle.promise().context, deadline_)) return false;
    request_.data = this;
    if (const int error = begin(); error != 0) {
      error_ = error;
      finish();
      return false;
    }
    return true;
  }
  Result<> await_resume() {
    if (outcome() != Outcome::ok) return to_result(outcome(), "connecting");
    if (error_ != 0) return fail_errno("connecting", -error_);  // libuv's numbers are negated errno values
    return {};
  }

 private:
  int begin() {
    if (address_.kind == Address::Kind::unix_path) {
      uv_pipe_connect(&request_, &state_.handle.pipe, address_.text.c_str(), on_connected);
      return 0;
    }
    sockaddr_storage storage;
    address_.to_sockaddr(storage);
    return uv_tcp_connect(&request_, &state_.handle.tcp, reinterpret_cast<sockaddr*>(&storage), on_connected);
  }
  static void on_connected(uv_connect_t* request, int status) {
    auto& connect = *static_cast<Connect*>(request->data);
    connect.error_ = status;
    connect.resume_now();
  }
  void on_interrupt() override { state_.close(); }  // libuv then calls on_connected

  Stream::State& state_;
  const Address& address_;
  Deadline deadline_;
  uv_connect_t request_;
  int error_ = 0;
};

class Resolve final : public Operation {
 public:
  Resolve(Loop& loop, const std::string& name, Deadline deadline)
      : loop_(loop), name_(name), deadline_(deadline) {}
  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!start(handle, *handle.promise().context, deadline_)) return false;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    // The request outlives this operation when the wait is given up: the resolver's thread cannot be stopped.
    request_ = new uv_getaddrinfo_t;
    request_->data = this;
    error_ = uv_getaddrinfo(loop_.uv(), request_, on_resolved, name_.c_str(), nullptr, &hints);
    if (error_ == 0) return true;
    delete request_;
    finish();
    return false;
  }
  Result<std::vector<Address>> await_resume() {
    if (outcome() != Outcome::ok) return std::unexpected(to_result(outcome(), "resolving " + name_).error());
    if (error_ != 0) return fail(Errc::not_found, "resolving " + name_ + ": " + uv_strerror(error_));
    return std::move(found_);
  }

 private:
  static void on_resolved(uv_getaddrinfo_t* request, int status, addrinfo* list) {
    if (auto* resolve = static_cast<Resolve*>(request->data)) {
      resolve->error_ = status;
      for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
        resolve->found_.push_back(Address::from_sockaddr(entry->ai_addr));
      }
      resolve->resume_later();
    }
    uv_freeaddrinfo(list);
    delete request;
  }
  void on_interrupt() override {
    request_->data = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(request_));
    resume_later();
  }

  Loop& loop_;
  const std::string& name_;
  Deadline deadline_;
  uv_getaddrinfo_t* request_ = nullptr;
  std::vector<Address> found_;
  int error_ = 0;
};

}  // namespace

Task<Result<Stream>> connect(Loop& loop, Address address, Deadline deadline) {
  const bool is_unix = address.kind == Address::Kind::unix_path;
  auto* state = new Stream::State(loop, is_unix);
  Stream stream(state);
  auto connected = co_await Connect(*state, address, deadline);
  if (!connected) co_return std::unexpected(std::move(connected.error()));
  if (!is_unix) uv_tcp_nodelay(&state->handle.tcp, 1);
  state->start_reading();
  co_return std::move(stream);
}

Result<Stream> adopt(Loop& loop, Descriptor socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    return fail(Errc::invalid, "adopt a socket: it is not connected");
  }
  const bool is_unix = peer.ss_family == AF_UNIX;
  if (!is_unix && peer.ss_family != AF_INET && peer.ss_family != AF_INET6) {
    return fail(Errc::invalid, "adopt a socket: neither TCP nor Unix");
  }
  auto* state = new Stream::State(loop, is_unix);
  Stream stream(state);
  const int error = is_unix ? uv_pipe_open(&state->handle.pipe, socket.get())
                            : uv_tcp_open(&state->handle.tcp, socket.get());
  if (error != 0) return fail(Errc::invalid, std::string("adopt a socket: ") + uv_strerror(error));
  socket.release();  // libuv owns it now
  if (!is_unix) uv_tcp_nodelay(&state->handle.tcp, 1);
  state->start_reading();
  return stream;
}

Task<Result<std::vector<Address>>> resolve(Loop& loop, std::string name, uint16_t port, Deadline deadline) {
  auto found = co_await Resolve(loop, name, deadline);
  if (found) {
    for (Address& address : *found) address.port = port;
  }
  co_return std::move(found);
}

}  // namespace weir::aio
