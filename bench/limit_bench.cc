// The cost of one decision with a million live keys: time a decision, for each algorithm, with keys drawn
// evenly and by Zipf's law, on one thread and on two.

#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>
#include <utility>
#include <vector>

#include "pkg/base/random.hh"
#include "pkg/limit/limiter.hh"

using namespace weir;
using namespace weir::limit;

namespace {

constexpr uint64_t kKeys = 1'000'000;
constexpr size_t kDecisions = 4'000'000;

std::vector<uint32_t> draw_keys(bool zipf, uint64_t seed) {
  Random random(seed);
  std::vector<uint32_t> keys(1 << 20);
  for (uint32_t& key : keys) {
    // The inverse of a Zipf distribution's cumulated form, for an exponent of 1.
    const double rank = zipf ? std::pow(static_cast<double>(kKeys), random.unit()) : random.unit() * kKeys;
    key = static_cast<uint32_t>(rank) % kKeys;
  }
  return keys;
}

uint64_t key_of(const Limiter& limiter, uint32_t number) {
  KeyBuilder builder(limiter);
  const uint64_t address[2] = {0xffff0000, number};  // as long as an IP address
  builder.add({reinterpret_cast<const char*>(address), sizeof address});
  return builder.finish();
}

// `ahead`: how many decisions before its own a key is known and its place prefetched; 0: not at all.
double run(const Limiter& limiter, const std::vector<uint32_t>& keys, size_t ahead) {
  const auto start = std::chrono::steady_clock::now();
  uint64_t allowed = 0;
  constexpr size_t kMostAhead = 8;
  uint64_t known[kMostAhead] = {};
  for (size_t i = 0; i < kDecisions; ++i) {
    const auto now = static_cast<Time>(1'000'000'000'000'000 + i * 1000);
    const uint64_t next = key_of(limiter, keys[(i + ahead) & (keys.size() - 1)]);
    if (ahead > 0) limiter.prefetch(next);
    const uint64_t key = std::exchange(known[i % kMostAhead], 0);
    known[(i + ahead) % kMostAhead] = next;
    allowed += limiter.decide(ahead > 0 ? key : next, now).allowed ? 1 : 0;
  }
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
  if (allowed == 0) std::puts("nothing was allowed?");
  return elapsed.count() / kDecisions;
}

void measure(Algorithm algorithm, bool zipf, unsigned threads, size_t ahead) {
  State state{Bytes{32 << 20}, Bytes{512 << 20}};
  const auto limiter = std::move(*Limiter::make({"bench", algorithm, *Rate::parse("100/minute"), 0}, state));
  for (uint32_t key = 0; key < kKeys; ++key) limiter->decide(key_of(*limiter, key), 1'000'000'000'000'000);
  std::vector<double> results(threads);
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t) {
    running.emplace_back([&, t] { results[t] = run(*limiter, draw_keys(zipf, t + 1), ahead); });
  }
  double sum = 0;
  for (unsigned t = 0; t < threads; ++t) {
    running[t].join();
    sum += results[t];
  }
  std::printf("%-16s %-8s %-10s %u thread%s  %6.1f ns a decision\n",
              std::string(to_string(algorithm)).c_str(), zipf ? "zipf" : "uniform",
              ahead > 0 ? "prefetched" : "", threads, threads == 1 ? " " : "s", sum / threads);
}

}  // namespace

int main() {
  std::printf("%llu live keys\n", static_cast<unsigned long long>(kKeys));
  for (const Algorithm algorithm : {Algorithm::token_bucket, Algorithm::leaky_bucket, Algorithm::fixed_window,
                                    Algorithm::sliding_counter, Algorithm::sliding_window}) {
    for (const bool zipf : {false, true}) {
      for (const unsigned threads : {1u, 2u}) measure(algorithm, zipf, threads, 0);
      measure(algorithm, zipf, 1, 4);
    }
  }
}
