// Journals in tests: a folder of their own, and what a replay has brought.
#pragma once

#include <catch2/catch.hpp>

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "pkg/journal/journal.hh"

struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-journal-XXXXXX").string();
    base = mkdtemp(pattern.data());
    path = base + "/journal";
  }
  ~Folder() { std::filesystem::remove_all(base); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  weir::journal::Options options() const {
    weir::journal::Options options;
    options.directory = path;
    options.segment_size = weir::Bytes{1 << 20};
    return options;
  }
  long count(std::string_view prefix) const {
    return std::ranges::count_if(std::filesystem::directory_iterator(path), [prefix](const auto& entry) {
      return entry.path().filename().string().starts_with(prefix);
    });
  }

  std::string base, path;
};

struct Replayed {
  weir::journal::Replay replay() {
    return {
        .snapshot =
            [this](weir::journal::Sequence last, std::string_view bytes) {
              covered = last;
              snapshot = bytes;
              return weir::Result<>{};
            },
        .record =
            [this](weir::journal::Sequence sequence, std::string_view record) {
              if (records.empty()) first = sequence;
              if (sequence != first + records.size())
                return weir::Result<>(weir::fail(weir::Errc::internal, "a gap"));
              records.emplace_back(record);
              return weir::Result<>{};
            },
    };
  }

  weir::journal::Sequence covered = 0;
  std::string snapshot;
  weir::journal::Sequence first = 0;
  std::vector<std::string> records;
};

inline std::unique_ptr<weir::journal::Journal> open_journal(weir::journal::Options options,
                                                            Replayed& replayed) {
  auto journal = weir::journal::Journal::open(std::move(options), replayed.replay());
  if (!journal) FAIL(journal.error().message);
  return std::move(*journal);
}

inline void wait_until_durable(const weir::journal::Journal& journal, weir::journal::Sequence sequence) {
  while (journal.durable() < sequence) std::this_thread::yield();
}
