// A pool: members by name, what operators want of them, what is known of their health, and the view from
// which worker threads pick.
//
// All calls may come from any thread. Picking goes through a Reader of views(), one a thread, and takes no
// lock. report_result() is a few relaxed adds; it takes the lock, if it is free, only for a member that has
// failed too often in a row. All other judgement is in evaluate(), which someone calls regularly (each 100 ms
// to a second).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkg/balance/active_health.hh"
#include "pkg/balance/outlier.hh"
#include "pkg/balance/pool_state.hh"
#include "pkg/balance/published.hh"
#include "pkg/balance/slow_start.hh"
#include "pkg/balance/view.hh"

namespace weir::balance {

struct PoolSettings {
  Algorithm algorithm = Algorithm::round_robin;
  StrategySettings strategy{};
  ActiveSettings active{};
  OutlierSettings outlier{};
  SlowStartSettings slow_start{};
  // With a smaller share of members that are neither down nor ejected, health is ignored and all in service
  // take part: better some errors than all load on the few that are left. 0: off.
  double panic_threshold = 0.5;
};

constexpr uint32_t kMostWeight = 65'535;
constexpr size_t kMostMembers = 10'000;

struct MemberConfig {
  std::string name;     // no control characters
  uint32_t weight = 1;  // up to kMostWeight; 0 is as good as draining
  Admin admin = Admin::in_service;
  // Kept with the member as long as it lives; see Member::companion(). A member that stays keeps its own.
  std::shared_ptr<void> companion{};
};

enum class State : uint8_t {
  up,
  starting,  // up, with less than its full weight
  draining,
  disabled,
  down,     // say the active checks
  ejected,  // for a time, for how it answered
};
std::string_view to_string(State state);

// Something that changed, to be logged and told as an event.
struct Change {
  std::string member;  // empty: the pool as a whole, between "normal" and "panic"
  std::string from;    // a state, or "new"
  std::string to;      // a state, or "removed"
  std::string reason;  // for people
  MonotonicTime time;
};

struct MemberStatus {
  std::shared_ptr<Member> member;
  State state = State::up;
  std::string why;        // for people; empty for one that is up
  MonotonicTime since{};  // of the state
  std::optional<MonotonicTime> ejected_until{};
  uint32_t times_ejected = 0;
  Admin admin = Admin::in_service;
  uint32_t weight = 1;
  double share = 0;  // of new clients, that it is meant to get now; above zero for all that take part
  Recent::Summary recent{};
};

class Pool {
 public:
  Pool(std::string name, PoolSettings settings);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  using Reader = Published<View>::Reader;
  const Published<View>& views() const { return views_; }
  const std::string& name() const { return name_; }
  uint64_t in_flight() const;

  // How a request to the member ended. A client that went away before says nothing, and is not reported.
  void report_result(Member& member, bool ok, Duration latency, MonotonicTime now);
  // How an active check ended; `note` says why it failed. Of a member that is no more it is ignored.
  void report_check(std::string_view member, bool ok, std::string_view note, MonotonicTime now);
  void evaluate(MonotonicTime now);

  // Errc::invalid, Errc::limit, or Errc::not_found for a name that is not in the pool; nothing is changed
  // then.
  Result<> add(MemberConfig config, MonotonicTime now);
  Result<> remove(std::string_view member, MonotonicTime now);
  Result<> set_weight(std::string_view member, uint32_t weight, MonotonicTime now);
  Result<> drain(std::string_view member, MonotonicTime now);
  Result<> disable(std::string_view member, MonotonicTime now);
  Result<> enable(std::string_view member, MonotonicTime now);
  // The list as a config or a resolver gives it. Those who stay keep all that is known of them, and also what
  // an operator has set, where the list says the same of them as it did before.
  Result<> set_members(std::vector<MemberConfig> list, MonotonicTime now);
  void set_settings(PoolSettings settings, MonotonicTime now);

  std::vector<MemberStatus> status() const;  // by name
  bool is_panic() const;
  // What changed since the last call, oldest first; of more than kMostChanges the oldest are lost.
  static constexpr size_t kMostChanges = 10'000;
  std::vector<Change> take_changes();

  PoolState export_state(MonotonicTime now) const;
  // For members that are there now, or are added later.
  void import_state(PoolState state, MonotonicTime now);

 private:
  struct Entry {
    std::shared_ptr<Member> member;
    Admin admin, configured_admin;
    uint32_t weight, configured_weight;
    ActiveHealth health;
    std::string check_note;
    Ejection ejection;
    std::string ejection_note;
    std::optional<MonotonicTime> started;  // its slow start
    bool is_new = true;
    State state = State::up;
    std::string why;
    MonotonicTime since{};

    bool is_in_service() const { return admin == Admin::in_service && weight > 0; }
    bool is_healthy() const { return health.is_up() && !ejection.is_ejected(); }
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  Entry make_entry(const MemberConfig& config) const;
  void insert(const MemberConfig& config, MonotonicTime now);
  void restore(Entry& entry, const MemberState& state, MonotonicTime now) const;
  Result<> set_admin(std::string_view member, Admin admin, MonotonicTime now);
  void drop(Entries::iterator at, MonotonicTime now);

  size_t count_in_service() const;
  size_t count_ejected() const;
  bool try_eject(Entry& entry, std::string reason, MonotonicTime now);
  void eject_outliers(MonotonicTime now);
  static void release(Entry& entry);
  static void mark_ejected(const Entry& entry);
  // Where fewer members are in service now, fewer may be ejected.
  void release_above_cap(MonotonicTime now);
  // Brings states and the view up to what the entries say.
  void settle(MonotonicTime now);
  void settle_state(Entry& entry, MonotonicTime now);
  State state_of(const Entry& entry, MonotonicTime now) const;
  std::string reason_of(const Entry& entry, State state) const;
  bool settle_panic(MonotonicTime now);  // whether it has begun or ended
  void settle_view(MonotonicTime now);
  uint32_t effective_weight(const Entry& entry, MonotonicTime now) const;
  void add_change(Change change);

  const std::string name_;
  const std::shared_ptr<PoolCounters> counters_ = std::make_shared<PoolCounters>();
  std::atomic<uint32_t> consecutive_errors_;
  std::atomic<int64_t> ewma_decay_;
  Published<View> views_;

  mutable std::mutex mutex_;  // guards what follows
  PoolSettings settings_;
  Entries entries_;
  std::map<std::string, MemberState, std::less<>> remembered_;  // imported, of members not there yet
  std::vector<Change> changes_;
  bool is_panic_ = false;
  bool is_view_stale_ = false;
  std::vector<Candidate> candidates_;            // of the view that is published
  std::vector<std::shared_ptr<Member>> sticky_;  // likewise
};

}  // namespace weir::balance
