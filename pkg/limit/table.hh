// The state of all keys of all rules: one table of fixed size that worker threads share, 16 bytes a key.
//
// An entry is a tag (56 bits of the key's keyed hash, 8 bits that say which rule's strategy can read the
// state) and the state, changed together by one 16-byte compare-and-swap. So an update of a key that is there
// takes no lock; a new key takes a spin lock of its set for some tens of nanoseconds, because two threads
// must not make it twice. Two keys of one rule are confused when all 64 bits of their hashes agree (from 256
// sets, 32 KiB, up): a new key meets one of a million live ones with a probability of 5e-14.
//
// The table is eight-way associative: two cache lines a set, of which a key's hash names one as its home; it
// is put and looked for there first, so that a decision mostly touches one line. When a set is full, an entry
// whose state limits nothing any more gives way first; then the one that will stop limiting first, which is
// the one used longest ago, and of these the one that has used least; but never one that is over its limit: a
// spray of fresh keys cannot free those who are being limited. Where a whole set is over its limit, a new key
// passes uncounted (stats().unrecorded): better that than to refuse clients for what others did.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "pkg/base/wire.hh"
#include "pkg/limit/strategy.hh"

namespace weir::limit {

class Table {
 public:
  explicit Table(Bytes size);  // rounded down to a power of two of sets, at least one
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // How the entries of one name are read. Valid until the table ends.
  struct Reader {
    uint8_t number = 0;
    const Strategy* strategy = nullptr;
  };
  // Gives `name` a reader of its entries, those that are there included: they must be of the same algorithm.
  // 255 names may be enlisted at a time; Errc::limit beyond. One that has gone keeps its entries until they
  // are pushed out or its number is needed for another.
  Result<Reader> enlist(const std::string& name, const Policy& policy);
  void delist(const Reader& reader);  // once for each enlist()

  Decision decide(const Reader& reader, uint64_t hash, Time now, uint32_t cost);
  // Starts loading the place of a key that will soon be decided: its one cache miss then overlaps with work.
  void prefetch(uint64_t hash) const;
  void refund(const Reader& reader, uint64_t hash, Time now, uint32_t cost);

  // For State::save(); load() is for a table that nobody has used. False for what save() has not written.
  void save(std::string& out) const;
  bool load(WireReader& reader);

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
  void count_first_use();
  size_t choose_number(const std::string& name) const;
  void forget_entries(uint8_t reader);
  // The entry that may be pushed out, and what it holds; null when all are over their limits.
  Entry* choose_victim(Set& set, uint64_t tag, Time now, Value& held, bool& has_expired) const;

  size_t set_count_;
  std::unique_ptr<Set, FreeSets> sets_;
  std::unique_ptr<std::atomic<uint8_t>[]> locks_;  // one a set

  std::array<std::atomic<const Strategy*>, 256> readers_{};
  mutable std::mutex mutex_;  // guards what follows; only configs change it
  struct Name {
    std::string text;
    std::vector<const Strategy*> in_use;  // the last one reads entries for others
  };
  std::array<Name, 256> names_;
  // Never deleted while the table lives, for another thread may just be reading an entry with one; used again
  // for an equal rule, so that a reload that changes nothing adds nothing.
  struct Made {
    Policy policy;
    std::unique_ptr<Strategy> strategy;
  };
  std::vector<Made> strategies_;

  std::atomic<uint64_t> occupied_ = 0;
  std::atomic<uint64_t> expired_ = 0;
  std::atomic<uint64_t> evicted_ = 0;
  std::atomic<uint64_t> unrecorded_ = 0;
};

}  // namespace weir::limit
