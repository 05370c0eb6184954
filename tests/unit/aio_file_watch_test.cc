#include "pkg/aio/file_watch.hh"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "pkg/aio/scope.hh"
#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::aio;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

// Looks so rarely that only the kernel's events can be what tells.
constexpr FileWatchSettings kByEvents{.quiet = 5ms, .look_every = 1h};
constexpr FileWatchSettings kByLooking{.quiet = 5ms, .look_every = 2ms};

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/weir-test-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

Task<> expect_change(FileWatch& watch, Loop& loop) {
  const auto changed = co_await watch.next_change(loop.in(10s));
  CHECK(changed);
  const auto again = co_await watch.next_change(loop.in(20ms));
  CHECK(again.error().code == Errc::timed_out);
}

}  // namespace

TEST_CASE("a file that is made, written, replaced and removed has changed each time, once") {
  run([](Loop& loop) -> Task<> {
    const Folder folder;
    FileWatch watch(loop, folder / "servers", kByEvents);
    write_file(folder / "servers", "one");
    co_await expect_change(watch, loop);
    write_file(folder / "servers", "two!");
    co_await expect_change(watch, loop);
    write_file(folder / "servers.new", "three");
    fs::rename(folder / "servers.new", folder / "servers");
    co_await expect_change(watch, loop);
    fs::remove(folder / "servers");
    co_await expect_change(watch, loop);
  });
}

TEST_CASE("a change wakes who waits, and other files' changes do not") {
  run([](Loop& loop) -> Task<> {
    const Folder folder;
    write_file(folder / "servers", "one");
    FileWatch watch(loop, folder / "servers", kByEvents);
    Scope scope(loop);
    const auto writer = [](Loop& on, const Folder& where) -> Task<> {
      write_file(where / "other", "x");
      co_await sleep_until(on.in(20ms));
      write_file(where / "servers", "two!");
    };
    const uint64_t begin = loop.now_tick();
    scope.spawn(writer(loop, folder));
    const auto changed = co_await watch.next_change(loop.in(10s));
    CHECK(changed);
    CHECK(loop.now_tick() - begin >= 20);
    co_await scope.join();
  });
}

TEST_CASE("a link that turns to another folder changes the file") {
  run([](Loop& loop) -> Task<> {
    const Folder folder;
    fs::create_directory(folder / "1");
    fs::create_directory(folder / "2");
    write_file(folder / "1/servers", "one");
    write_file(folder / "2/servers", "two");
    fs::create_symlink("1", folder / "now");
    fs::create_symlink("now/servers", folder / "servers");
    FileWatch watch(loop, folder / "servers", kByEvents);
    fs::create_symlink("2", folder / "next");
    fs::rename(folder / "next", folder / "now");
    co_await expect_change(watch, loop);
  });
}

TEST_CASE("a folder may come later, and go and come again") {
  run([](Loop& loop) -> Task<> {
    const Folder folder;
    FileWatch watch(loop, folder / "later/servers", kByLooking);
    for (int i = 0; i < 2; ++i) {
      fs::create_directory(folder / "later");
      write_file(folder / "later/servers", "one");
      co_await expect_change(watch, loop);
      fs::remove_all(folder / "later");
      co_await expect_change(watch, loop);
    }
  });
}

TEST_CASE("waiting for a change ends when it is cancelled") {
  run([](Loop& loop) -> Task<> {
    const Folder folder;
    FileWatch watch(loop, folder / "servers", kByEvents);
    Errc ended{};
    const auto body = [](FileWatch& on, Errc& code) -> Task<> {
      const auto changed = co_await on.next_change(Deadline::never());
      code = changed ? Errc::internal : changed.error().code;
    };
    Scope scope(loop);
    scope.spawn(body(watch, ended));
    co_await scope.close();
    CHECK(ended == Errc::cancelled);
  });
}
