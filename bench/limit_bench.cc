// The cost of one decision with a million live keys: processor time a decision, the hash of the key with it,
// for each algorithm, with keys drawn evenly and by Zipf's law, on one thread and on two. Beside it stands
// what one access to a random place in as much memory costs on this machine, for a decision has at least one.

#include <sys/mman.h>
#include <time.h>

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
constexpr size_t kTableBytes = 32 << 20;

// Of this thread: other work on the machine doesn't count.
double processor_nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// A walk through one cycle over all lines of the memory (Sattolo's algorithm), each step waiting for the
// last.
double measure_random_access() {
  struct alignas(64) Line {
    uint32_t next;
  };
  constexpr size_t kBytes = kTableBytes;
  constexpr uint32_t kLines = kBytes / sizeof(Line);
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
  (void)madvise(memory, kBytes, MADV_HUGEPAGE);
  Line* lines = static_cast<Line*>(memory);
  for (uint32_t i = 0; i < kLines; ++i) lines[i].next = i;
  Random random(1);
  for (uint32_t i = kLines - 1; i > 0; --i) std::swap(lines[i].next, lines[random.below(i)].next);
  const double start = processor_nanoseconds();
  uint32_t at = 0;
  for (size_t i = 0; i < kDecisions; ++i) at = lines[at].next;
  const double elapsed = processor_nanoseconds() - start;
  if (at == kLines) std::puts("");  // so that the walk is not optimised away
  munmap(memory, kBytes);
  return elapsed / kDecisions;
}

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
  const double start = processor_nanoseconds();
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
  const double elapsed = processor_nanoseconds() - start;
  if (allowed == 0) std::puts("nothing was allowed?");
  return elapsed / kDecisions;
}

void measure(Algorithm algorithm, bool zipf, unsigned threads, size_t ahead) {
  State state{Bytes{kTableBytes}, Bytes{512 << 20}};
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
  std::printf("%llu live keys; one random access to %zu MiB: %.1f ns\n",
              static_cast<unsigned long long>(kKeys), kTableBytes >> 20, measure_random_access());
  for (const Algorithm algorithm : {Algorithm::token_bucket, Algorithm::leaky_bucket, Algorithm::fixed_window,
                                    Algorithm::sliding_counter, Algorithm::sliding_window}) {
    for (const bool zipf : {false, true}) {
      for (const unsigned threads : {1u, 2u}) measure(algorithm, zipf, threads, 0);
      measure(algorithm, zipf, 1, 4);
    }
  }
}
