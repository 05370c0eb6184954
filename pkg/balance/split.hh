// A split of traffic between named pools: blue and green, a canary at 1%.
//
// Sticky clients are placed by weighted rendezvous hashing: when the weight of one pool grows from 1% to 5%,
// four clients of a hundred move to it and nobody else anywhere.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkg/balance/published.hh"
#include "pkg/base/random.hh"
#include "pkg/base/result.hh"

namespace weir::balance {

struct SplitPart {
  std::string pool;
  uint32_t weight = 1;  // 0: nobody, unless the pool is asked for by name
};

// Immutable.
class Split {
 public:
  static constexpr uint32_t kMostWeight = 1'000'000;

  // Errc::invalid without a pool, with one named twice, or where all weights are zero.
  static Result<Split> make(std::vector<SplitPart> parts);

  const std::vector<SplitPart>& parts() const { return parts_; }
  // Indexes of parts().
  size_t choose(Random& random) const;
  size_t choose_sticky(uint64_t key) const;
  std::optional<size_t> find(std::string_view pool) const;
  double share(size_t part) const;

 private:
  std::vector<SplitPart> parts_;
  std::vector<uint64_t> hashes_;
  uint64_t sum_ = 0;
};

// The split in force, changed in one step under running traffic.
class SplitSwitch {
 public:
  explicit SplitSwitch(Split split) : current_(std::make_shared<Split>(std::move(split))) {}

  using Reader = Published<Split>::Reader;
  const Published<Split>& current() const { return current_; }

  void set(Split split);
  // All traffic to one pool. Errc::not_found.
  Result<> switch_to(std::string_view pool);
  // Back to what was in force before the last change, which becomes what a further roll-back brings back.
  // Errc::unavailable where nothing was changed yet.
  Result<> roll_back();
  // What a roll-back would bring back; null where nothing was changed yet.
  std::shared_ptr<const Split> previous() const;

 private:
  void set_locked(std::shared_ptr<const Split> next);

  mutable std::mutex mutex_;  // of those who change it
  std::shared_ptr<const Split> previous_;
  Published<Split> current_;
};

}  // namespace weir::balance
