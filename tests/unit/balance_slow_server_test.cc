// One slow server among ten, simulated on a virtual clock: who sends how much to it, and what that costs.
//
// Each server works on four requests at a time, first come first served; nine take 5 to 15 ms for one and the
// tenth ten times as long. 1000 requests a second come at random times for a minute: a fair part would be 100
// for the slow server, which can do 40.

#include <algorithm>
#include <catch2/catch.hpp>
#include <queue>
#include <sstream>

#include "pkg/balance/pool.hh"

using namespace weir;
using namespace weir::balance;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t kSeed = 7;
constexpr size_t kServers = 10;
constexpr size_t kSlow = 4;
constexpr size_t kRequests = 60'000;
constexpr MonotonicTime kStart{1000h};

struct Server {
  std::vector<MonotonicTime> workers = std::vector<MonotonicTime>(4, kStart);

  MonotonicTime serve(MonotonicTime now, Duration takes) {
    auto& free = *std::min_element(workers.begin(), workers.end());
    free = std::max(free, now) + takes;
    return free;
  }
};

struct Completion {
  MonotonicTime at;
  Duration latency;
  std::shared_ptr<InFlight> request;
  bool operator>(const Completion& other) const { return at > other.at; }
};

struct Outcome {
  double slow_share = 0;  // in percent of all requests
  Duration mean{0}, p99{0};
};

Outcome simulate(Algorithm algorithm, OutlierSettings outlier) {
  Pool pool("simulated", {.algorithm = algorithm, .outlier = outlier});
  std::vector<Server> servers(kServers);
  std::vector<MemberConfig> list;
  for (size_t i = 0; i < kServers; ++i) list.push_back({.name = std::to_string(i)});
  REQUIRE(pool.set_members(list, kStart));
  Pool::Reader reader(pool.views());
  Random random(kSeed);
  std::priority_queue<Completion, std::vector<Completion>, std::greater<>> under_way;
  std::vector<Duration> latencies;
  MonotonicTime now = kStart;
  MonotonicTime evaluated = kStart;
  size_t to_slow = 0;
  for (size_t i = 0; i < kRequests; ++i) {
    now += Duration{static_cast<int64_t>(random.below(2'000'000))};
    while (!under_way.empty() && under_way.top().at <= now) {
      const Completion done = under_way.top();
      under_way.pop();
      pool.report_result(*done.request->member(), true, done.latency, done.at);
    }
    if (now - evaluated >= 1s) pool.evaluate(evaluated = now);
    Member* member = reader.get()->pick({.random = random, .now = now, .key = random.next()});
    const size_t server = std::stoul(member->name());
    to_slow += server == kSlow ? 1 : 0;
    const Duration takes{static_cast<int64_t>(5'000'000 + random.below(10'000'000)) *
                         (server == kSlow ? 10 : 1)};
    const MonotonicTime end = servers[server].serve(now, takes);
    latencies.push_back(end - now);
    under_way.push({end, end - now, std::make_shared<InFlight>(*member)});
  }
  std::sort(latencies.begin(), latencies.end());
  Duration sum{0};
  for (const Duration latency : latencies) sum += latency;
  return {100.0 * static_cast<double>(to_slow) / kRequests, sum / static_cast<int64_t>(kRequests),
          latencies[kRequests * 99 / 100]};
}

double milliseconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

}  // namespace

TEST_CASE("algorithms that look at load keep most of it from a slow server") {
  struct Row {
    Algorithm algorithm;
    double low, high;  // percent of requests that the slow server gets
    Duration mean;     // at most
  };
  const auto row = GENERATE(values<Row>({
      {Algorithm::round_robin, 9.9, 10.1, 1h},
      {Algorithm::weighted_round_robin, 9.9, 10.1, 1h},
      {Algorithm::random, 9, 11, 1h},
      {Algorithm::hash, 9, 11, 1h},
      {Algorithm::maglev, 9, 11, 1h},
      {Algorithm::bounded_hash, 0.5, 5, 25ms},
      {Algorithm::two_choices, 0.5, 4, 20ms},
      {Algorithm::least_connections, 0.3, 2, 14ms},
      {Algorithm::peak_ewma, 0.005, 0.6, 12ms},
  }));
  const Outcome outcome = simulate(row.algorithm, {});
  std::ostringstream said;
  said << to_string(row.algorithm) << ", seed " << kSeed << ": " << outcome.slow_share
       << "% to the slow server, mean " << milliseconds(outcome.mean) << " ms, p99 "
       << milliseconds(outcome.p99) << " ms";
  WARN(said.str());
  CHECK(outcome.slow_share >= row.low);
  CHECK(outcome.slow_share <= row.high);
  CHECK(outcome.mean <= row.mean);
}

TEST_CASE("ejection by latency keeps a slow server out where the algorithm would not") {
  const Outcome outcome =
      simulate(Algorithm::round_robin, {.latency_factor = 3, .window = 5s, .ejection_time = 20s});
  std::ostringstream said;
  said << "round_robin with ejection by latency, seed " << kSeed << ": " << outcome.slow_share
       << "% to the slow server, mean " << milliseconds(outcome.mean) << " ms, p99 "
       << milliseconds(outcome.p99) << " ms";
  WARN(said.str());
  CHECK(outcome.slow_share < 1.5);
  CHECK(outcome.mean < 25ms);
}
