// Where requests go, in numbers: evenness by weight, what the loss of a member moves, and what the algorithms
// that look at load do about a slow server. The tables of pkg/balance/README.md are printed here.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <sstream>

#include "tests/unit/balance_fixture.hh"

using namespace weir;
using namespace weir::balance;

namespace {

constexpr uint64_t kSeed = 7;

// The largest difference between what a member got and its part by weight, as a share of that part.
double worst_error(const std::vector<double>& shares, const std::vector<uint32_t>& weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  double worst = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    const double part = weights[i] / sum;
    worst = std::max(worst, std::abs(shares[i] - part) / part);
  }
  return worst;
}

}  // namespace

TEST_CASE("each algorithm gives each member its part, to within its nature") {
  struct Row {
    Algorithm algorithm;
    double equal;     // the worst error allowed among ten equal members
    double weighted;  // among ten of weights 1 to 10; below zero: weights are not its business
  };
  // Of 200,000 picks a tenth is 20,000, with a standard error of 0.7%; of a share of 1/55, 1.6%.
  const auto row = GENERATE(values<Row>({
      {Algorithm::round_robin, 0.0001, 0.0001},  // a view that is given weights deals by them
      {Algorithm::weighted_round_robin, 0.0001, 0.001},
      {Algorithm::least_connections, 0.025, 0.05},
      {Algorithm::random, 0.025, 0.05},
      {Algorithm::two_choices, 0.025, 0.05},
      {Algorithm::peak_ewma, 0.025, 0.05},
      {Algorithm::ip_hash, 0.025, 0.05},
      {Algorithm::hash, 0.025, 0.05},
      {Algorithm::maglev, 0.025, 0.05},
      {Algorithm::bounded_hash, 0.25, 0.4},
  }));
  constexpr size_t kPicks = 200'000;
  const std::vector<uint32_t> equal(10, 1);
  std::vector<uint32_t> weighted(10);
  std::iota(weighted.begin(), weighted.end(), 1);
  ViewFixture e(row.algorithm, equal, kSeed);
  ViewFixture w(row.algorithm, weighted, kSeed);
  const double equal_error = worst_error(e.shares(kPicks), equal);
  const double weighted_error = worst_error(w.shares(kPicks), weighted);
  std::ostringstream said;
  said << to_string(row.algorithm) << ", seed " << kSeed << ": ten equal members off by at most "
       << 100 * equal_error << "%, weights 1 to 10 by " << 100 * weighted_error << "%";
  WARN(said.str());
  CHECK(equal_error <= row.equal);
  CHECK(weighted_error <= row.weighted);
}

TEST_CASE("the loss of one member of N moves about 1/N of the keys") {
  struct Row {
    Algorithm algorithm;
    size_t members;
    double needless;  // the share of keys allowed to move that were not the lost member's
  };
  const auto row = GENERATE(values<Row>({
      {Algorithm::hash, 10, 0},
      {Algorithm::hash, 100, 0},
      {Algorithm::maglev, 10, 0.03},
      {Algorithm::maglev, 100, 0.03},
      {Algorithm::bounded_hash, 10, 0},
      {Algorithm::bounded_hash, 100, 0},
  }));
  constexpr size_t kKeys = 50'000;
  ViewFixture f(row.algorithm, std::vector<uint32_t>(row.members, 1), kSeed);
  std::vector<uint64_t> keys;
  std::vector<std::string> before;
  for (size_t i = 0; i < kKeys; ++i) {
    keys.push_back(f.random.next());
    before.push_back(f.pick(keys.back())->name());
  }
  // The mean over the loss of each of ten members.
  double own = 0, needless = 0, worst = 0;
  const auto all = f.candidates;
  for (size_t lost = 0; lost < 10; ++lost) {
    f.candidates = all;
    const std::string name = f.candidates[lost].member->name();
    f.candidates.erase(f.candidates.begin() + static_cast<ptrdiff_t>(lost));
    f.rebuild(row.algorithm);
    size_t of_lost = 0, of_others = 0;
    for (size_t i = 0; i < kKeys; ++i) {
      if (before[i] == name) {
        ++of_lost;
      } else if (f.pick(keys[i])->name() != before[i]) {
        ++of_others;
      }
    }
    own += static_cast<double>(of_lost) / kKeys / 10;
    needless += static_cast<double>(of_others) / kKeys / 10;
    worst = std::max(worst, static_cast<double>(of_lost + of_others) / kKeys);
  }
  std::ostringstream said;
  said << to_string(row.algorithm) << ", " << row.members << " members, seed " << kSeed << ": moved "
       << 100 * (own + needless) << "% of the keys (1/N is " << 100.0 / static_cast<double>(row.members)
       << "%), of these " << 100 * needless << "% needlessly; at most " << 100 * worst << "%";
  WARN(said.str());
  CHECK(needless <= row.needless);
  CHECK(own == Approx(1.0 / static_cast<double>(row.members)).epsilon(0.15));
}

