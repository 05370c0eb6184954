// What happens to locks, told when it is durable: to those who wait for a grant, as events, as metrics.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <string>

#include "pkg/journal/format.hh"
#include "pkg/lock/index.hh"

namespace weir::locker {

// Why a request was made.
enum class Cause : uint8_t { client, expired, forced };

struct Happening {
  journal::Sequence sequence = 0;  // it may be told when this is durable
  lock::Happening::Kind kind;
  Cause cause = Cause::client;
  std::string name;
  lock::Ticket ticket;
  std::string key;
  lock::Claim claim;
};

class Happenings {
 public:
  using Listener = std::function<void(const Happening&)>;

  void add(Happening happening) { untold_.push_back(std::move(happening)); }
  // Tells all up to `durable`, in order.
  void tell(journal::Sequence durable) {
    while (!untold_.empty() && untold_.front().sequence <= durable) {
      const Happening happening = std::move(untold_.front());
      untold_.pop_front();
      for (const Listener& listener : listeners_) listener(happening);
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
  std::deque<Happening> untold_;
  std::list<Listener> listeners_;
};

}  // namespace weir::locker
