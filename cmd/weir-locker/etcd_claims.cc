#include "cmd/weir-locker/etcd_claims.hh"

namespace weir::locker {

using etcd::Reply;

namespace {

constexpr std::chrono::seconds kOwnTtl(60);  // as etcd's

// While its claim waits, a lease that the client knows nothing of is kept alive here.
aio::Task<> keep_lease(Engine& engine, keyspace::LeaseId lease) {
  for (;;) {
    const auto slept = co_await aio::sleep_until(engine.loop().in(kOwnTtl / 3));
    if (!slept) co_return;
    engine.keep_alive(lease);
  }
}

// Takes a claim back unless it is granted and told.
class Withdrawal {
 public:
  Withdrawal(Engine& engine, std::string key, keyspace::Revision created)
      : engine_(engine), key_(std::move(key)), created_(created) {}
  Withdrawal(const Withdrawal&) = delete;
  Withdrawal& operator=(const Withdrawal&) = delete;
  ~Withdrawal() {
    const auto found = engine_.keys().find(key_);
    if (created_ == 0 || found == nullptr || found->created != created_) return;
    keyspace::Request request;
    request.then.emplace_back(keyspace::Erase{{key_}});
    (void)engine_.begin(request);  // it can only fail with the journal, and the process with it
  }
  void forgo() { created_ = 0; }

 private:
  Engine& engine_;
  std::string key_;
  keyspace::Revision created_;
};

}  // namespace

aio::Task<Reply<EtcdGranted>> etcd_claim(EtcdCall& call, EtcdClaim claim) {
  Engine& engine = call.engine();
  if (claim.name.empty()) co_return etcd::kEmptyKey();
  if (claim.lease < 0) co_return etcd::kLeaseNotFound();
  keyspace::Request request;
  const bool is_own = claim.lease == 0;
  const keyspace::LeaseId lease = is_own ? engine.fresh_lease_id() : claim.lease;
  const std::string key = lock::key_of(claim.name, lease);
  const auto present = engine.keys().find(key);
  if (is_own) request.then.emplace_back(keyspace::Grant{.id = lease, .ttl = kOwnTtl, .ends_with_keys = true});
  if (present == nullptr || (claim.value && *claim.value != present->value)) {
    request.then.emplace_back(keyspace::Put{key, claim.value.value_or(""), lease});
  }
  const auto claimed = engine.begin(request);
  if (!claimed) co_return std::unexpected(etcd_status(claimed.error()));
  const keyspace::Revision created = engine.keys().find(key)->created;
  Withdrawal withdrawal(engine, key, present == nullptr ? created : 0);

  aio::Scope keeping(engine.loop());
  if (is_own) keeping.spawn(keep_lease(engine, lease));
  const auto granted = co_await engine.granted(key, created, call.deadline());
  co_await keeping.close();
  if (!granted) co_return std::unexpected(etcd_status(granted.error()));
  withdrawal.forgo();
  co_return EtcdGranted{key, created, lease, engine.visible()};
}

}  // namespace weir::locker
