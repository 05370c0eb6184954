// A process with a journal on the real file system, killed at any moment.
#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkg/base/random.hh"
#include "tests/unit/journal_fixture.hh"

using namespace weir;
using namespace weir::journal;

namespace {

std::string record(Sequence sequence) {
  return std::to_string(sequence) + std::string(sequence * 31 % 300, 'r');
}

// Appends as long as it lives, with a snapshot now and then, and tells `out` each sequence that is durable.
[[noreturn]] void append_for_ever(Options options, int out) {
  options.on_durable = [out](Sequence durable) {
    if (write(out, &durable, sizeof durable) < 0) _exit(2);
  };
  Replayed replayed;
  const auto journal = Journal::open(options, replayed.replay());
  if (!journal) _exit(1);
  while (true) {
    const auto sequence = (*journal)->append(record((*journal)->appended() + 1));
    if (!sequence) std::this_thread::yield();
    if (sequence && *sequence % 64 == 0)
      (void)(*journal)->write_snapshot(*sequence, std::to_string(*sequence));
  }
}

// The last sequence that the child called durable.
Sequence kill_after(const Options& options, uint64_t messages) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) append_for_ever(options, ends[1]);
  close(ends[1]);
  Sequence last = 0;
  for (uint64_t i = 0; i < messages; ++i) REQUIRE(read(ends[0], &last, sizeof last) == sizeof last);
  kill(child, SIGKILL);
  while (read(ends[0], &last, sizeof last) == sizeof last) continue;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  return last;
}

}  // namespace

TEST_CASE("what a process called durable is there when it was killed") {
  const Folder folder;
  Options options = folder.options();
  options.segment_size = Bytes{32 << 10};
  options.pending_limit = Bytes{4 << 10};
  Random random(1);
  Sequence before = 0;
  for (int life = 0; life < 20; ++life) {
    INFO("life " << life);
    const Sequence durable = kill_after(options, 1 + random.below(20));
    REQUIRE(durable >= before);
    Replayed replayed;
    const auto journal = open_journal(options, replayed);
    before = journal->recovered().last;
    REQUIRE(before >= durable);
    REQUIRE(before == replayed.covered + replayed.records.size());
    for (size_t i = 0; i < replayed.records.size(); ++i) {
      REQUIRE(replayed.records[i] == record(replayed.covered + 1 + i));
    }
  }
}
