// etcd's service for locks.

#include "cmd/weir-locker/etcd_claims.hh"
#include "cmd/weir-locker/etcd_messages.hh"
#include "pkg/etcd/v3lock.pb.h"

namespace weir::locker {

using etcd::Reply;
using namespace v3lockpb;

namespace {

aio::Task<Reply<LockResponse>> lock(EtcdCall& call, LockRequest asked) {
  EtcdClaim claim{.name = asked.name(), .lease = asked.lease()};
  auto granted = co_await etcd_claim(call, std::move(claim));
  if (!granted) co_return std::unexpected(std::move(granted.error()));
  auto response = with_header<LockResponse>(granted->revision);
  response.set_key(granted->key);
  co_return response;
}

// As etcd: a lock that is gone is no error.
aio::Task<Reply<UnlockResponse>> unlock(EtcdCall& call, UnlockRequest asked) {
  if (asked.key().empty()) co_return etcd::kEmptyKey();
  keyspace::Request request;
  request.then.emplace_back(keyspace::Erase{{asked.key()}});
  const auto done = co_await call.engine().commit(std::move(request));
  if (!done) co_return std::unexpected(etcd_status(done.error()));
  co_return with_header<UnlockResponse>(done->revision);
}

}  // namespace

EtcdMethod etcd_lock_method(std::string_view name) {
  if (name == "Lock") return etcd_unary<LockRequest, LockResponse, lock>;
  if (name == "Unlock") return etcd_unary<UnlockRequest, UnlockResponse, unlock>;
  return nullptr;
}

}  // namespace weir::locker
