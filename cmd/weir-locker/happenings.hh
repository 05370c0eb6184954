// What happens to locks, told when it is durable: to those who wait for a grant, as events, as metrics.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "pkg/journal/format.hh"
#include "pkg/lock/index.hh"

namespace weir::locker {

// Why a request was made.
enum class Cause : uint8_t {
  client,    // one asked for it
  given_up,  // one waits no more for what it has claimed
  expired,
  forced,
};

struct Happening {
  journal::Sequence sequence = 0;  // it may be told when this is durable
  lock::Happening::Kind kind = lock::Happening::Kind::claimed;
  Cause cause = Cause::client;
  std::string name;
  lock::Ticket ticket;
  std::string key;
  lock::Claim claim;
};

class Happenings {
 public:
  using Listener = std::function<void(const Happening&)>;

  void add(journal::Sequence sequence, Cause cause, const lock::Happening& happening) {
    Happening& kept = untold_.emplace_back(take_spare());
    kept.sequence = sequence;
    kept.kind = happening.kind;
    kept.cause = cause;
    kept.name = happening.name;
    kept.ticket = happening.ticket;
    kept.key = happening.claimant.key;
    kept.claim = happening.claimant.claim;
  }
  // Tells all up to `durable`, in order.
  void tell(journal::Sequence durable) {
    while (!untold_.empty() && untold_.front().sequence <= durable) {
      Happening happening = std::move(untold_.front());
      untold_.pop_front();
      for (const Listener& listener : listeners_) listener(happening);
      if (spare_.size() < kMostSpare) spare_.push_back(std::move(happening));
    }
  }

  // Listens for as long as it lives. A listener resumes nobody at once and begins nothing.
  class Listening {
   public:
    Listening(std::list<Listener>& all, Listener one)
        : all_(all), place_(all.insert(all.end(), std::move(one))) {}
    ~Listening() { all_.erase(place_); }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;

   private:
    std::list<Listener>& all_;
    std::list<Listener>::iterator place_;
  };
  [[nodiscard]] Listening listen(Listener listener) { return {listeners_, std::move(listener)}; }
  void listen_always(Listener listener) { listeners_.push_back(std::move(listener)); }

 private:
  static constexpr size_t kMostSpare = 64;

  Happening take_spare() {
    if (spare_.empty()) return {};
    Happening spare = std::move(spare_.back());
    spare_.pop_back();
    return spare;
  }

  std::deque<Happening> untold_;
  std::vector<Happening> spare_;  // for the memory of their texts
  std::list<Listener> listeners_;
};

}  // namespace weir::locker
