// Whatever happens to a pool, its promises hold: a long random life on a virtual clock, and a short one with
// many threads.

#include <catch2/catch.hpp>
#include <thread>

#include "pkg/balance/pool.hh"

using namespace weir;
using namespace weir::balance;
using namespace std::chrono_literals;

namespace {

constexpr MonotonicTime kStart{1000h};
constexpr Duration kCap = 60s;

PoolSettings model_settings(Random& random) {
  PoolSettings settings;
  settings.algorithm = kAlgorithms[random.below(kAlgorithms.size())];
  settings.outlier = {.consecutive_errors = 3,
                      .error_rate = 0.3,
                      .latency_factor = 3,
                      .minimum = 5,
                      .ejection_time = 10s,
                      .ejection_cap = kCap,
                      .most_ejected = random.unit()};
  settings.slow_start = {.duration = 20s, .floor = 0.2};
  settings.panic_threshold = random.unit();
  return settings;
}

struct Model {
  Random& random;
  PoolSettings settings = model_settings(random);
  Pool pool{"model", settings};
  MonotonicTime now = kStart;
  size_t next_name = 0;

  std::string any_name() {
    const auto all = pool.status();
    return all.empty() ? "none" : all[random.below(all.size())].member->name();
  }
  void operate() {
    switch (random.below(12)) {
      case 0:
        (void)pool.add({.name = "m" + std::to_string(next_name++)}, now);
        break;
      case 1:
        if (pool.status().size() > 3) (void)pool.remove(any_name(), now);
        break;
      case 2:
        (void)pool.drain(any_name(), now);
        break;
      case 3:
        (void)pool.disable(any_name(), now);
        break;
      case 4:
        (void)pool.set_weight(any_name(), static_cast<uint32_t>(random.below(4)), now);
        break;
      default:
        (void)pool.enable(any_name(), now);
        break;
    }
  }
  void serve() {
    const auto view = pool.views().get();
    for (int i = 0; i < 20; ++i) {
      Member* member = view->pick({.random = random, .now = now, .key = random.next()});
      if (member == nullptr) break;
      const bool is_bad = (member->hash() + now.time_since_epoch() / 100s) % 5 == 0;
      pool.report_result(*member, !is_bad || random.below(3) == 0, is_bad ? 80ms : 10ms, now);
    }
  }
  void check() {
    const auto all = pool.status();
    size_t in_service = 0, ejected = 0, healthy = 0;
    double sum = 0;
    const auto view = pool.views().get();
    for (const MemberStatus& status : all) {
      const bool takes = status.admin == Admin::in_service && status.weight > 0;
      const bool is_well = status.state == State::up || status.state == State::starting;
      in_service += takes ? 1 : 0;
      ejected += status.state == State::ejected ? 1 : 0;
      healthy += takes && is_well ? 1 : 0;
      sum += status.share;
      REQUIRE((is_well || status.share == 0 || pool.is_panic()));
      REQUIRE((takes || status.share == 0));
      REQUIRE((status.share > 0 || !takes || !is_well));
      REQUIRE(status.why.empty() == (status.state == State::up));
      if (status.state != State::ejected) continue;
      REQUIRE(status.ejected_until > now);
      REQUIRE(*status.ejected_until - now <= kCap);
    }
    REQUIRE(ejected <= most_ejected(settings.outlier, in_service));
    REQUIRE((sum == Approx(1) || view->candidates().empty()));
    const double threshold = settings.panic_threshold * static_cast<double>(in_service);
    REQUIRE(pool.is_panic() == (healthy < in_service && static_cast<double>(healthy) < threshold));
    for (const Candidate& candidate : view->candidates()) REQUIRE(candidate.weight > 0);
  }
};

}  // namespace

