// What happens to locks, told when it is durable: to those who wait for a grant, as events, as metrics.
#pragma once

#include <deque>
#include <functional>
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
  void add(Happening happening) { untold_.push_back(std::move(happening)); }
  // Tells all up to `durable`, in order.
  void tell(journal::Sequence durable) {
    while (!untold_.empty() && untold_.front().sequence <= durable) {
      const Happening happening = std::move(untold_.front());
      untold_.pop_front();
      for (const auto& listener : listeners_) listener(happening);
    }
  }
  void listen(std::function<void(const Happening&)> listener) { listeners_.push_back(std::move(listener)); }

 private:
  std::deque<Happening> untold_;
  std::vector<std::function<void(const Happening&)>> listeners_;
};

}  // namespace weir::locker
