// The cost of one pick: processor time for each algorithm with 10 and with 1000 members, of equal weights and
// of mixed ones, on one thread and on two that share the pool. Each pick is counted as under way until 64
// more were made, as requests are, so that what is measured includes that; "bare" leaves it out. Beside it:
// what it costs to build the view when a member changes, and to report a result.

#include <time.h>

#include <cstdio>
#include <thread>
#include <vector>

#include "pkg/balance/pool.hh"

using namespace weir;
using namespace weir::balance;

namespace {

constexpr MonotonicTime kStart{std::chrono::hours(1000)};

// Of this thread: other work on the machine doesn't count.
double processor_nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

void fill(Pool& pool, size_t members) {
  std::vector<MemberConfig> list;
  for (size_t i = 0; i < members; ++i)
    list.push_back({.name = "10.0.0." + std::to_string(i), .weight = static_cast<uint32_t>(1 + i % 3)});
  if (!pool.set_members(list, kStart)) std::puts("no members?");
  for (const MemberStatus& status : pool.status())
    pool.report_result(*status.member, true, std::chrono::milliseconds(5), kStart);
}

double run(Pool& pool, uint64_t seed, size_t picks, bool is_bare) {
  Pool::Reader reader(pool.views());
  Random random(seed);
  std::vector<InFlight> under_way(64);
  MonotonicTime now = kStart;
  uint64_t found = 0;
  const double start = processor_nanoseconds();
  for (size_t i = 0; i < picks; ++i) {
    now += std::chrono::microseconds(1);
    Member* member = reader.get()->pick({.random = random, .now = now, .key = random.next()});
    found += member != nullptr ? 1 : 0;
    if (!is_bare) under_way[i % under_way.size()] = InFlight(*member);
  }
  const double elapsed = processor_nanoseconds() - start;
  if (found != picks) std::puts("a pick without a member?");
  return elapsed / static_cast<double>(picks);
}

double run_two(Pool& pool, size_t picks) {
  double results[2] = {};
  {
    std::jthread other([&] { results[0] = run(pool, 2, picks, false); });
    results[1] = run(pool, 3, picks, false);
  }
  return (results[0] + results[1]) / 2;
}

double measure_build(Pool& pool) {
  const std::string name = pool.status().front().member->name();
  constexpr int kBuilds = 10;
  const double start = processor_nanoseconds();
  for (int i = 0; i < kBuilds / 2; ++i) {
    if (!pool.drain(name, kStart) || !pool.enable(name, kStart)) std::puts("no member?");
  }
  return (processor_nanoseconds() - start) / kBuilds / 1000;
}

void measure_report() {
  Pool pool("bench", {});
  fill(pool, 10);
  const auto all = pool.status();
  constexpr size_t kReports = 4'000'000;
  const double start = processor_nanoseconds();
  for (size_t i = 0; i < kReports; ++i) {
    pool.report_result(*all[i % all.size()].member, true, std::chrono::milliseconds(5),
                       kStart + std::chrono::microseconds(i));
  }
  std::printf("report_result: %.1f ns\n", (processor_nanoseconds() - start) / kReports);
}

}  // namespace

int main() {
  for (const size_t members : {size_t{10}, size_t{1000}}) {
    for (const Algorithm algorithm : kAlgorithms) {
      const bool is_linear = algorithm == Algorithm::least_connections || algorithm == Algorithm::hash ||
                             algorithm == Algorithm::ip_hash;
      const size_t picks = is_linear && members > 100 ? 50'000 : 2'000'000;
      Pool pool("bench", {.algorithm = algorithm});
      fill(pool, members);
      std::printf(
          "%-21s %5zu members  bare %8.1f ns  with its request %8.1f ns  two threads %8.1f ns  "
          "building a view %8.1f us\n",
          std::string(to_string(algorithm)).c_str(), members, run(pool, 1, picks, true),
          run(pool, 1, picks, false), run_two(pool, picks), measure_build(pool));
    }
  }
  measure_report();
}