TEST_CASE("a member that comes back has the keys that it had") {
  const auto algorithm = GENERATE(Algorithm::hash, Algorithm::maglev, Algorithm::bounded_hash);
  ViewFixture f(algorithm, std::vector<uint32_t>(20, 1), kSeed);
  std::vector<Member*> before;
  for (uint64_t key = 0; key < 5000; ++key) before.push_back(f.pick(key << 51 | key));
  const Candidate gone = f.candidates.back();
  f.candidates.pop_back();
  f.rebuild(algorithm);
  f.candidates.push_back(gone);
  f.rebuild(algorithm);
  for (uint64_t key = 0; key < 5000; ++key) REQUIRE(f.pick(key << 51 | key) == before[key]);
}

TEST_CASE("more weight for one member moves keys to it only, but for a few in a Maglev table") {
  const auto algorithm = GENERATE(Algorithm::hash, Algorithm::maglev, Algorithm::bounded_hash);
  ViewFixture f(algorithm, std::vector<uint32_t>(10, 10), kSeed);
  constexpr size_t kKeys = 20'000;
  std::vector<uint64_t> keys;
  std::vector<Member*> before;
  for (size_t i = 0; i < kKeys; ++i) {
    keys.push_back(f.random.next());
    before.push_back(f.pick(keys.back()));
  }
  f.candidates[3].weight = 12;
  f.rebuild(algorithm);
  size_t gained = 0, elsewhere = 0;
  for (size_t i = 0; i < kKeys; ++i) {
    Member* now = f.pick(keys[i]);
    if (now == before[i]) continue;
    (now == f.candidates[3].member.get() ? gained : elsewhere) += 1;
  }
  // From 1/10 to 12/102 of the keys: 1.8% move to it.
  INFO(to_string(algorithm) << ": " << gained << " gained, " << elsewhere << " moved elsewhere, of "
                            << kKeys);
  CHECK(static_cast<double>(gained) / kKeys == Approx(0.0176).margin(0.008));
  CHECK(static_cast<double>(elsewhere) / kKeys <= (algorithm == Algorithm::hash ? 0 : 0.04));
}

TEST_CASE("bounded hashing lets no member have more than its bound, even of one key") {
  const double load_factor = GENERATE(1.05, 1.25, 2.0);
  const bool is_one_key = GENERATE(true, false);
  const std::vector<uint32_t> weights{1, 1, 1, 1, 2, 2, 4, 4, 4, 10};
  ViewFixture f(Algorithm::bounded_hash, weights, kSeed, {.load_factor = load_factor});
  std::vector<InFlight> held;
  double worst = 0;
  for (int i = 1; i <= 3000; ++i) {
    held.emplace_back(*f.pick(is_one_key ? 42 : f.random.next()));
    for (const Candidate& candidate : f.candidates) {
      const double bound = std::ceil(load_factor * i * candidate.weight / 30.0);
      worst = std::max(worst, static_cast<double>(candidate.member->in_flight()) - bound);
    }
  }
  CHECK(worst <= 0);
}
