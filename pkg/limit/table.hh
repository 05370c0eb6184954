// The state of all keys of all rules: one table of fixed size that worker threads share, 16 bytes a key.
//
// An entry is a tag (56 bits of the key's keyed hash, 8 bits that say which rule's strategy can read the
// state) and the state, changed together by one 16-byte compare-and-swap. So an update of a key that is there
// takes no lock; a new key takes a spin lock of its set for some tens of nanoseconds, because two threads
// must not make it twice. Two keys of one set are confused with a probability of 2^-56 for each pair.
//
// The table is eight-way associative: two cache lines a set, of which a key's hash names one as its home; it
// is put and looked for there first, so that a decision mostly touches one line. When a set is full, an entry
// whose state limits nothing any more gives way first; then the one that will stop limiting first, which is
// the one used longest ago; but never one that is over its limit: a spray of fresh keys cannot free those who
// are being limited. Where a whole set is over its limit, a new key passes uncounted (stats().unrecorded).
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "pkg/limit/strategy.hh"

namespace weir::limit {

class Table {
 public:
  explicit Table(Bytes size);  // rounded down to a power of two of sets, at least one
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Makes `strategy` known for `name`, so that entries of that name can be read: from now on by this
  // strategy. The number is what decide() wants. 255 names may live at a time; Errc::limit beyond.
  Result<uint8_t> enlist(const std::string& name, std::unique_ptr<Strategy> strategy);
  void delist(uint8_t reader);

  Decision decide(uint8_t reader, const Strategy& strategy, uint64_t hash, Time now, uint32_t cost);
  // Starts loading the place of a key that will soon be decided: its one cache miss then overlaps with work.
  void prefetch(uint64_t hash) const;
  void refund(uint8_t reader, const Strategy& strategy, uint64_t hash, Time now, uint32_t cost);

  size_t capacity() const { return set_count_ * kWays; }

  struct Stats {
    uint64_t occupied = 0;    // entries that were ever written and not reused for another key
    uint64_t expired = 0;     // pushed out when they limited nothing any more
    uint64_t evicted = 0;     // pushed out while they still counted
    uint64_t unrecorded = 0;  // decisions on new keys that found no place
  };
  Stats stats() const;

 private:
  static constexpr size_t kWays = 8;

  struct alignas(16) Entry {
    std::atomic<uint64_t> tag = 0;  // 0: empty
    std::atomic<uint64_t> state = 0;
  };
  struct alignas(128) Set {
    std::array<Entry, kWays> entries;
  };
  struct Value {
    uint64_t tag = 0;
    uint64_t state = 0;
  };
  struct FreeSets {
    size_t bytes;
    void operator()(Set* sets) const;
  };
  class SetLock;

  static Value load(const Entry& entry);
  static bool replace(Entry& entry, Value expected, Value desired);
  static size_t home_of(uint64_t tag);  // the first entry of the tag's home line
  static Entry* find(Set& set, uint64_t tag);
  static uint64_t tag_of(uint64_t hash, uint8_t reader);
  Set& set_of(uint64_t hash) { return sets_.get()[hash & (set_count_ - 1)]; }

  // Tries to change the entry of a key that is there; false when it is not.
  bool update(Set& set, uint64_t tag, const Strategy& strategy, Time now, uint32_t cost, Decision& decision);
  Decision insert(Set& set, size_t set_index, uint64_t tag, const Strategy& strategy, Time now,
                  uint32_t cost);
  // The entry that may be pushed out, and what it holds; null when all are over their limits.
  Entry* choose_victim(Set& set, uint64_t tag, Time now, Value& held, bool& has_expired) const;

  size_t set_count_;
  std::unique_ptr<Set, FreeSets> sets_;
  std::unique_ptr<std::atomic<uint8_t>[]> locks_;  // one a set

  std::array<std::atomic<const Strategy*>, 256> readers_{};
  std::mutex mutex_;  // guards what follows; only configs change it
  struct Name {
    std::string text;
    size_t uses = 0;
  };
  std::array<Name, 256> names_;
  // Never deleted while the table lives: another thread may just be reading an entry with one. They are some
  // tens of bytes for each change of a rule.
  std::vector<std::unique_ptr<Strategy>> strategies_;

  std::atomic<uint64_t> occupied_ = 0;
  std::atomic<uint64_t> expired_ = 0;
  std::atomic<uint64_t> evicted_ = 0;
  std::atomic<uint64_t> unrecorded_ = 0;
};

}  // namespace weir::limit
