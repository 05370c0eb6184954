// One server of a pool, as worker threads share it. It lives on over changes of the config and of its state
// as long as someone holds it; its name is what makes it the same server.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "pkg/balance/latency_estimate.hh"
#include "pkg/balance/recent.hh"

namespace weir::balance {

// What all members and all views of one pool count together.
struct PoolCounters {
  alignas(64) std::atomic<uint64_t> turn = 0;  // of the round robins; goes on when a view is replaced
  alignas(64) std::atomic<int64_t> in_flight = 0;
};

class Member : public std::enable_shared_from_this<Member> {
 public:
  // `companion` is what the caller keeps with the member: its address, breaker, connections.
  Member(std::string name, std::shared_ptr<PoolCounters> counters, std::shared_ptr<void> companion = nullptr);

  const std::string& name() const { return name_; }
  // Of the name, the same in every process, so that balancers side by side place keys alike.
  uint64_t hash() const { return hash_; }
  template <typename T>
  T* companion() const {
    return static_cast<T*>(companion_.get());
  }

  uint64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  uint64_t requests() const { return requests_.load(std::memory_order_relaxed); }  // that ended, ever
  uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }
  uint64_t failures_in_row() const { return failures_in_row_.load(std::memory_order_relaxed); }
  const LatencyEstimate& latency() const { return latency_; }
  const Recent& recent() const { return recent_; }
  // Ejected a moment ago: views that still hold it pass it over.
  bool is_ejected() const { return is_ejected_.load(std::memory_order_relaxed); }

 private:
  friend class InFlight;
  friend class Pool;

  // How many failures in a row there are now.
  uint64_t record(bool ok, Duration latency, MonotonicTime now, Duration decay);

  const std::string name_;
  const uint64_t hash_;
  const std::shared_ptr<PoolCounters> counters_;
  const std::shared_ptr<void> companion_;
  std::atomic<bool> is_ejected_ = false;

  // A line of its own: picks of all threads read it, requests that begin and end write it.
  alignas(64) std::atomic<uint64_t> in_flight_ = 0;
  LatencyEstimate latency_;
  std::atomic<uint64_t> failures_in_row_ = 0;
  std::atomic<uint64_t> requests_ = 0;
  std::atomic<uint64_t> failures_ = 0;
  alignas(64) Recent recent_;
};

// A request or connection on its way to a member: counted from here until it is destroyed.
class InFlight {
 public:
  InFlight() = default;
  explicit InFlight(Member& member) : member_(member.shared_from_this()) {
    member_->in_flight_.fetch_add(1, std::memory_order_relaxed);
    member_->counters_->in_flight.fetch_add(1, std::memory_order_relaxed);
  }
  InFlight(InFlight&& other) noexcept : member_(std::move(other.member_)) {}
  InFlight& operator=(InFlight&& other) noexcept {
    std::swap(member_, other.member_);
    return *this;
  }
  ~InFlight() {
    if (!member_) return;
    member_->in_flight_.fetch_sub(1, std::memory_order_relaxed);
    member_->counters_->in_flight.fetch_sub(1, std::memory_order_relaxed);
  }

  Member* member() const { return member_.get(); }  // null: of none

 private:
  std::shared_ptr<Member> member_;
};

}  // namespace weir::balance
