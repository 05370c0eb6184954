#include "pkg/limit/table.hh"

#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>
#include <thread>

namespace weir::limit {

// Memory order: an entry's two words are only ever written together by replace(), a full barrier. A reader
// loads tag, then state; what it makes of them counts only when replace() finds both unchanged, so a torn
// read costs a retry and nothing else. A rejection, which writes nothing, looks at the tag once more instead:
// the acquiring load of the state keeps that look behind it, so an unchanged tag means that the state was of
// this key.

void Table::FreeSets::operator()(Set* sets) const {
  munmap(sets, bytes);
}

// A spin lock: held for a scan of two cache lines, and only by threads that bring a new key to the same set.
// It gives way after a while, for its owner may have lost the processor that they share.
class Table::SetLock {
 public:
  explicit SetLock(std::atomic<uint8_t>& flag) : flag_(flag) {
    for (int spins = 0; flag_.exchange(1, std::memory_order_acquire) != 0; ++spins) {
      __builtin_ia32_pause();
      if (spins > kMostSpins) std::this_thread::yield();
    }
  }
  ~SetLock() { flag_.store(0, std::memory_order_release); }
  SetLock(const SetLock&) = delete;
  SetLock& operator=(const SetLock&) = delete;

 private:
  static constexpr int kMostSpins = 100;
  std::atomic<uint8_t>& flag_;
};

Table::Table(Bytes size) : set_count_(std::bit_floor(std::max<uint64_t>(size.count / sizeof(Set), 1))) {
  const size_t bytes = set_count_ * sizeof(Set);
  // Zeroed by the kernel, page by page as keys come: a large table costs nothing before its first key, and
  // then, keys lying anywhere, soon all of it.
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  sets_ = {static_cast<Set*>(memory), FreeSets{bytes}};
  locks_ = std::make_unique<std::atomic<uint8_t>[]>(set_count_);
}

// A decision is one access to a random place: without huge pages it misses the TLB as well as the cache (220
// ns instead of 185). But a few keys need no more memory than the small pages they touch: huge pages are made
// when a quarter of the small ones are in use, and one at a time, for each takes some 200 us.
void Table::count_first_use() {
  constexpr size_t kHugePage = 2 << 20;
  constexpr size_t kKeysPerPage = kHugePage / 4096 / 4;
  const uint64_t keys = occupied_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (keys % kKeysPerPage != 0) return;
  const auto begin = (reinterpret_cast<uintptr_t>(sets_.get()) + kHugePage - 1) & -kHugePage;
  const auto end = reinterpret_cast<uintptr_t>(sets_.get() + set_count_) & -kHugePage;
  const size_t pages = end > begin ? (end - begin) / kHugePage : 0;
  const size_t page = keys / kKeysPerPage - pages;
  // Where the kernel has none to give, or is older than Linux 6.1, the table works with small ones.
  if (page < pages)
    (void)madvise(reinterpret_cast<void*>(begin + page * kHugePage), kHugePage, MADV_COLLAPSE);
}

// The number that the name has or had, else one that nobody had, else that of a name that has gone; 0: none.
size_t Table::choose_number(const std::string& name) const {
  size_t unused = 0;
  size_t gone = 0;
  for (size_t i = names_.size() - 1; i > 0; --i) {
    if (names_[i].text == name) return i;
    if (names_[i].text.empty()) unused = i;
    if (names_[i].in_use.empty()) gone = i;
  }
  return unused != 0 ? unused : gone;
}

Result<Table::Reader> Table::enlist(const std::string& name, const Policy& policy) {
  const std::lock_guard lock(mutex_);
  const size_t chosen = choose_number(name);
  if (chosen == 0) return fail(Errc::limit, "more than 255 rate limits");
  const auto number = static_cast<uint8_t>(chosen);
  if (names_[number].text != name) {
    // What another algorithm has written could read as a limit that never ends.
    if (!names_[number].text.empty()) forget_entries(number);
    names_[number].text = name;
  }
  auto made = std::ranges::find_if(strategies_, [&](const Made& known) {
    return known.policy.algorithm == policy.algorithm && known.policy.rate == policy.rate &&
           known.policy.capacity() == policy.capacity();
  });
  if (made == strategies_.end()) made = strategies_.insert(made, Made{policy, make_strategy(policy)});
  const Strategy* strategy = made->strategy.get();
  names_[number].in_use.push_back(strategy);
  readers_[number].store(strategy, std::memory_order_release);
  return Reader{number, strategy};
}

void Table::delist(const Reader& reader) {
  const std::lock_guard lock(mutex_);
  auto& in_use = names_[reader.number].in_use;
  in_use.erase(std::ranges::find(in_use, reader.strategy));
  readers_[reader.number].store(in_use.empty() ? nullptr : in_use.back(), std::memory_order_release);
}

// Nobody adds entries of this number meanwhile: its name has gone.
void Table::forget_entries(uint8_t reader) {
  for (size_t i = 0; i < set_count_; ++i) {
    for (Entry& entry : sets_.get()[i].entries) {
      const Value held = load(entry);
      if ((held.tag & 0xff) == reader && replace(entry, held, {})) occupied_.fetch_sub(1);
    }
  }
}

uint64_t Table::tag_of(uint64_t hash, uint8_t reader) {
  // The set is chosen by the lowest bits; the tag keeps the upper 56, and is never 0 since no reader is.
  return (hash & ~uint64_t{0xff}) | reader;
}

Table::Value Table::load(const Entry& entry) {
  const uint64_t tag = entry.tag.load(std::memory_order_acquire);
  return {tag, entry.state.load(std::memory_order_acquire)};
}

// g++ 12 calls libatomic for 16-byte atomics, at twice the price of the instruction.
bool Table::replace(Entry& entry, Value expected, Value desired) {
  bool done = false;
  asm volatile("lock cmpxchg16b %1"
               : "=@ccz"(done), "+m"(entry), "+a"(expected.tag), "+d"(expected.state)
               : "b"(desired.tag), "c"(desired.state)
               : "memory");
  return done;
}

size_t Table::home_of(uint64_t tag) {
  return tag >> 63 == 0 ? 0 : kWays / 2;
}

Table::Entry* Table::find(Set& set, uint64_t tag) {
  const size_t home = home_of(tag);
  for (size_t i = 0; i < kWays; ++i) {
    Entry& entry = set.entries[i ^ home];
    if (entry.tag.load(std::memory_order_relaxed) == tag) return &entry;
  }
  return nullptr;
}

bool Table::update(Set& set, uint64_t tag, const Strategy& strategy, Time now, uint32_t cost,
                   Decision& decision) {
  for (;;) {
    Entry* entry = find(set, tag);
    if (entry == nullptr) return false;
    const Value held = load(*entry);
    if (held.tag != tag) continue;
    uint64_t next = 0;
    decision = strategy.decide(held.state, now, cost, next);
    // A rejection changes nothing: a flood over its limit does not even write.
    const bool is_unchanged = next == held.state;
    if (is_unchanged && entry->tag.load(std::memory_order_relaxed) == tag) return true;
    if (!is_unchanged && replace(*entry, held, {tag, next})) return true;
  }
}

Decision Table::decide(const Reader& reader, uint64_t hash, Time now, uint32_t cost) {
  const uint64_t tag = tag_of(hash, reader.number);
  Set& set = set_of(hash);
  Decision decision;
  if (update(set, tag, *reader.strategy, now, cost, decision)) return decision;
  return insert(set, hash & (set_count_ - 1), tag, *reader.strategy, now, cost);
}

Decision Table::insert(Set& set, size_t set_index, uint64_t tag, const Strategy& strategy, Time now,
                       uint32_t cost) {
  const SetLock lock(locks_[set_index]);
  Decision decision;
  if (update(set, tag, strategy, now, cost, decision)) return decision;
  uint64_t next = 0;
  decision = strategy.decide(0, now, cost, next);
  if (!decision.allowed) return decision;
  for (;;) {
    Value held;
    bool has_expired = false;
    Entry* victim = choose_victim(set, tag, now, held, has_expired);
    if (victim == nullptr) {
      unrecorded_.fetch_add(1, std::memory_order_relaxed);
      return decision;
    }
    if (!replace(*victim, held, {tag, next})) continue;  // someone has just used it: choose again
    if (held.tag == 0)
      count_first_use();
    else
      (has_expired ? expired_ : evicted_).fetch_add(1, std::memory_order_relaxed);
    return decision;
  }
}

Table::Entry* Table::choose_victim(Set& set, uint64_t tag, Time now, Value& held, bool& has_expired) const {
  Entry* best = nullptr;
  Time best_expires = UINT64_MAX;
  const size_t home = home_of(tag);
  for (size_t i = 0; i < kWays; ++i) {
    Entry& entry = set.entries[i ^ home];
    const Value value = load(entry);
    const auto reader = static_cast<uint8_t>(value.tag & 0xff);
    const Strategy* strategy = readers_[reader].load(std::memory_order_acquire);
    Time expires = 0;  // of what is empty, or of a rule that is no more
    if (value.tag != 0 && strategy != nullptr) {
      expires = strategy->expires(value.state, now);
      if (expires > now && strategy->is_over(value.state, now)) continue;
    }
    // Empty before expired before alive; among equals the first, which is the nearest to home. All that is
    // alive in a window ends with it: of one rule, the lower state is the one that has counted less.
    if (expires <= now) expires = value.tag == 0 ? 0 : 1;
    const bool has_less = expires == best_expires && expires > 1 && (value.tag & 0xff) == (held.tag & 0xff) &&
                          value.state < held.state;
    if (expires >= best_expires && !has_less) continue;
    best = &entry;
    best_expires = expires;
    held = value;
  }
  has_expired = best_expires <= 1;
  return best;
}

void Table::prefetch(uint64_t hash) const {
  const Set& set = sets_.get()[hash & (set_count_ - 1)];
  __builtin_prefetch(&set.entries[home_of(tag_of(hash, 0))], 1);
}

void Table::refund(const Reader& reader, uint64_t hash, Time now, uint32_t cost) {
  const uint64_t tag = tag_of(hash, reader.number);
  Set& set = set_of(hash);
  for (;;) {
    Entry* entry = find(set, tag);
    if (entry == nullptr) return;
    const Value held = load(*entry);
    if (held.tag != tag) continue;
    if (replace(*entry, held, {tag, reader.strategy->refund(held.state, now, cost)})) return;
  }
}

Table::Stats Table::stats() const {
  return {occupied_.load(std::memory_order_relaxed), expired_.load(std::memory_order_relaxed),
          evicted_.load(std::memory_order_relaxed), unrecorded_.load(std::memory_order_relaxed)};
}

}  // namespace weir::limit
