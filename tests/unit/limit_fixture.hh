// One limiter on memory of its own, asked by the names of keys.
#pragma once

#include <string>

#include "pkg/limit/limiter.hh"

namespace weir::limit {

constexpr Time kSecond = 1'000'000'000;
constexpr Time kStart = 1'000'000 * kSecond;  // a whole number of every window in the tests

struct LimitFixture {
  State state;
  std::unique_ptr<Limiter> limiter;

  LimitFixture(Algorithm algorithm, std::string_view rate, uint64_t burst = 0, Bytes table = {1 << 20},
               Bytes logs = {1 << 20})
      : state(table, logs), limiter(make(algorithm, rate, burst)) {}

  std::unique_ptr<Limiter> make(Algorithm algorithm, std::string_view rate, uint64_t burst = 0,
                                std::string name = "rule") {
    return std::move(*Limiter::make({std::move(name), algorithm, *Rate::parse(rate), burst}, state));
  }
  // What a reload does: the new limiter is made before the old one goes.
  void reload(Algorithm algorithm, std::string_view rate, uint64_t burst = 0) {
    limiter = make(algorithm, rate, burst);
  }
  uint64_t hash(std::string_view key) const {
    KeyBuilder builder(*limiter);
    builder.add(key);
    return builder.finish();
  }
  Decision ask(Time now, uint32_t cost = 1, std::string_view key = "key") const {
    return limiter->decide(hash(key), now, cost);
  }
  uint64_t count_allowed(Time now, uint64_t requests) const {
    uint64_t allowed = 0;
    for (uint64_t i = 0; i < requests; ++i) allowed += ask(now).allowed ? 1 : 0;
    return allowed;
  }
};

}  // namespace weir::limit
