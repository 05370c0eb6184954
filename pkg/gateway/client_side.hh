// The client's side of one exchange: its request comes from here, its answer goes here.
#pragma once

#include <optional>

#include "pkg/aio/stream.hh"
#include "pkg/gateway/side.hh"
#include "pkg/http/body_source.hh"
#include "pkg/http/head.hh"

namespace weir::gateway {

// What follows a head.
struct Ending {
  bool length_known = true;  // the fields tell it, or there is no body
  bool keep_alive = true;    // the connection can serve another request
};

class ClientSide {
 public:
  virtual ~ClientSide() = default;

  // The request's head; its views live as long as this does. A refusal is to be answered.
  virtual std::optional<http::Refusal> read_head(http::RequestHead& out) = 0;
  virtual http::BodySource& body() = 0;  // once the head was read
  virtual std::string_view scheme() const = 0;
  virtual std::string_view protocol() const = 0;  // "HTTP/1.1", "HTTP/2"

  // An answer's head is what begin_head() writes, then field lines, then what end_head() writes.
  virtual void begin_head(std::string& out, int status, std::string_view reason) = 0;
  virtual void end_head(std::string& out, Ending ending) = 0;
  // Whether a body whose length nobody knows can be told from one that was cut off.
  virtual bool marks_end() const = 0;
  virtual aio::Task<Result<>> send_interim(std::string_view head, aio::Deadline deadline) = 0;
  virtual aio::Task<Result<>> send(Outgoing out, aio::Deadline deadline) = 0;
  // No (more) answer can come: the client is to notice.
  virtual void abort() = 0;

  // While set, the client's leaving cancels `task`; null ends that.
  virtual void watch(aio::TaskContext* task) = 0;
  // What this exchange has received and sent so far, for the log.
  virtual uint64_t bytes_in() const = 0;
  virtual uint64_t bytes_out() const = 0;

  // The connection itself, where a request can take it over (an upgrade); null where it can't.
  virtual aio::Stream* stream() = 0;
};

// While it lives, the client's leaving cancels `task`; with no task it does nothing.
class ClientWatch {
 public:
  ClientWatch(ClientSide& client, aio::TaskContext* task) : client_(client) {
    if (task != nullptr) client_.watch(task);
  }
  ~ClientWatch() { client_.watch(nullptr); }
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;

 private:
  ClientSide& client_;
};

}  // namespace weir::gateway
