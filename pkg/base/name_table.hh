// A table of values by name, found by hash, that can be walked in the order of the names as well.
//
// A place in the order costs a search through a tree, a dozen cache misses among 100,000 names, and is rarely
// asked for: so what is new is put there only when someone walks, and what is gone before that never was.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
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

  size_t size() const { return entries_.size(); }
  // Null: there is none. Stays where it is until it is erased.
  Value* find(std::string_view name) { return const_cast<Value*>(std::as_const(*this).find(name)); }
  const Value* find(std::string_view name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : found->second.value;
  }

  // The value of this name, a fresh one if there was none.
  Value& operator[](std::string_view name) {
    const auto found = entries_.find(name);
    return found == entries_.end() ? add(name) : *found->second.value;
  }

  void erase(std::string_view name) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return;
    const Entry gone = found->second;
    if (gone.fresh != kNone) {
      fresh_.back().entry->fresh = gone.fresh;
      std::swap(fresh_[gone.fresh], fresh_.back());
    }
    entries_.erase(found);  // while the name that it goes by is there
    if (gone.fresh != kNone) {
      fresh_.pop_back();
    } else {
      ordered_.erase(gone.place);
    }
  }

  void clear() {
    entries_.clear();
    fresh_.clear();
    ordered_.clear();
  }

  // In no order.
  template <typename Visit>
  void for_each(Visit visit) {
    for (auto& [name, entry] : entries_) visit(name, *entry.value);
  }

  const Ordered& ordered() const {
    const std::lock_guard lock(ordering_);
    for (Fresh& one : fresh_) put_in_order(one);
    fresh_.clear();
    return ordered_;
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;
  // More would take too long to put in order at once.
  static constexpr size_t kMostFresh = 128 * 1024;

  // Either in ordered_, or a node for it in fresh_.
  struct Entry {
    Value* value = nullptr;
    size_t fresh = kNone;
    typename Ordered::iterator place = {};
  };
  struct Fresh {
    typename Ordered::node_type node;
    Entry* entry = nullptr;
  };
  struct Hash {
    HashKey key = HashKey::random();
    size_t operator()(std::string_view name) const { return siphash(key, name); }
  };

  void put_in_order(Fresh& fresh) const {
    fresh.entry->place = ordered_.insert(std::move(fresh.node)).position;
    fresh.entry->fresh = kNone;
  }

  Value& add(std::string_view name) {
    Ordered maker;  // the only way to a node
    auto node = maker.extract(maker.try_emplace(std::string(name)).first);
    Value& value = node.mapped();
    Entry& entry = entries_[node.key()];
    entry.value = &value;
    entry.fresh = fresh_.size();
    fresh_.push_back({std::move(node), &entry});
    if (fresh_.size() > kMostFresh) {
      put_in_order(fresh_.back());
      fresh_.pop_back();
    }
    return value;
  }

  std::unordered_map<std::string_view, Entry, Hash> entries_;  // their names stand in the nodes
  mutable std::vector<Fresh> fresh_;
  mutable Ordered ordered_;
  mutable std::mutex ordering_;  // of two who walk at the same time one does it
};

}  // namespace weir
