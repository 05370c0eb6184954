#include "pkg/gateway/split.hh"

#include "pkg/http/cookie.hh"

namespace weir::gateway {
namespace {

balance::CanaryRule rule_of(const SplitSection& section) {
  return {.error_margin = section.canary_error_margin,
          .latency_factor = section.canary_latency_factor,
          .minimum = section.canary_minimum,
          .window = section.canary_window};
}

constexpr const char* kShare = "weir_split_share";

}  // namespace

SplitState::SplitState(std::string name, balance::Split split, const SplitSection& section,
                       metrics::Registry& metrics)
    : weights(std::move(split)),
      watch(rule_of(section)),
      configured(section.weights),
      name_(std::move(name)),
      metrics_(metrics) {}

SplitState::~SplitState() {
  tell_shares_of({});
}

void SplitState::tell_shares_of(const std::map<std::string, uint64_t>& upstreams) {
  for (const std::string& upstream : told_) {
    if (!upstreams.contains(upstream)) metrics_.retire(kShare, {{"split", name_}, {"upstream", upstream}});
  }
  told_.clear();
  for (const auto& [upstream, weight] : upstreams) {
    told_.push_back(upstream);
    metrics_.gauge_callback(kShare, "The share of traffic that a split gives to an upstream, 0 to 1.",
                            {{"split", name_}, {"upstream", upstream}}, [this, upstream] {
                              const auto split = weights.current().get();
                              const auto part = split->find(upstream);
                              return part ? split->share(*part) : 0.0;
                            });
  }
}

void SplitState::on_weights_set() {
  watch.clear();
  verdict.clear();
  rolled_back = false;
}

const std::shared_ptr<Upstream>& Split::choose(const IpAddress& client, std::string_view path,
                                               const http::FieldList& fields, Random& random) const {
  for (const auto& wish :
       {settings.force_header.empty() ? std::nullopt : fields.find(settings.force_header),
        settings.force_cookie.empty() ? std::nullopt : http::find_cookie(fields, settings.force_cookie)}) {
    if (!wish) continue;
    if (const auto found = upstreams.find(*wish); found != upstreams.end()) return found->second;
  }
  const auto split = state->weights.current().get();
  const size_t part = settings.sticky_key.empty() ? split->choose(random)
                                                  : split->choose_sticky(key.hash(client, path, fields));
  // Weights change before every worker has the config that names their upstreams: until then any will do.
  const auto found = upstreams.find(split->parts()[part].pool);
  return found != upstreams.end() ? found->second : upstreams.begin()->second;
}

void Split::record(const Upstream& upstream, bool ok, Duration latency) const {
  if (!settings.canary.empty()) state->watch.record(upstream.name == settings.canary, ok, latency);
}

void Split::apply() const {
  state->tell_shares_of(settings.weights);
  state->watch.set_rule(rule_of(settings));
  if (state->configured == settings.weights) return;
  state->configured = settings.weights;
  state->rolled_back = false;
  if (auto split = make_weights(settings.weights)) state->weights.set(std::move(*split));
}

Result<balance::Split> make_weights(const std::map<std::string, uint64_t>& weights) {
  std::vector<balance::SplitPart> parts;
  for (const auto& [upstream, weight] : weights) parts.push_back({upstream, static_cast<uint32_t>(weight)});
  return balance::Split::make(std::move(parts));
}

Result<std::shared_ptr<Split>> SplitRegistry::make(
    const std::string& name, const SplitSection& section,
    std::map<std::string, std::shared_ptr<Upstream>, std::less<>> upstreams) {
  auto weights = make_weights(section.weights);
  if (!weights) return std::unexpected(std::move(weights.error()).context("split " + name));
  auto made = std::make_shared<Split>();
  made->name = name;
  made->settings = section;
  made->upstreams = std::move(upstreams);
  made->key = RequestKey(section.sticky_key, name);
  made->state = states_[name].lock();
  if (!made->state) {
    made->state = std::make_shared<SplitState>(name, std::move(*weights), section, metrics_);
    states_[name] = made->state;
  }
  return made;
}

}  // namespace weir::gateway
