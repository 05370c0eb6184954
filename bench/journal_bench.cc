// The cost of durability: commits a second of a journal with one appender that waits for each record, beside
// a loop of pwrite and fdatasync on the same disk, in turns; then with many appenders, and for bulk.
//   journal_bench [DIRECTORY [SECONDS]]

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>
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

  Measured& operator+=(const Measured& other) {
    seconds += other.seconds;
    processor += other.processor;
    records += other.records;
    return *this;
  }
  double rate() const { return static_cast<double>(records) / seconds; }
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

class Contestant {
 public:
  Contestant(std::string what, size_t record_bytes) : name(std::move(what)), record(record_bytes, 'r') {}
  virtual ~Contestant() = default;
  virtual Measured run(double seconds) = 0;

  const std::string name;
  const std::string record;
  Measured sum;
};

enum class Blocks { growing, allocated, written };

// What the disk allows: the bytes a journal writes for such a record, one after the other.
class Bare final : public Contestant {
 public:
  Bare(std::string what, const std::string& folder, Blocks blocks)
      : Contestant("pwrite and fdatasync, " + what, kRecordBytes + kHeaderBytes + 8) {
    const std::string path = folder + "/" + what;
    fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) die("cannot write in " + folder);
    if (blocks != Blocks::growing && fallocate(fd_, 0, 0, kSize) < 0) die("fallocate");
    const std::string zeros(1 << 20, '\0');
    for (off_t at = 0; blocks == Blocks::written && at < kSize; at += static_cast<off_t>(zeros.size())) {
      if (pwrite(fd_, zeros.data(), zeros.size(), at) < 0) die("pwrite");
    }
    if (fsync(fd_) < 0) die("fsync");
  }
  ~Bare() override { close(fd_); }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;

  Measured run(double seconds) override {
    uint64_t count = 0;
    const Watch watch(seconds);
    for (; !watch.is_over(); ++count) {
      if (pwrite(fd_, record.data(), record.size(), end_) < 0) die("pwrite");
      if (fdatasync(fd_) < 0) die("fdatasync");
      end_ = (end_ + static_cast<off_t>(record.size())) % kSize;
    }
    return watch.stop(count);
  }

 private:
  static constexpr off_t kSize = 32 << 20;
  int fd_;
  off_t end_ = 0;
};

std::unique_ptr<Journal> open_journal(Options options, const std::string& directory) {
  const Replay replay{[](Sequence, std::string_view) { return Result<>{}; },
                      [](Sequence, std::string_view) { return Result<>{}; }};
  options.directory = directory;
  auto journal = Journal::open(std::move(options), replay);
  if (!journal) die(journal.error().message);
  return std::move(*journal);
}

// One thread that appends and waits, without a loop: what the journal itself costs.
class OneThread final : public Contestant {
 public:
  explicit OneThread(const std::string& folder) : Contestant("journal, 1 appender, a thread", kRecordBytes) {
    Options options;
    options.on_failure = [](const Error& error) { die(error.message); };
    options.on_durable = [this](Sequence sequence) {
      durable_.store(sequence);
      durable_.notify_one();
    };
    journal_ = open_journal(options, folder + "/one-thread");
  }

  Measured run(double seconds) override {
    uint64_t count = 0;
    const Watch watch(seconds);
    for (; !watch.is_over(); ++count) {
      const Sequence sequence = *journal_->append(record);
      for (Sequence seen = durable_.load(); seen < sequence; seen = durable_.load()) durable_.wait(seen);
    }
    return watch.stop(count);
  }

 private:
  std::atomic<Sequence> durable_{0};
  std::unique_ptr<Journal> journal_;
};

// Coroutines on one loop, each of which appends and waits.
class OnLoop final : public Contestant {
 public:
  OnLoop(const std::string& folder, size_t appenders, size_t record_bytes, const std::string& what = "")
      : Contestant("journal, " + std::to_string(appenders) + " on a loop" + what, record_bytes),
        appenders_(appenders) {
    Options options;
    durability_.attach(options, [](const Error& error) { die(error.message); });
    journal_ = open_journal(options, folder + "/" + name);
  }

  Measured run(double seconds) override {
    const Watch watch(seconds);
    uint64_t count = 0;
    running_ = appenders_;
    loop_.post([&] {
      for (size_t i = 0; i < appenders_; ++i) scope_.spawn(append(*this, watch, count));
    });
    loop_.run();
    return watch.stop(count);
  }

 private:
  static aio::Task<> append(OnLoop& self, const Watch& watch, uint64_t& count) {
    while (!watch.is_over()) {
      const auto sequence = self.journal_->append(self.record);
      if (!sequence) die(sequence.error().message);
      auto done = co_await self.durability_.reached(*sequence);
      if (!done) die(done.error().message);
      ++count;
    }
    if (--self.running_ == 0) self.loop_.stop();
  }

  const size_t appenders_;
  size_t running_ = 0;
  aio::Loop loop_;
  aio::Scope scope_{loop_};
  Durability durability_;
  std::unique_ptr<Journal> journal_;
};

void measure(const std::string& folder, double seconds) {
  std::vector<std::unique_ptr<Contestant>> all;
  all.push_back(std::make_unique<Bare>("blocks written before", folder, Blocks::written));
  all.push_back(std::make_unique<Bare>("blocks allocated", folder, Blocks::allocated));
  all.push_back(std::make_unique<Bare>("a growing file", folder, Blocks::growing));
  all.push_back(std::make_unique<OneThread>(folder));
  for (const size_t appenders : {1, 16, 256}) {
    all.push_back(std::make_unique<OnLoop>(folder, appenders, kRecordBytes));
  }
  all.push_back(std::make_unique<OnLoop>(folder, 16, 64 << 10, ", 64 KiB each"));
  // In an order of its own each time: a disk may give more to who comes after a pause of others.
  std::vector<Contestant*> turns;
  for (const auto& contestant : all) turns.push_back(contestant.get());
  std::mt19937 random(1);
  constexpr double kTurn = 0.1;
  for (int turn = 0; turn < static_cast<int>(seconds / kTurn); ++turn) {
    std::ranges::shuffle(turns, random);
    for (Contestant* contestant : turns) contestant->sum += contestant->run(kTurn);
  }
  std::printf("%-44s %11s %8s %9s %14s\n", "records of 200 bytes", "records/s", "of bare", "MB/s",
              "processor each");
  for (const auto& contestant : all) {
    const Measured& sum = contestant->sum;
    std::printf("%-44s %11.0f %8.2f %9.1f %11.1f us\n", contestant->name.c_str(), sum.rate(),
                sum.rate() / all.front()->sum.rate(),
                sum.rate() * static_cast<double>(contestant->record.size()) / 1e6,
                sum.processor * 1e6 / static_cast<double>(sum.records));
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string base = count > 1 ? arguments[1] : std::filesystem::temp_directory_path().string();
  const double seconds = count > 2 ? atof(arguments[2]) : 3;
  std::string folder = base + "/weir-journal-bench-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) die("cannot make a directory in " + base);
  measure(folder, seconds);
  std::filesystem::remove_all(folder);
}
