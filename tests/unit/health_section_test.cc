#include "pkg/health/section.hh"

#include <catch2/catch.hpp>

#include "tests/unit/config_example.hh"

using namespace weir;
using namespace weir::health;
using namespace std::chrono_literals;

namespace {

struct Pool {
  std::string name = "pool";
  CheckSettings check;
  int last = 1;
};

struct Root {
  Pool pool;
};

config::Table<Root> table() {
  config::Table<Pool> pool;
  pool.key("name", &Pool::name).doc("Its name.");
  pool.embed(&Pool::check, check_table());
  pool.key("last", &Pool::last).doc("A key behind.");
  config::Table<Root> root;
  root.table("pool", &Root::pool, pool).doc("A pool.");
  return root;
}

auto load(std::string text) {
  const config::example::MemoryFiles files({{"x.toml", std::move(text)}});
  return config::load(table(), {"x.toml", {}, "", &files});
}

std::string error_of(std::string text) {
  const auto outcome = load(std::move(text));
  return outcome ? "" : render(outcome.error().front());
}

}  // namespace

TEST_CASE("a check's keys stand among a pool's own") {
  const auto outcome = load(R"(
[pool]
name = "app"
check = "http"
check_interval = "250ms"
check_jitter = 0.25
check_timeout = "1s"
check_rise = 4
check_fall = 5
check_method = "GET"
check_path = "/ready?x=1"
check_host = "app.test"
check_status = ["200", "401-403"]
check_body = "fine"
check_body_within = "8KiB"
check_command = ["probe", "{host}"]
last = 7
)");
  REQUIRE(outcome);
  const Pool& pool = outcome->value.pool;
  const CheckSettings& check = pool.check;
  CHECK(pool.name == "app");
  CHECK(pool.last == 7);
  CHECK(check.kind == CheckKind::http);
  CHECK(check.interval == 250ms);
  CHECK(check.jitter == 0.25);
  CHECK(check.timeout == 1s);
  CHECK(check.rise == 4);
  CHECK(check.fall == 5);
  CHECK(check.path == "/ready?x=1");
  CHECK(check.host == "app.test");
  CHECK(check.status == std::vector<StatusRange>{{200, 200}, {401, 403}});
  CHECK(check.body == "fine");
  CHECK(check.body_within == Bytes{8192});
  CHECK(check.command == std::vector<std::string>{"probe", "{host}"});
}

TEST_CASE("a check's defaults are those of its struct, and none is made where none is asked for") {
  const auto outcome = load("");
  REQUIRE(outcome);
  CHECK(outcome->value.pool.check == CheckSettings());
  CHECK(outcome->value.pool.check.kind == CheckKind::none);
}

TEST_CASE("wrong checks are told at their places") {
  CHECK(error_of("[pool]\ncheck_path = \"ready\"").starts_with("x.toml:2:14: "));
  CHECK(error_of("[pool]\ncheck_path = \"/a b\"").starts_with("x.toml:2:14: "));
  CHECK(error_of("[pool]\ncheck_host = \"a\\r\\nb\"").starts_with("x.toml:2:14: "));
  CHECK(error_of("[pool]\ncheck_status = [\"2xx\"]").find("2xx") != std::string::npos);
  CHECK(error_of("[pool]\ncheck_status = []").starts_with("x.toml:2:"));
  CHECK(error_of("[pool]\ncheck = \"command\"").find("names no program") != std::string::npos);
  CHECK(error_of("[pool]\ncheck_method = \"HEAD\"\ncheck_body = \"x\"").starts_with("x.toml:3:14: "));
  CHECK(error_of("[pool]\ncheck_body_within = \"2B\"\ncheck_body = \"fine\"").starts_with("x.toml:2:"));
  CHECK(error_of("[pool]\ncheck_intervall = \"1s\"").find("check_interval") != std::string::npos);
}
