// A table of values by name, found by hash, that can be walked in the order of the names as well.
//
// A place in the order costs a search through a tree, a dozen cache misses among 100,000 names, and is rarely
// asked for: so what is new is put there only when someone walks, and what is gone before that never was.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pkg/base/hash.hh"

namespace weir {

// Any number of threads may look at the same time, and walk, while none changes it.
template <typename Value>
class NameTable {
 public:
  using Ordered = std::map<std::string, Value, std::less<>>;

  NameTable() = default;
  NameTable(const NameTable&) = delete;
  NameTable& operator=(const NameTable&) = delete;

  size_t size() const { return size_; }
  // Null: there is none. Stays where it is until it is erased.
  Value* find(std::string_view name) {
    Slot& slot = slots_[place_of(name, hash_of(name))];
    return slot.hash == 0 ? nullptr : &slot.entry->second;
  }
  const Value* find(std::string_view name) const { return const_cast<NameTable&>(*this).find(name); }

  // The value of this name, a fresh one if there was none.
  Value& operator[](std::string_view name) {
    const uint64_t hash = hash_of(name);
    const size_t place = place_of(name, hash);
    return slots_[place].hash == 0 ? add(name, hash, place) : slots_[place].entry->second;
  }

  void erase(std::string_view name) {
    const size_t place = place_of(name, hash_of(name));
    if (slots_[place].hash == 0) return;
    const Slot gone = slots_[place];
    close_gap(place);
    --size_;
    if (gone.fresh == kNone) {
      ordered_.erase(gone.position);
      return;
    }
    if (gone.fresh + 1 != fresh_.size()) {
      slot_of(fresh_.back()).fresh = gone.fresh;
      std::swap(fresh_[gone.fresh], fresh_.back());
    }
    fresh_.pop_back();
  }

  void clear() {
    slots_.assign(kFewestSlots, {});
    size_ = 0;
    fresh_.clear();
    ordered_.clear();
  }

  // In no order.
  template <typename Visit>
  void for_each(Visit visit) {
    for (Slot& slot : slots_) {
      if (slot.hash != 0) visit(std::string_view(slot.entry->first), slot.entry->second);
    }
  }

  const Ordered& ordered() const {
    const std::lock_guard lock(ordering_);
    for (Fresh& one : fresh_) put_in_order(one);
    fresh_.clear();
    return ordered_;
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;
  static constexpr size_t kFewestSlots = 16;  // a power of 2, as any number of slots
  // More would take too long to put in order at once.
  static constexpr size_t kMostFresh = 256 * 1024;

  // Its entry is a node either of ordered_ or for it, in fresh_.
  struct Slot {
    uint64_t hash = 0;  // 0: it is free
    typename Ordered::value_type* entry = nullptr;
    typename Ordered::iterator position = {};
    size_t fresh = kNone;
  };
  struct Fresh {
    typename Ordered::node_type node;
    uint64_t hash = 0;
  };

  uint64_t hash_of(std::string_view name) const { return siphash(key_, name) | 1; }
  // The low bit is spent on not being 0.
  size_t home_of(uint64_t hash) const { return (hash >> 1) & (slots_.size() - 1); }
  size_t behind(size_t place) const { return (place + 1) & (slots_.size() - 1); }

  // Where the name stands, or the free slot where it would.
  size_t place_of(std::string_view name, uint64_t hash) const {
    size_t place = home_of(hash);
    while (slots_[place].hash != 0 && (slots_[place].hash != hash || slots_[place].entry->first != name))
      place = behind(place);
    return place;
  }
  Slot& slot_of(const Fresh& fresh) const {
    size_t place = home_of(fresh.hash);
    while (slots_[place].entry == nullptr || &slots_[place].entry->second != &fresh.node.mapped())
      place = behind(place);
    return slots_[place];
  }

  void put_in_order(Fresh& fresh) const {
    Slot& slot = slot_of(fresh);
    slot.position = ordered_.insert(std::move(fresh.node)).position;
    slot.fresh = kNone;
  }

  Value& add(std::string_view name, uint64_t hash, size_t place) {
    Ordered maker;  // the only way to a node
    const auto made = maker.try_emplace(std::string(name)).first;
    slots_[place] = {hash, &*made, {}, fresh_.size()};
    ++size_;
    fresh_.push_back({maker.extract(made), hash});
    Value& value = fresh_.back().node.mapped();
    if (fresh_.size() > kMostFresh) {
      put_in_order(fresh_.back());
      fresh_.pop_back();
    }
    if (size_ > slots_.size() / 4 * 3) grow();
    return value;
  }

  void grow() {
    std::vector<Slot> before(2 * slots_.size());
    before.swap(slots_);
    for (const Slot& slot : before) {
      if (slot.hash == 0) continue;
      size_t place = home_of(slot.hash);
      while (slots_[place].hash != 0) place = behind(place);
      slots_[place] = slot;
    }
  }

  // Frees a slot; who stands behind it because it was taken moves up.
  void close_gap(size_t gap) {
    const size_t mask = slots_.size() - 1;
    for (size_t next = behind(gap); slots_[next].hash != 0; next = behind(next)) {
      const size_t way = (next - home_of(slots_[next].hash)) & mask;
      if (way < ((next - gap) & mask)) continue;
      slots_[gap] = slots_[next];
      gap = next;
    }
    slots_[gap] = {};
  }

  const HashKey key_ = HashKey::random();
  size_t size_ = 0;
  mutable std::vector<Slot> slots_ = std::vector<Slot>(kFewestSlots);
  mutable std::vector<Fresh> fresh_;
  mutable Ordered ordered_;
  mutable std::mutex ordering_;  // of two who walk at the same time one does it
};

}  // namespace weir
