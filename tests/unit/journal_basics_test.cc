// A journal on the real file system.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "pkg/journal/journal.hh"
#include "tests/unit/journal_fixture.hh"

using namespace weir;
using namespace weir::journal;

TEST_CASE("what was appended is there again, in order, when the journal is opened again") {
  const Folder folder;
  {
    Replayed replayed;
    auto journal = open_journal(folder.options(), replayed);
    CHECK(replayed.records.empty());
    CHECK(*journal->append("one") == 1);
    CHECK(*journal->append("") == 2);
    CHECK(*journal->append(std::string(100'000, 'x')) == 3);
    CHECK(journal->close());
    CHECK(journal->durable() == 3);
    CHECK(journal->pending().count == 0);
  }
  Replayed replayed;
  auto journal = open_journal(folder.options(), replayed);
  CHECK(replayed.records == std::vector<std::string>{"one", "", std::string(100'000, 'x')});
  CHECK(journal->recovered().last == 3);
  CHECK(journal->recovered().torn_bytes == 0);
  CHECK(*journal->append("four") == 4);
}

TEST_CASE("a directory that another journal has is refused, and named") {
  const Folder folder;
  Replayed replayed;
  auto journal = open_journal(folder.options(), replayed);
  const auto second = Journal::open(folder.options(), replayed.replay());
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Errc::refused);
  CHECK(second.error().message.find(folder.path) != std::string::npos);
}

TEST_CASE("a journal's directory is for its owner only") {
  const Folder folder;
  Replayed replayed;
  auto journal = open_journal(folder.options(), replayed);
  CHECK(std::filesystem::status(folder.path).permissions() == std::filesystem::perms::owner_all);
}

TEST_CASE("a full segment is followed by the next, and all are read") {
  const Folder folder;
  Options options = folder.options();
  options.segment_size = Bytes{4096};
  std::vector<std::string> written;
  {
    Replayed replayed;
    auto journal = open_journal(options, replayed);
    for (int i = 0; i < 50; ++i) {
      written.push_back(std::string(500, static_cast<char>('a' + i % 26)));
      wait_until_durable(*journal, *journal->append(written.back()));
    }
  }
  CHECK(folder.count("segment-") > 5);
  Replayed replayed;
  auto journal = open_journal(options, replayed);
  CHECK(replayed.records == written);
}

TEST_CASE("a snapshot stands in for the records it covers, and the older of two decides what is removed") {
  const Folder folder;
  Options options = folder.options();
  options.segment_size = Bytes{4096};
  {
    Replayed replayed;
    auto journal = open_journal(options, replayed);
    for (Sequence snapshot = 1; snapshot <= 3; ++snapshot) {
      for (int i = 0; i < 20; ++i) wait_until_durable(*journal, *journal->append(std::string(500, 'r')));
      REQUIRE(journal->write_snapshot(journal->appended(), "state " + std::to_string(snapshot)));
      while (journal->snapshot() != journal->appended()) std::this_thread::yield();
    }
    CHECK(journal->append("after"));
  }
  CHECK(folder.count("snapshot-") == 2);
  CHECK(folder.count("segment-") < 6);
  Replayed replayed;
  auto journal = open_journal(options, replayed);
  CHECK(replayed.snapshot == "state 3");
  CHECK(replayed.covered == 60);
  CHECK(replayed.records == std::vector<std::string>{"after"});
  CHECK(journal->recovered().last == 61);
}

TEST_CASE("files of other names are left alone") {
  const Folder folder;
  std::filesystem::create_directory(folder.path);
  for (const char* name :
       {"notes.txt", "segment-1", "segment-0000000000000000000x", "other.tmp", "lost+found"}) {
    std::ofstream(folder.path + "/" + name) << "not a journal's";
  }
  {
    Replayed replayed;
    auto journal = open_journal(folder.options(), replayed);
    CHECK(journal->append("one"));
  }
  Replayed replayed;
  auto journal = open_journal(folder.options(), replayed);
  CHECK(replayed.records.size() == 1);
  CHECK(std::filesystem::exists(folder.path + "/segment-1"));
  CHECK(std::filesystem::exists(folder.path + "/other.tmp"));
}

TEST_CASE("a segment is allocated ahead, and ends where its records do after a clean close") {
  const Folder folder;
  Replayed replayed;
  auto journal = open_journal(folder.options(), replayed);
  const std::string segment = folder.path + "/" + segment_name(1);
  CHECK(std::filesystem::file_size(segment) == folder.options().segment_size.count);
  wait_until_durable(*journal, *journal->append("one"));
  CHECK(journal->close());
  // The segment's header, a frame with a record of three bytes, and a mark.
  CHECK(std::filesystem::file_size(segment) == 32 + 40 + 32);
}

TEST_CASE("a record that is too large is refused, and so is one too many") {
  const Folder folder;
  Options options = folder.options();
  options.pending_limit = Bytes{1000};
  Replayed replayed;
  auto journal = open_journal(options, replayed);
  const std::string large(kMaxRecordBytes + 1, 'x');
  CHECK(journal->append(large).error().code == Errc::limit);
  // One that is larger than the limit is taken when nothing else is pending: it would never be otherwise.
  CHECK(journal->append(std::string(kMaxRecordBytes, 'x')));
  CHECK(journal->close());
  CHECK(journal->append("late").error().code == Errc::unavailable);
}
