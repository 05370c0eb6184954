#include "cmd/weir-locker/etcd_claims.hh"

#include "cmd/weir-locker/locks.hh"

namespace weir::locker {

using etcd::Reply;

namespace {

constexpr std::chrono::seconds kOwnTtl(60);  // as etcd's

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
    (void)engine_.begin(request,
                        Cause::given_up);  // it can only fail with the journal, and the process with it
  }
  void forgo() { created_ = 0; }

 private:
  Engine& engine_;
  std::string key_;
  keyspace::Revision created_;
};

// Whether a new claim was made, and how it ended.
struct Attempt {
  bool is_new = false;
  Result<> outcome = {};
};

aio::Task<Attempt> attempt(Engine& engine, const EtcdClaim& claim, EtcdGranted& out, aio::Deadline deadline) {
  const bool is_own = claim.lease == 0;
  out.lease = is_own ? engine.fresh_lease_id() : claim.lease;
  out.key = lock::key_of(claim.name, out.lease);
  const auto present = engine.keys().find(out.key);
  keyspace::Request request;
  if (is_own) {
    request.then.emplace_back(keyspace::Grant{.id = out.lease, .ttl = kOwnTtl, .ends_with_keys = true});
  }
  if (present == nullptr || (claim.value && *claim.value != present->value)) {
    request.then.emplace_back(keyspace::Put{out.key, claim.value.value_or(""), out.lease});
  }
  Attempt made{.is_new = present == nullptr};
  const auto claimed = engine.begin(request);
  if (!claimed) {
    made.outcome = std::unexpected(claimed.error());
    co_return made;
  }
  out.created = engine.keys().find(out.key)->created;
  Withdrawal withdrawal(engine, out.key, made.is_new ? out.created : 0);

  aio::Scope keeping(engine.loop());
  if (is_own) keeping.spawn(keep_session(engine, out.lease, kOwnTtl / 3));
  made.outcome = co_await engine.granted(out.key, out.created, deadline);
  co_await keeping.close();
  out.revision = engine.keys().revision();
  if (made.outcome) made.outcome = co_await engine.settle();
  if (made.outcome) withdrawal.forgo();
  co_return made;
}

}  // namespace

aio::Task<Reply<EtcdGranted>> etcd_claim(EtcdCall& call, EtcdClaim claim) {
  Engine& engine = call.engine();
  if (claim.name.empty()) co_return etcd::kEmptyKey();
  if (claim.lease < 0) co_return etcd::kLeaseNotFound();
  EtcdGranted granted;
  for (;;) {
    auto made = co_await attempt(engine, claim, granted, call.deadline());
    if (made.outcome) break;
    // It was the claim of another call for this lease, which its client has given up: then it is made anew.
    const bool was_withdrawn = !made.is_new && made.outcome.error().code == Errc::not_found &&
                               engine.keys().find_lease(claim.lease) != nullptr;
    if (!was_withdrawn) co_return std::unexpected(etcd_status(made.outcome.error()));
  }
  co_return granted;
}

}  // namespace weir::locker
