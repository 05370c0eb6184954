// One gRPC call of an etcd client: messages in, messages out, and how it ended.
#pragma once

#include "cmd/weir-locker/etcd_door.hh"
#include "pkg/etcd/refusals.hh"
#include "pkg/http/h2_server.hh"

namespace google::protobuf {
class MessageLite;
}

namespace weir::locker {

struct EtcdConnection {
  Engine& engine;
  const EtcdSettings& settings;
  size_t watches = 0;
  size_t unsent = 0;  // bytes of answers
};

class EtcdCall {
 public:
  using Message = google::protobuf::MessageLite;

  EtcdCall(EtcdConnection& connection, http::H2ServerStream& stream, aio::Deadline deadline)
      : connection_(connection),
        stream_(stream),
        deadline_(deadline),
        reader_(connection.settings.request.count) {}
  ~EtcdCall() { forget_outgoing(); }
  EtcdCall(const EtcdCall&) = delete;
  EtcdCall& operator=(const EtcdCall&) = delete;

  Engine& engine() const { return connection_.engine; }
  const EtcdSettings& settings() const { return connection_.settings; }
  EtcdConnection& connection() const { return connection_; }
  aio::Deadline deadline() const { return deadline_; }  // the client's
  // How the client calls us.
  std::string_view scheme() const { return stream_.scheme; }
  std::string_view authority() const { return stream_.head.host; }

  // The client's next message; false: it has said all.
  aio::Task<etcd::Reply<bool>> read(Message& message);
  // The only one, of a client that will say nothing else.
  aio::Task<etcd::Reply<>> read_only(Message& message);

  // What leaves with the next send() or with the end. Refused when too much waits for the client already.
  etcd::Reply<> add(const Message& message);
  aio::Task<etcd::Reply<>> send();
  // Whatever was added is part of a good end only.
  aio::Task<> finish(etcd::Status status);

 private:
  void forget_outgoing();
  aio::Task<etcd::Reply<bool>> read_by(Message& message, aio::Deadline deadline);

  EtcdConnection& connection_;
  http::H2ServerStream& stream_;
  aio::Deadline deadline_;
  etcd::MessageReader reader_;
  std::string outgoing_;
  bool has_head_ = false;
};

// How an error of ours is told.
etcd::Status etcd_status(const Error& error);

// What answers a method; it begins with reading the request.
using EtcdMethod = aio::Task<etcd::Status> (*)(EtcdCall&);
// Null: the service has no such method.
EtcdMethod etcd_kv_method(std::string_view name);
EtcdMethod etcd_watch_method(std::string_view name);
EtcdMethod etcd_lease_method(std::string_view name);
EtcdMethod etcd_lock_method(std::string_view name);
EtcdMethod etcd_election_method(std::string_view name);
EtcdMethod etcd_cluster_method(std::string_view name);
EtcdMethod etcd_maintenance_method(std::string_view name);

// The method that answers one message with one.
template <typename Request, typename Response, aio::Task<etcd::Reply<Response>> (*answer)(EtcdCall&, Request)>
aio::Task<etcd::Status> etcd_unary(EtcdCall& call) {
  Request request;
  const auto read = co_await call.read_only(request);
  if (!read) co_return read.error();
  auto response = co_await answer(call, std::move(request));
  if (!response) co_return std::move(response.error());
  auto added = call.add(*response);
  if (!added) co_return std::move(added.error());
  co_return etcd::Status{};
}

}  // namespace weir::locker
