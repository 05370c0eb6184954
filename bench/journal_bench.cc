// The cost of durability: commits a second of a journal with one appender that waits for each record, beside
// a loop of pwrite and fdatasync on the same disk, in turns; then with many appenders, and for bulk.
//   journal_bench [DIRECTORY [SECONDS]]

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "pkg/aio/scope.hh"
#include "pkg/journal/durability.hh"

using namespace weir;
using namespace weir::journal;

namespace {

constexpr size_t kRecordBytes = 200;

struct Measured {
  double seconds = 0;
  double processor = 0;  // seconds, of all threads
  uint64_t records = 0;
};

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return double(time.tv_sec) + double(time.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Watch {
 public:
  explicit Watch(double limit) : limit_(limit) {}
  bool is_over() const { return elapsed() >= limit_; }
  Measured stop(uint64_t records) const { return {elapsed(), processor_seconds() - processor_, records}; }

 private:
  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  double limit_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double processor_ = processor_seconds();
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "journal_bench: %s\n", why.c_str());
  exit(1);
}

enum class Blocks { new_ones, allocated, written };

// What the disk allows: the same bytes a journal writes for such a record, one after the other.
Measured bare(const std::string& folder, Blocks blocks, double seconds) {
  constexpr off_t kSize = 64 << 20;
  const std::string path = folder + "/bare";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) die("cannot write in " + folder);
  if (blocks != Blocks::new_ones && fallocate(fd, 0, 0, kSize) < 0) die("fallocate");
  const std::string zeros(1 << 20, '\0');
  for (off_t at = 0; blocks == Blocks::written && at < kSize; at += static_cast<off_t>(zeros.size())) {
    if (pwrite(fd, zeros.data(), zeros.size(), at) < 0) die("pwrite");
  }
  if (fsync(fd) < 0) die("fsync");
  const std::string record(kRecordBytes + kHeaderBytes + 8, 'r');
  uint64_t count = 0;
  const Watch watch(seconds);
  while (!watch.is_over()) {
    if (pwrite(fd, record.data(), record.size(), static_cast<off_t>(count * record.size()) % kSize) < 0)
      die("pwrite");
    if (fdatasync(fd) < 0) die("fdatasync");
    ++count;
  }
  const Measured measured = watch.stop(count);
  close(fd);
  unlink(path.c_str());
  return measured;
}

std::unique_ptr<Journal> open_journal(Options options) {
  const Replay replay{[](Sequence, std::string_view) { return Result<>{}; },
                      [](Sequence, std::string_view) { return Result<>{}; }};
  std::filesystem::remove_all(options.directory);
  auto journal = Journal::open(std::move(options), replay);
  if (!journal) die(journal.error().message);
  return std::move(*journal);
}

Options options_in(const std::string& folder) {
  Options options;
  options.directory = folder + "/journal";
  options.on_failure = [](const Error& error) { die(error.message); };
  return options;
}

// One thread that appends and waits, without a loop: what the journal itself costs.
Measured one_thread(const std::string& folder, double seconds) {
  std::atomic<Sequence> durable{0};
  Options options = options_in(folder);
  options.on_durable = [&durable](Sequence sequence) {
    durable.store(sequence);
    durable.notify_one();
  };
  const auto journal = open_journal(options);
  const std::string record(kRecordBytes, 'r');
  uint64_t count = 0;
  const Watch watch(seconds);
  while (!watch.is_over()) {
    const Sequence sequence = *journal->append(record);
    for (Sequence seen = durable.load(); seen < sequence; seen = durable.load()) durable.wait(seen);
    ++count;
  }
  return watch.stop(count);
}

struct Shared {
  Durability& durability;
  Journal& journal;
  const Watch& watch;
  size_t record_bytes;
  uint64_t count = 0;
  size_t running = 0;
};

aio::Task<> appender(aio::Loop& loop, Shared& shared) {
  const std::string record(shared.record_bytes, 'r');
  while (!shared.watch.is_over()) {
    const auto sequence = shared.journal.append(record);
    if (!sequence) die(sequence.error().message);
    auto done = co_await shared.durability.reached(*sequence);
    if (!done) die(done.error().message);
    ++shared.count;
  }
  if (--shared.running == 0) loop.stop();
}

// Coroutines on one loop, each of which appends and waits.
Measured on_loop(const std::string& folder, size_t appenders, size_t record_bytes, double seconds) {
  aio::Loop loop;
  aio::Scope scope(loop);
  Durability durability(loop);
  Options options = options_in(folder);
  durability.attach(options, [](const Error& error) { die(error.message); });
  const auto journal = open_journal(options);
  const Watch watch(seconds);
  Shared shared{durability, *journal, watch, record_bytes};
  shared.running = appenders;
  loop.post([&] {
    for (size_t i = 0; i < appenders; ++i) scope.spawn(appender(loop, shared));
  });
  loop.run();
  return watch.stop(shared.count);
}

void print(const char* what, const Measured& measured, double bare_rate, size_t record_bytes = kRecordBytes) {
  const double rate = static_cast<double>(measured.records) / measured.seconds;
  std::printf("%-46s %9.0f/s  %5.2f of bare  %7.1f MB/s  %6.1f us of processor each\n", what, rate,
              rate / bare_rate, rate * static_cast<double>(record_bytes) / 1e6,
              measured.processor * 1e6 / static_cast<double>(measured.records));
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  const std::string base = count > 1 ? arguments[1] : std::filesystem::temp_directory_path().string();
  const double seconds = count > 2 ? atof(arguments[2]) : 3;
  std::string folder = base + "/weir-journal-bench-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) die("cannot make a directory in " + base);
  // In turns, for the disk is shared and its speed drifts.
  constexpr int kTurns = 3;
  for (int turn = 0; turn < kTurns; ++turn) {
    const Measured written = bare(folder, Blocks::written, seconds);
    const double rate = static_cast<double>(written.records) / written.seconds;
    print("pwrite and fdatasync, blocks written before", written, rate);
    print("pwrite and fdatasync, blocks allocated", bare(folder, Blocks::allocated, seconds), rate);
    print("pwrite and fdatasync, a growing file", bare(folder, Blocks::new_ones, seconds), rate);
    print("journal, 1 appender that is a thread", one_thread(folder, seconds), rate);
    print("journal, 1 appender on a loop", on_loop(folder, 1, kRecordBytes, seconds), rate);
    print("journal, 16 appenders on a loop", on_loop(folder, 16, kRecordBytes, seconds), rate);
    print("journal, 256 appenders on a loop", on_loop(folder, 256, kRecordBytes, seconds), rate);
    print("journal, 16 appenders of 64 KiB", on_loop(folder, 16, 64 << 10, seconds), rate, 64 << 10);
  }
  std::filesystem::remove_all(folder);
}
