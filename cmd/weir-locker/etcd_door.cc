#include "cmd/weir-locker/etcd_door.hh"

#include <array>

#include "cmd/weir-locker/etcd_call.hh"

namespace weir::locker {

using etcd::Code;
using etcd::Status;

namespace {

struct Service {
  std::string_view name;
  EtcdMethod (*find)(std::string_view method);
};

constexpr std::array kServices{
    Service{"etcdserverpb.KV", etcd_kv_method},
    Service{"etcdserverpb.Watch", etcd_watch_method},
    Service{"etcdserverpb.Lease", etcd_lease_method},
    Service{"v3lockpb.Lock", etcd_lock_method},
    Service{"v3electionpb.Election", etcd_election_method},
    Service{"etcdserverpb.Cluster", etcd_cluster_method},
    Service{"etcdserverpb.Maintenance", etcd_maintenance_method},
};

EtcdMethod find_method(std::string_view path) {
  const auto parsed = etcd::parse_method_path(path);
  if (!parsed) return nullptr;
  for (const Service& service : kServices) {
    if (service.name == parsed->service) return service.find(parsed->method);
  }
  return nullptr;
}

// Why this is no gRPC call, as the status of HTTP; 0: it is one.
int http_problem(const http::H2ServerStream& stream) {
  if (stream.refusal) return stream.refusal->status;
  if (stream.head.method != http::Method::post) return 405;
  if (!etcd::is_grpc_content(stream.head.fields.find("content-type").value_or(""))) return 415;
  return 0;
}

aio::Task<Status> answer(EtcdCall& call, const http::RequestHead& head) {
  const auto encoding = head.fields.find("grpc-encoding").value_or("identity");
  if (encoding != "identity") co_return Status{Code::unimplemented, "compressed messages are not understood"};
  const EtcdMethod method = find_method(head.path);
  if (method == nullptr) {
    co_return Status{Code::unimplemented, "this server has no method " + std::string(head.path)};
  }
  co_return co_await method(call);
}

aio::Task<> serve_call(EtcdConnection& connection, http::H2ServerStreamPtr stream) {
  aio::TaskContext& task = co_await aio::this_task();
  stream->watch(&task);
  const aio::Loop& loop = connection.engine.loop();
  if (const int problem = http_problem(*stream); problem != 0) {
    const http::H2Answer refusal{.status = problem, .last = true};
    (void)co_await stream->send(refusal, loop.in(connection.settings.send_timeout));
    co_return;
  }
  aio::Deadline deadline = aio::Deadline::never();
  bool is_timeout_good = true;
  if (const auto field = stream->head.fields.find("grpc-timeout")) {
    const auto timeout = etcd::parse_timeout(*field);
    is_timeout_good = timeout.has_value();
    if (timeout) deadline = loop.in(*timeout);
  }
  EtcdCall call(connection, *stream, deadline);
  Status status{Code::internal, "the timeout is malformed"};
  if (is_timeout_good) status = co_await answer(call, stream->head);
  co_await call.finish(std::move(status));
  stream->watch(nullptr);
}

}  // namespace

aio::Task<> serve_etcd(Engine& engine, aio::Stream stream, const EtcdSettings& settings) {
  EtcdConnection connection{engine, settings};
  http::H2Settings h2;
  h2.max_concurrent_streams = settings.streams;
  h2.head.any_host = true;
  http::H2ServerSession* serving = nullptr;
  http::H2ServerSession session(engine.loop(), stream, h2, [&](http::H2ServerStreamPtr request) {
    serving->scope().spawn(serve_call(connection, std::move(request)));
  });
  serving = &session;
  const Engine::OnEnd drains(engine, [&] { session.drain(); });
  if (engine.is_ending()) session.drain();
  co_await session.run();
}

}  // namespace weir::locker
