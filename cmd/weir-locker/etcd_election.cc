// etcd's service for elections: a leader is who holds the lock of that name, and the value of its key is what
// it stands for.

#include "cmd/weir-locker/etcd_claims.hh"
#include "cmd/weir-locker/etcd_messages.hh"
#include "cmd/weir-locker/watch.hh"
#include "pkg/etcd/v3election.pb.h"

namespace weir::locker {

using etcd::Reply;
using etcd::Status;
using namespace v3electionpb;

namespace {

// Null: nobody leads.
keyspace::KeyValuePtr find_leader(const Engine& engine, const std::string& name) {
  const lock::Queue* const queue = engine.locks().find(name);
  if (queue == nullptr || queue->is_empty()) return nullptr;
  return engine.keys().find(queue->claimants().begin()->second.key);
}

aio::Task<Reply<CampaignResponse>> campaign(EtcdCall& call, CampaignRequest asked) {
  EtcdClaim claim{.name = asked.name(), .lease = asked.lease(), .value = asked.value()};
  auto granted = co_await etcd_claim(call, std::move(claim));
  if (!granted) co_return std::unexpected(std::move(granted.error()));
  auto response = with_header<CampaignResponse>(granted->revision);
  LeaderKey* const leader = response.mutable_leader();
  leader->set_name(asked.name());
  leader->set_key(granted->key);
  leader->set_rev(granted->created);
  leader->set_lease(granted->lease);
  co_return response;
}

// That the key is still the one of that campaign.
keyspace::Compare is_still(const LeaderKey& leader) {
  return {.range = {leader.key()}, .target = keyspace::Compare::Target::created, .number = leader.rev()};
}

aio::Task<Reply<ProclaimResponse>> proclaim(EtcdCall& call, ProclaimRequest asked) {
  const LeaderKey& leader = asked.leader();
  if (leader.key().empty()) co_return etcd::kEmptyKey();
  if (leader.rev() <= 0) co_return etcd::kNotLeader();
  keyspace::Request request;
  request.compares.push_back(is_still(leader));
  request.then.emplace_back(keyspace::Put{.key = leader.key(), .value = asked.value(), .keeps_lease = true});
  const auto done = co_await call.engine().commit(std::move(request));
  if (!done) co_return std::unexpected(etcd_status(done.error()));
  if (!done->held) co_return etcd::kNotLeader();
  co_return with_header<ProclaimResponse>(done->revision);
}

aio::Task<Reply<ResignResponse>> resign(EtcdCall& call, ResignRequest asked) {
  if (asked.leader().key().empty()) co_return etcd::kEmptyKey();
  keyspace::Request request;
  request.compares.push_back(is_still(asked.leader()));
  request.then.emplace_back(keyspace::Erase{{asked.leader().key()}});
  const auto done = co_await call.engine().commit(std::move(request));
  if (!done) co_return std::unexpected(etcd_status(done.error()));
  co_return with_header<ResignResponse>(done->revision);
}

aio::Task<Reply<LeaderResponse>> leader(EtcdCall& call, LeaderRequest asked) {
  Engine& engine = call.engine();
  const auto key = find_leader(engine, asked.name());
  auto response = with_header<LeaderResponse>(engine.keys().revision());
  const auto settled = co_await engine.settle();
  if (!settled) co_return std::unexpected(etcd_status(settled.error()));
  if (key == nullptr) co_return etcd::kNoLeader();
  show_key(*key, response.mutable_kv());
  co_return response;
}

// Every leader, and what it proclaims; of what changes faster than the client reads, the last.
aio::Task<Status> observe(EtcdCall& call) {
  LeaderRequest asked;
  const auto read = co_await call.read_only(asked);
  if (!read) co_return read.error();
  if (asked.name().empty()) co_return etcd::kEmptyKey.status();
  Engine& engine = call.engine();
  aio::TaskContext& me = co_await aio::this_task();
  const aio::IdleList::Mark mark(engine.listeners(), me);
  aio::Event changed;
  const keyspace::KeyRange range = lock::queue_range(asked.name());
  const Watch watch(engine, range, engine.keys().revision() + 1, changed);
  keyspace::Revision told = 0;
  for (;;) {
    changed.reset();
    const auto key = find_leader(engine, asked.name());
    auto response = with_header<LeaderResponse>(engine.keys().revision());
    const auto settled = co_await engine.settle();
    if (!settled) co_return etcd_status(settled.error());
    if (key != nullptr && key->modified != told) {
      told = key->modified;
      show_key(*key, response.mutable_kv());
      const auto added = call.add(response);
      if (!added) co_return added.error();
      const auto sent = co_await call.send();
      if (!sent) co_return sent.error();
    }
    const auto woken = co_await changed.wait(call.deadline());
    if (!woken) co_return etcd_status(woken.error());
  }
}

}  // namespace

EtcdMethod etcd_election_method(std::string_view name) {
  if (name == "Campaign") return etcd_unary<CampaignRequest, CampaignResponse, campaign>;
  if (name == "Proclaim") return etcd_unary<ProclaimRequest, ProclaimResponse, proclaim>;
  if (name == "Leader") return etcd_unary<LeaderRequest, LeaderResponse, leader>;
  if (name == "Observe") return observe;
  if (name == "Resign") return etcd_unary<ResignRequest, ResignResponse, resign>;
  return nullptr;
}

}  // namespace weir::locker
