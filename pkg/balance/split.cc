#include "pkg/balance/split.hh"

#include <algorithm>

#include "pkg/balance/placement.hh"

namespace weir::balance {

Result<Split> Split::make(std::vector<SplitPart> parts) {
  Split split;
  for (const SplitPart& part : parts) {
    if (part.pool.empty()) return fail(Errc::invalid, "a part of a split without a pool");
    if (split.find(part.pool)) return fail(Errc::invalid, "pool \"" + part.pool + "\" is twice in a split");
    if (part.weight > kMostWeight) {
      return fail(Errc::invalid,
                  "the weight of pool \"" + part.pool + "\" is above " + std::to_string(kMostWeight));
    }
    split.sum_ += part.weight;
    split.hashes_.push_back(hash_name(part.pool));
    split.parts_.push_back(part);
  }
  if (split.sum_ == 0) return fail(Errc::invalid, "a split needs a pool whose weight is above zero");
  return split;
}

size_t Split::choose(Random& random) const {
  uint64_t drawn = random.below(sum_);
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (drawn < parts_[i].weight) return i;
    drawn -= parts_[i].weight;
  }
  return 0;
}

size_t Split::choose_sticky(uint64_t key) const {
  size_t best = 0;
  double best_score = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].weight == 0) continue;
    const double score = rendezvous_score(key, hashes_[i], parts_[i].weight);
    if (score <= best_score) continue;
    best = i;
    best_score = score;
  }
  return best;
}

std::optional<size_t> Split::find(std::string_view pool) const {
  const auto at =
      std::find_if(parts_.begin(), parts_.end(), [&](const SplitPart& part) { return part.pool == pool; });
  if (at == parts_.end()) return std::nullopt;
  return static_cast<size_t>(at - parts_.begin());
}

double Split::share(size_t part) const {
  return static_cast<double>(parts_[part].weight) / static_cast<double>(sum_);
}

void SplitSwitch::set_locked(std::shared_ptr<const Split> next) {
  previous_ = current_.get();
  current_.publish(std::move(next));
}

void SplitSwitch::set(Split split) {
  const std::lock_guard lock(mutex_);
  set_locked(std::make_shared<Split>(std::move(split)));
}

Result<> SplitSwitch::switch_to(std::string_view pool) {
  const std::lock_guard lock(mutex_);
  std::vector<SplitPart> parts = current_.get()->parts();
  bool is_there = false;
  for (SplitPart& part : parts) {
    part.weight = part.pool == pool ? 1 : 0;
    is_there = is_there || part.pool == pool;
  }
  if (!is_there) return fail(Errc::not_found, "no pool \"" + std::string(pool) + "\" in the split");
  auto split = Split::make(std::move(parts));
  if (!split) return std::unexpected(std::move(split.error()));
  set_locked(std::make_shared<Split>(std::move(*split)));
  return {};
}

std::shared_ptr<const Split> SplitSwitch::previous() const {
  const std::lock_guard lock(mutex_);
  return previous_;
}

Result<> SplitSwitch::roll_back() {
  const std::lock_guard lock(mutex_);
  if (!previous_) return fail(Errc::unavailable, "the split was not changed yet: nothing to go back to");
  set_locked(previous_);
  return {};
}

}  // namespace weir::balance