TEST_CASE("whatever happens: the cap holds, ejections end, who is well takes part, and it is said why not") {
  const uint64_t seed = Random().next();
  INFO("seed = " << seed);
  Random random(seed);
  for (int life = 0; life < 10; ++life) {
    Model model{random};
    for (int i = 0; i < 6; ++i) model.operate();
    for (int step = 0; step < 400; ++step) {
      model.now += Duration{static_cast<int64_t>(random.below(2'000'000'000))};
      model.serve();
      if (random.below(8) == 0) model.operate();
      if (random.below(4) == 0) {
        for (int i = 0; i < 3; ++i)
          model.pool.report_check(model.any_name(), random.below(3) != 0, "model", model.now);
      }
      model.pool.evaluate(model.now);
      model.check();
    }
    // With nobody failing any more, all are well again once the longest ejection is over.
    for (const MemberStatus& status : model.pool.status()) {
      (void)model.pool.enable(status.member->name(), model.now);
      (void)model.pool.set_weight(status.member->name(), 1, model.now);
      for (int i = 0; i < 2; ++i) model.pool.report_check(status.member->name(), true, "", model.now);
    }
    for (int second = 0; second < 100; ++second) model.pool.evaluate(model.now += 1s);
    for (const MemberStatus& status : model.pool.status()) REQUIRE(status.state == State::up);
  }
}

TEST_CASE("weights in slow start only grow") {
  Pool pool("slow", {.slow_start = {.duration = 60s, .floor = 0.1}});
  REQUIRE(pool.add({.name = "a"}, kStart));
  REQUIRE(pool.add({.name = "b"}, kStart));
  for (int i = 0; i < 3; ++i) pool.report_check("a", false, "", kStart);
  for (int i = 0; i < 2; ++i) pool.report_check("a", true, "", kStart);
  double last = 0;
  for (int second = 0; second <= 60; ++second) {
    pool.evaluate(kStart + second * 1s);
    const double share = pool.status()[0].share;
    REQUIRE(share >= last);
    last = share;
  }
  CHECK(last == 0.5);
}

TEST_CASE("threads pick and report while members come, go, fail and drain") {
  const auto algorithm = GENERATE(from_range(kAlgorithms));
  INFO(to_string(algorithm));
  Pool pool("busy", {.algorithm = algorithm, .slow_start = {.duration = 50ms}});
  for (int i = 0; i < 6; ++i) REQUIRE(pool.add({.name = "m" + std::to_string(i)}, kStart));
  std::atomic<bool> is_over = false;
  std::atomic<uint64_t> picked = 0, missed = 0, reported = 0;
  {
    std::vector<std::jthread> workers;
    for (uint64_t t = 0; t < 3; ++t) {
      workers.emplace_back([&, t] {
        Random random(t);
        Pool::Reader reader(pool.views());
        std::vector<InFlight> held;
        MonotonicTime now = kStart;
        while (!is_over) {
          now += 10us;
          std::shared_ptr<const View> view = reader.get();
          Member* member = view->pick({.random = random, .now = now, .key = random.next()});
          if (member == nullptr) {  // the last that were well may just have been ejected: now there is panic
            view = reader.get();
            member = view->pick({.random = random, .now = now, .key = random.next()});
          }
          (member == nullptr ? missed : picked) += 1;
          if (member == nullptr) continue;
          held.emplace_back(*member);
          if (held.size() < 8) continue;
          std::swap(held[random.below(held.size())], held.back());
          pool.report_result(*held.back().member(), random.below(4) != 0, 1ms, now);
          reported += 1;
          held.pop_back();
        }
      });
    }
    Random random(99);
    MonotonicTime now = kStart;
    for (int round = 0; round < 150 || reported < 1000; ++round) {
      now += 1ms;
      const std::string name = "m" + std::to_string(random.below(6));
      if (round % 5 == 0 && name < "m3") (void)pool.drain(name, now);
      if (round % 5 == 1) (void)pool.enable(name, now);
      if (round % 5 == 2 && pool.remove(name, now)) (void)pool.add({.name = name}, now);
      if (round % 5 == 3) pool.report_check(name, random.below(2) == 0, "", now);
      if (round % 5 == 4) (void)pool.set_weight(name, static_cast<uint32_t>(1 + random.below(3)), now);
      pool.evaluate(now);
      (void)pool.status();
      (void)pool.export_state(now);
    }
    is_over = true;
  }
  CHECK(picked > 1000);
  CHECK(missed == 0);  // three are always in service
  CHECK(pool.in_flight() == 0);
}
