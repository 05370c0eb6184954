#include <catch2/catch.hpp>

#include "pkg/base/random.hh"
#include "pkg/lock/queue.hh"

using namespace weir::lock;

namespace {

Claimant claimant(Mode mode, uint32_t permits = 1) {
  Claimant made;
  made.claim.mode = mode;
  made.claim.permits = permits;
  return made;
}

// "E" exclusive, "S" shared, a digit a semaphore of so many: who of such a queue holds the lock.
std::string holders(std::string_view line) {
  Queue queue;
  weir::keyspace::Revision token = 0;
  for (const char one : line) {
    const Mode mode = one == 'E' ? Mode::exclusive : one == 'S' ? Mode::shared : Mode::semaphore;
    queue.put({++token, 1}, claimant(mode, mode == Mode::semaphore ? static_cast<uint32_t>(one - '0') : 1));
    queue.grant(0);
  }
  std::string held;
  for (const auto& [ticket, other] : queue.claimants()) held += other.is_granted ? '+' : '.';
  return held;
}

}  // namespace

TEST_CASE("the first holds a lock, and those behind that can hold it together with all before them") {
  CHECK(holders("E") == "+");
  CHECK(holders("EE") == "+.");
  CHECK(holders("ES") == "+.");
  CHECK(holders("SSS") == "+++");
  CHECK(holders("SES") == "+..");
  CHECK(holders("SSES") == "++..");
  CHECK(holders("333333") == "+++...");
  CHECK(holders("33E3") == "++..");
  CHECK(holders("3S") == "+.");
  CHECK(holders("S3") == "+.");
  CHECK(holders("2222") == "++..");
  CHECK(holders("5222") == "++..");
}

TEST_CASE("a lock that is given back goes to the next in line, to several that share") {
  Queue queue;
  queue.put({1, 1}, claimant(Mode::exclusive));
  queue.put({2, 2}, claimant(Mode::shared));
  queue.put({3, 3}, claimant(Mode::shared));
  queue.put({4, 4}, claimant(Mode::exclusive));
  CHECK(queue.grant(0) == std::vector<Ticket>{{1, 1}});
  queue.remove({1, 1});
  CHECK(queue.grant(0) == std::vector<Ticket>{{2, 2}, {3, 3}});
  queue.remove({3, 3});
  CHECK(queue.grant(0).empty());
  queue.remove({2, 2});
  CHECK(queue.grant(0) == std::vector<Ticket>{{4, 4}});
}

TEST_CASE("who leaves the line lets those behind move up") {
  Queue queue;
  queue.put({1, 1}, claimant(Mode::shared));
  queue.put({2, 2}, claimant(Mode::exclusive));
  queue.put({3, 3}, claimant(Mode::shared));
  queue.grant(0);
  queue.remove({2, 2});
  CHECK(queue.grant(0) == std::vector<Ticket>{{3, 3}});
  CHECK(queue.granted() == 2);
}

TEST_CASE("in any history nobody is overtaken, tokens grow and holders agree") {
  const uint64_t seed = weir::Random().next();
  INFO("seed " << seed);
  weir::Random random(seed);
  for (int round = 0; round < 300; ++round) {
    Queue queue;
    weir::keyspace::Revision token = 0;
    weir::keyspace::Revision last_granted = 0;
    for (int step = 0; step < 100; ++step) {
      if (random.below(5) < 3) {
        const Mode mode = static_cast<Mode>(random.below(3));
        queue.put({++token, 1}, claimant(mode, 3));
      } else if (!queue.is_empty()) {
        auto victim = queue.claimants().begin();
        std::advance(victim, random.below(queue.claimants().size()));
        queue.remove(victim->first);
      }
      for (const Ticket& ticket : queue.grant(0)) {
        REQUIRE(ticket.token > last_granted);
        last_granted = ticket.token;
      }
      // The holders are the first ones, and of them no two that exclude each other.
      size_t held = 0;
      bool seen_waiting = false;
      for (const auto& [ticket, other] : queue.claimants()) {
        REQUIRE(!(seen_waiting && other.is_granted));
        seen_waiting = seen_waiting || !other.is_granted;
        if (!other.is_granted) continue;
        ++held;
        REQUIRE(other.claim.mode == queue.claimants().begin()->second.claim.mode);
        if (other.claim.mode == Mode::exclusive) REQUIRE(held == 1);
        if (other.claim.mode == Mode::semaphore) REQUIRE(held <= 3);
      }
      REQUIRE(held == queue.granted());
      REQUIRE((queue.is_empty() || held > 0));
    }
  }
}
