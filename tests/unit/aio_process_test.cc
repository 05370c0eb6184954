#include "pkg/aio/process.hh"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "pkg/aio/scope.hh"
#include "pkg/aio/socket.hh"
#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::aio;
using namespace std::chrono_literals;

// libuv closes by bare system calls, which the thread sanitizer does not see: when a number is given to
// another thread's pipe, it believes that two threads use one.
extern "C" const char* __tsan_default_suppressions() {
  return "race:uv_pipe\n";
}

namespace {

Command shell(std::string script) {
  return {.argv = {"/bin/sh", "-c", std::move(script)}, .environment = {}};
}

Command program(std::string name, std::string argument = "1") {
  return {.argv = {std::move(name), std::move(argument)}, .environment = {}};
}

const Command kPrintArguments{.argv = {"printf", "%s|", "two words", "$HOME", "; exit 1", ""},
                              .environment = {}};

size_t count_open_descriptors() {
  DIR* folder = opendir("/proc/self/fd");
  size_t count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

bool has_children() {
  return waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD;
}

// Gone, or dead and only waiting for init to reap it.
bool is_alive(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  FILE* file = fopen(path.c_str(), "r");
  if (file == nullptr) return false;
  char state = 'X';
  const int fields = fscanf(file, "%*d (%*[^)]) %c", &state);
  fclose(file);
  return fields == 1 && state != 'Z' && state != 'X';
}

}  // namespace

TEST_CASE("a command's output and status come back") {
  run([](Loop& loop) -> Task<> {
    const auto good = co_await run_command(loop, shell("echo out; echo err >&2"), loop.in(10s));
    REQUIRE(good);
    CHECK(good->succeeded());
    CHECK(good->output == "out\nerr\n");
    CHECK_FALSE(good->output_cut);
    const auto bad = co_await run_command(loop, shell("exit 3"), loop.in(10s));
    REQUIRE(bad);
    CHECK_FALSE(bad->succeeded());
    CHECK(bad->status == 3);
    const auto killed = co_await run_command(loop, shell("kill -TERM $$"), loop.in(10s));
    REQUIRE(killed);
    CHECK(killed->signal == SIGTERM);
    CHECK_FALSE(killed->succeeded());
  });
}

TEST_CASE("arguments reach a command as they are, and the program is found in PATH") {
  run([](Loop& loop) -> Task<> {
    const auto ended = co_await run_command(loop, kPrintArguments, loop.in(10s));
    REQUIRE(ended);
    CHECK(ended->output == "two words|$HOME|; exit 1||");
  });
}

TEST_CASE("a command sees the environment it is given, PATH, and nothing else") {
  setenv("WEIR_TEST_SECRET", "x", 1);
  run([](Loop& loop) -> Task<> {
    Command command = shell("echo \"$A,${WEIR_TEST_SECRET-none},${PATH:+path}\"");
    command.environment.emplace_back("A=1");
    const auto ours = co_await run_command(loop, command, loop.in(10s));
    REQUIRE(ours);
    CHECK(ours->output == "1,none,path\n");
    command = shell("echo $PATH");
    command.environment.emplace_back("PATH=/nowhere");
    const auto given = co_await run_command(loop, command, loop.in(10s));
    REQUIRE(given);
    CHECK(given->output == "/nowhere\n");
  });
  unsetenv("WEIR_TEST_SECRET");
}

TEST_CASE("a command reads nothing and inherits no descriptor of ours") {
  // What this test was started with is not ours.
  for (int fd = 3; fd < 1024; ++fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
  run([](Loop& loop) -> Task<> {
    const auto ended = co_await run_command(loop, shell("cat; ls /proc/self/fd"), loop.in(10s));
    REQUIRE(ended);
    CHECK(ended->output == "0\n1\n2\n3\n");  // 3 is the folder that ls reads
  });
}

TEST_CASE("output beyond the bound is dropped while the command runs on") {
  run([](Loop& loop) -> Task<> {
    Command command = shell("head -c 300000 /dev/zero | tr '\\0' x; exit 4");
    command.most_output = Bytes{1000};
    const auto ended = co_await run_command(loop, command, loop.in(10s));
    REQUIRE(ended);
    CHECK(ended->output == std::string(1000, 'x'));
    CHECK(ended->output_cut);
    CHECK(ended->status == 4);
  });
}

TEST_CASE("what cannot be executed is an error that says why") {
  run([](Loop& loop) -> Task<> {
    const auto missing = co_await run_command(loop, program("/no/such/program"), loop.in(10s));
    CHECK(missing.error().code == Errc::not_found);
    CHECK(missing.error().message == "running /no/such/program: No such file or directory");
    const auto forbidden = co_await run_command(loop, program("/etc/passwd"), loop.in(10s));
    CHECK(forbidden.error().code == Errc::refused);
    const auto nothing = co_await run_command(loop, Command(), loop.in(10s));
    CHECK(nothing.error().code == Errc::invalid);
  });
}

TEST_CASE("at its deadline a command is killed and reaped") {
  run([](Loop& loop) -> Task<> {
    const auto ended = co_await run_command(loop, program("sleep", "1000"), loop.in(20ms));
    CHECK(ended.error().code == Errc::timed_out);
    CHECK_FALSE(has_children());
  });
}

namespace {

Task<> run_twice(Loop& loop, Command command, Errc& first, Errc& second) {
  const auto ended = co_await run_command(loop, command, loop.in(1h));
  first = ended ? Errc::internal : ended.error().code;
  const auto again = co_await run_command(loop, command, loop.in(1h));
  second = again ? Errc::internal : again.error().code;
}

}  // namespace

TEST_CASE("cancelling kills a command with its children, and a cancelled task starts none") {
  run([](Loop& loop) -> Task<> {
    // The child ignores SIGTERM and holds the output open; its number comes back through a file.
    char name[] = "/tmp/weir-test-XXXXXX";
    const Descriptor file(mkstemp(name));
    const Command command = shell("trap '' TERM; sleep 1000 & echo $! > " + std::string(name) + "; wait");
    Errc first{};
    Errc second{};
    Scope scope(loop);
    scope.spawn(run_twice(loop, command, first, second));
    char text[32]{};
    while (pread(file.get(), text, sizeof text - 1, 0) == 0) co_await sleep_until(loop.in(1ms));
    unlink(name);
    const pid_t child = atoi(text);
    REQUIRE(child > 1);
    co_await scope.close();
    CHECK(first == Errc::cancelled);
    CHECK(second == Errc::cancelled);
    CHECK_FALSE(has_children());
    while (is_alive(child)) co_await sleep_until(loop.in(1ms));
  });
}

TEST_CASE("what a command leaves running ends with it") {
  run([](Loop& loop) -> Task<> {
    const auto ended = co_await run_command(loop, shell("sleep 1000 & echo $!"), loop.in(10s));
    REQUIRE(ended);
    const pid_t left = atoi(ended->output.c_str());
    REQUIRE(left > 1);
    while (is_alive(left)) co_await sleep_until(loop.in(1ms));
  });
}

TEST_CASE("many commands, good and bad, leave no descriptor and no child") {
  size_t before = 0;
  run([&before](Loop& loop) -> Task<> {
    co_await run_command(loop, program("true"), loop.in(10s));  // libuv opens what it keeps
    before = count_open_descriptors();
    for (int i = 0; i < 20; ++i) {
      co_await run_command(loop, program("true"), loop.in(10s));
      co_await run_command(loop, program("/no/such/program"), loop.in(10s));
      co_await run_command(loop, program("sleep", "1000"), loop.in(1ms));
    }
    CHECK(count_open_descriptors() == before);
    CHECK_FALSE(has_children());
  });
}

TEST_CASE("loops of several threads run commands at the same time") {
  const auto twenty = [] {
    run([](Loop& loop) -> Task<> {
      for (int i = 0; i < 20; ++i) {
        const auto ended = co_await run_command(loop, shell("exit 7"), loop.in(10s));
        if (!ended || ended->status != 7) abort();
      }
    });
  };
  std::thread one(twenty);
  std::thread two(twenty);
  one.join();
  two.join();
  CHECK_FALSE(has_children());
}
