#include "pkg/health/command_check.hh"

#include <catch2/catch.hpp>

#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::aio;
using namespace weir::health;
using namespace std::chrono_literals;

namespace {

const Address kServer = *Address::parse_connect("[fd00::1]:8080");

CheckSettings shell(std::string script, Duration timeout = 10s) {
  CheckSettings settings;
  settings.kind = CheckKind::command;
  settings.timeout = timeout;
  settings.command = {"/bin/sh", "-c", std::move(script), "check", "{address}", "{host}", "{port}"};
  return settings;
}

}  // namespace

TEST_CASE("a server's parts take their places in a command's arguments") {
  const std::vector<std::string> command{"probe", "{address}", "-h{host}:{port}", "{hosts}", "{", "{host"};
  CHECK(command_for(command, kServer) ==
        std::vector<std::string>{"probe", "[fd00::1]:8080", "-hfd00::1:8080", "{hosts}", "{", "{host"});
  // A path may look like a place: it is not filled in again.
  const Address local = *Address::parse_connect("unix:/run/{port} x.sock");
  CHECK(command_for(command, local) == std::vector<std::string>{"probe", "unix:/run/{port} x.sock",
                                                                "-h/run/{port} x.sock:", "{hosts}", "{",
                                                                "{host"});
}

TEST_CASE("exit status 0 is healthy, and the first line of output is what is told") {
  run([](Loop& loop) -> Task<> {
    const CheckSettings good_check = shell("echo \"  asked $1 $2 $3\"; echo more");
    const Verdict good = co_await check(loop, good_check, kServer);
    CHECK(good.healthy);
    CHECK(good.reason == "asked [fd00::1]:8080 fd00::1 8080");
    const CheckSettings bad_check = shell("echo 'replica lags 90 s' >&2; exit 3");
    const Verdict bad = co_await check(loop, bad_check, kServer);
    CHECK_FALSE(bad.healthy);
    CHECK(bad.reason == "exit status 3: replica lags 90 s");
    const CheckSettings killed_check = shell("kill -KILL $$");
    const Verdict killed = co_await check(loop, killed_check, kServer);
    CHECK(killed.reason == "killed by signal 9");
  });
}

TEST_CASE("what a command writes is made fit for a log") {
  run([](Loop& loop) -> Task<> {
    const CheckSettings settings =
        shell("printf 'a\\033[2Jb\\007'; head -c 5000 /dev/zero | tr '\\0' x; exit 1");
    const Verdict verdict = co_await check(loop, settings, kServer);
    CHECK(verdict.reason == "exit status 1: a?[2Jb?" + std::string(193, 'x'));
  });
}

TEST_CASE("a command that hangs is killed at the timeout, one that is not there is told") {
  run([](Loop& loop) -> Task<> {
    const CheckSettings slow = shell("sleep 1000", 20ms);
    const Verdict hung = co_await check(loop, slow, kServer);
    CHECK(hung.reason == "running /bin/sh: timed out");
    CHECK(hung.latency < 10s);
    CheckSettings settings = shell("");
    settings.command.front() = "/no/such/program";
    const Verdict missing = co_await check(loop, settings, kServer);
    CHECK(missing.reason == "running /no/such/program: No such file or directory");
  });
}
