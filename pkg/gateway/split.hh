// A split of traffic over upstreams at work. Its state lives as long as a split of its name: a reload keeps
// the weights that an operator or a roll-back has set, unless the config's own have changed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pkg/balance/canary.hh"
#include "pkg/balance/split.hh"
#include "pkg/gateway/request_key.hh"
#include "pkg/gateway/split_section.hh"
#include "pkg/gateway/upstream.hh"

namespace weir::gateway {

struct SplitState {
  // `metrics` must outlive it.
  SplitState(std::string name, balance::Split split, const SplitSection& section, metrics::Registry& metrics);
  ~SplitState();

  // On the main thread: has the shares of these upstreams, and no others, among the metrics.
  void tell_shares_of(const std::map<std::string, uint64_t>& upstreams);
  // On the main thread, after the weights were set by hand: the watch begins anew.
  void on_weights_set();

  balance::SplitSwitch weights;
  balance::CanaryWatch watch;
  std::map<std::string, uint64_t> configured;  // main thread
  std::string verdict;                         // main thread: the watch's last word
  bool rolled_back = false;                    // main thread: the canary, by the rule

 private:
  const std::string name_;
  metrics::Registry& metrics_;
  std::vector<std::string> told_;  // whose shares are among the metrics
};

struct Split {
  std::string name;
  SplitSection settings;
  std::shared_ptr<SplitState> state;
  std::map<std::string, std::shared_ptr<Upstream>, std::less<>> upstreams;
  RequestKey key;

  // Which upstream a request goes to.
  const std::shared_ptr<Upstream>& choose(const IpAddress& client, std::string_view path,
                                          const http::FieldList& fields, Random& random) const;
  // How its request went, for the watch over a canary.
  void record(const Upstream& upstream, bool ok, Duration latency) const;
  // On the main thread: these settings are in force from now on.
  void apply() const;
};

// All living splits by name. Main thread only.
class SplitRegistry {
 public:
  explicit SplitRegistry(metrics::Registry& metrics) : metrics_(metrics) {}

  // `upstreams` has every one that the section names.
  Result<std::shared_ptr<Split>> make(
      const std::string& name, const SplitSection& section,
      std::map<std::string, std::shared_ptr<Upstream>, std::less<>> upstreams);

 private:
  metrics::Registry& metrics_;
  std::map<std::string, std::weak_ptr<SplitState>> states_;
};

Result<balance::Split> make_weights(const std::map<std::string, uint64_t>& weights);

}  // namespace weir::gateway
