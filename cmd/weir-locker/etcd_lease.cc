// etcd's leases, in seconds as it counts them.

#include <algorithm>

#include "cmd/weir-locker/etcd_call.hh"
#include "cmd/weir-locker/etcd_messages.hh"

namespace weir::locker {

using namespace etcdserverpb;
using etcd::Code;
using etcd::Reply;
using etcd::Status;
using keyspace::Millis;

namespace {

// A lease of less than a second still has one: 0 says that it has ended.
int64_t seconds_of(Millis ttl) {
  return std::chrono::ceil<std::chrono::seconds>(ttl).count();
}

aio::Task<Reply<LeaseGrantResponse>> grant(EtcdCall& call, LeaseGrantRequest asked) {
  constexpr int64_t kMostSeconds = 9'000'000'000;  // as etcd; the keyspace's own bound is far below
  if (asked.ttl() > kMostSeconds) co_return etcd::kTtlTooLarge();
  if (asked.id() < 0) co_return etcd::refuse(Code::invalid_argument, "etcdserver: a lease's id is negative");
  Engine& engine = call.engine();
  const std::chrono::seconds ttl(std::max<int64_t>(asked.ttl(), 1));
  const keyspace::LeaseId id = asked.id() > 0 ? asked.id() : engine.fresh_lease_id();
  keyspace::Request request;
  request.then.emplace_back(keyspace::Grant{.id = id, .ttl = ttl});
  const auto done = co_await engine.commit(std::move(request));
  if (!done && done.error().code == Errc::refused) co_return etcd::kLeaseExists();
  if (!done && done.error().code == Errc::invalid) co_return etcd::kTtlTooLarge();
  if (!done) co_return std::unexpected(etcd_status(done.error()));
  auto response = with_header<LeaseGrantResponse>(done->revision);
  response.set_id(id);
  response.set_ttl(ttl.count());
  co_return response;
}

aio::Task<Reply<LeaseRevokeResponse>> revoke(EtcdCall& call, LeaseRevokeRequest asked) {
  keyspace::Request request;
  request.then.emplace_back(keyspace::Revoke{asked.id()});
  const auto done = co_await call.engine().commit(std::move(request));
  if (!done) co_return std::unexpected(etcd_status(done.error()));
  co_return with_header<LeaseRevokeResponse>(done->revision);
}

aio::Task<Status> keep_alive(EtcdCall& call) {
  Engine& engine = call.engine();
  aio::TaskContext& me = co_await aio::this_task();
  const aio::IdleList::Mark mark(engine.listeners(), me);
  LeaseKeepAliveRequest asked;
  for (;;) {
    const auto read = co_await call.read(asked);
    if (!read) co_return read.error();
    if (!*read) co_return Status{};
    const bool is_there = engine.keep_alive(asked.id());
    const auto* const lease = engine.keys().find_lease(asked.id());
    auto response = with_header<LeaseKeepAliveResponse>(engine.visible());
    response.set_id(asked.id());
    response.set_ttl(is_there ? seconds_of(lease->ttl) : 0);
    if (!is_there) {
      const auto settled = co_await engine.settle();  // that it has ended may not be durable yet
      if (!settled) co_return etcd_status(settled.error());
    }
    const auto added = call.add(response);
    if (!added) co_return added.error();
    const auto sent = co_await call.send();
    if (!sent) co_return sent.error();
  }
}

aio::Task<Reply<LeaseTimeToLiveResponse>> time_to_live(EtcdCall& call, LeaseTimeToLiveRequest asked) {
  Engine& engine = call.engine();
  auto response = with_header<LeaseTimeToLiveResponse>(engine.keys().revision());
  response.set_id(asked.id());
  response.set_ttl(-1);
  if (const auto* const lease = engine.keys().find_lease(asked.id())) {
    response.set_ttl(std::max<int64_t>(seconds_of(lease->ends - engine.now()), 0));
    response.set_grantedttl(seconds_of(lease->ttl));
    if (asked.keys()) {
      for (const std::string& key : lease->keys) response.add_keys(key);
    }
  }
  const auto settled = co_await engine.settle();
  if (!settled) co_return std::unexpected(etcd_status(settled.error()));
  co_return response;
}

aio::Task<Reply<LeaseLeasesResponse>> leases(EtcdCall& call, LeaseLeasesRequest) {
  Engine& engine = call.engine();
  auto response = with_header<LeaseLeasesResponse>(engine.keys().revision());
  for (const auto& [id, lease] : engine.keys().leases()) response.add_leases()->set_id(id);
  const auto settled = co_await engine.settle();
  if (!settled) co_return std::unexpected(etcd_status(settled.error()));
  co_return response;
}

}  // namespace

EtcdMethod etcd_lease_method(std::string_view name) {
  if (name == "LeaseGrant") return etcd_unary<LeaseGrantRequest, LeaseGrantResponse, grant>;
  if (name == "LeaseRevoke") return etcd_unary<LeaseRevokeRequest, LeaseRevokeResponse, revoke>;
  if (name == "LeaseKeepAlive") return keep_alive;
  if (name == "LeaseTimeToLive")
    return etcd_unary<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, time_to_live>;
  if (name == "LeaseLeases") return etcd_unary<LeaseLeasesRequest, LeaseLeasesResponse, leases>;
  return nullptr;
}

}  // namespace weir::locker
