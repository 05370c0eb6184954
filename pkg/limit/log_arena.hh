// The memory of one shard of logs: cells of 64 bytes, of which a log takes one for itself and one for each
// six times it holds. All of it is bounded when it is made; nothing is allocated later. Not for several
// threads.
//
// When no cell is free, logs are dropped. Sixteen are looked at, in the order in which their cells lie (so a
// large log is met more often), and the first that holds nothing which still counts goes, else the one used
// longest ago; but never one that is over its limit.
#pragma once

#include <memory>
#include <vector>

#include "pkg/limit/policy.hh"

namespace weir::limit::detail {

class LogArena {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kTimesInCell = 6;

  // What is known of a log; its times are kept oldest first, none before the one pushed last.
  struct Log {
    uint32_t self;  // the index of its cell
    uint32_t next;  // in its chain of the index
    uint64_t hash;
    uint32_t head, tail;  // cells of its times; kNone when it holds none
    uint32_t size;        // times in all
    uint16_t first, end;  // the oldest in the head's cell; one past the newest in the tail's
    // Of the policy that used it last.
    uint32_t limit;
    Time period;
    Time newest;  // the time pushed last
  };

  explicit LogArena(size_t cells);

  Log* find(uint64_t hash);
  // A new log under a rate, with room for so many times, or null.
  Log* create(uint64_t hash, const Rate& rate, Time now, uint32_t times);
  // Makes room for so many more times; false when there is none.
  bool reserve(Log& log, Time now, uint32_t times);
  void push(Log& log, Time time);  // into room that was reserved
  Time at(const Log& log, size_t index) const;
  void drop_until(Log& log, Time last);  // times up to and including `last`
  void drop_oldest(Log& log);
  void drop_newest(Log& log);

  template <typename Use>
  void each(Use use) const {
    for (uint32_t cell : chains_) {
      for (; cell != kNone; cell = cells_[cell].log.next) use(cells_[cell].log);
    }
  }

  // Of a log that holds so many times, at most.
  static size_t cells_of(uint64_t times) { return 2 + (times + kTimesInCell - 1) / kTimesInCell; }
  static size_t bytes_of(size_t cells) { return cells * (sizeof(Cell) + sizeof(uint32_t) / 2); }
  size_t cells() const { return cell_count_; }
  size_t cells_in_use() const { return cell_count_ - free_count_; }
  uint64_t dropped() const { return dropped_; }  // logs that still counted

 private:
  struct Block {
    uint32_t owner;  // the cell of its log
    uint32_t next, before;
    Time times[kTimesInCell];
  };
  // A log's cell has its own index as its first word, a block has its owner's, and a free cell that of a log
  // it was once in, or kNone.
  union Cell {
    Log log;
    Block block;
  };
  static_assert(sizeof(Cell) == 64);

  uint32_t& chain_of(uint64_t hash) { return chains_[(hash >> 32) & (chains_.size() - 1)]; }
  bool make_room(size_t wanted, Time now, const Log* keep);
  Log* choose_victim(Time now, const Log* keep);
  bool is_over(const Log& log, Time now) const;
  uint32_t take_cell();
  void free_cells(uint32_t first, uint32_t last, size_t count);
  void clear(Log& log);
  void erase(Log& log);

  uint32_t cell_count_;
  std::unique_ptr<Cell[]> cells_;
  std::vector<uint32_t> chains_;
  uint32_t untouched_ = 0;  // cells from here on were never used
  uint32_t free_ = kNone;   // the first of a chain of freed ones
  uint32_t free_count_;     // both kinds
  uint32_t hand_ = 0;       // where the search for a victim goes on
  uint64_t dropped_ = 0;
};

}  // namespace weir::limit::detail
