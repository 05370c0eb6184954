#include "pkg/aio/connect.hh"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <uv.h>

#include "pkg/aio/stream_state.hh"

namespace weir::aio {
namespace {

class Connect final : public Operation {
 public:
  Connect(Stream::State& state, const Address& address, FirstToSend first, Deadline deadline)
      : state_(state), address_(address), first_(first), deadline_(deadline) {}
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
    if (first_ == FirstToSend::we) leave_out_ack();
    sockaddr_storage storage;
    address_.to_sockaddr(storage);
    const auto* to = reinterpret_cast<sockaddr*>(&storage);
    const int error = uv_tcp_connect(&request_, &state_.handle.tcp, to, on_connected);
    // Before it is connected: from waiting for that to reading is then one change of the epoll set, not two.
    if (error == 0) state_.start_reading();
    return error;
  }
  // Holds for the handshake only (tcp(7), TCP_QUICKACK), and spares connect() a sixth of its time on the
  // loopback. Where nothing is sent after all, the kernel's timer sends the ACK within 200 ms.
  void leave_out_ack() {
    uv_os_fd_t fd = -1;
    const int off = 0;
    uv_fileno(reinterpret_cast<const uv_handle_t*>(&state_.handle.tcp), &fd);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
  }
  static void on_connected(uv_connect_t* request, int status) {
    auto& connect = *static_cast<Connect*>(request->data);
    connect.error_ = status;
    connect.resume_now();
  }
  void on_interrupt() override { state_.close(); }  // libuv then calls on_connected

  Stream::State& state_;
  const Address& address_;
  FirstToSend first_;
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

int socket_option(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

}  // namespace

Task<Result<Stream>> connect(Loop& loop, Address address, Deadline deadline, FirstToSend first) {
  const bool is_unix = address.kind == Address::Kind::unix_path;
  auto* state = is_unix ? new Stream::State(loop, true)
                        : new Stream::State(loop, address.ip.is_v4() ? AF_INET : AF_INET6);
  Stream stream(state);
  auto connected = co_await Connect(*state, address, first, deadline);
  if (!connected) co_return std::unexpected(std::move(connected.error()));
  if (is_unix) {
    state->start_reading();
  } else {
    uv_tcp_nodelay(&state->handle.tcp, 1);
  }
  co_return std::move(stream);
}

Result<Stream> adopt(Loop& loop, Descriptor socket) {
  // That it has a peer is not asked: where both sides have finished it has none, and may yet hold bytes.
  const int family = socket_option(socket.get(), SO_DOMAIN);
  const bool is_unix = family == AF_UNIX;
  const bool is_known = is_unix || family == AF_INET || family == AF_INET6;
  if (!is_known || socket_option(socket.get(), SO_TYPE) != SOCK_STREAM ||
      socket_option(socket.get(), SO_ACCEPTCONN) != 0) {
    return fail(Errc::invalid, "adopt a socket: not a connection over TCP or a Unix socket");
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
