#include "pkg/balance/outlier.hh"

#include <algorithm>
#include <optional>

#include "pkg/balance/wording.hh"

namespace weir::balance {
namespace {

std::optional<Outlier> judge_errors(const OutlierSettings& settings, size_t index, const Observation& seen) {
  if (settings.consecutive_errors > 0 && seen.failures_in_row >= settings.consecutive_errors) {
    return Outlier{index, static_cast<double>(seen.failures_in_row) / settings.consecutive_errors,
                   describe_errors_in_row(seen.failures_in_row)};
  }
  if (settings.error_rate <= 0 || seen.requests == 0 || seen.requests < settings.minimum) return {};
  const double rate = static_cast<double>(seen.failures) / static_cast<double>(seen.requests);
  if (rate < settings.error_rate) return {};
  return Outlier{index, rate / settings.error_rate,
                 "errors in " + say_percent(rate) + " of " + std::to_string(seen.requests) +
                     " requests within " + format_duration(settings.window)};
}

// The pool's usual latency: the median of the members that have enough requests.
std::optional<Duration> median_latency(const OutlierSettings& settings,
                                       std::span<const Observation> observations) {
  constexpr size_t kFewest = 3;
  std::vector<Duration> latencies;
  for (const Observation& seen : observations) {
    if (seen.requests > 0 && seen.requests >= settings.minimum) latencies.push_back(seen.latency);
  }
  if (latencies.size() < kFewest) return {};
  const auto middle = latencies.begin() + static_cast<ptrdiff_t>((latencies.size() - 1) / 2);
  std::nth_element(latencies.begin(), middle, latencies.end());
  return *middle;
}

std::optional<Outlier> judge_latency(const OutlierSettings& settings, size_t index, const Observation& seen,
                                     Duration median) {
  if (seen.requests == 0 || seen.requests < settings.minimum || median <= Duration{0}) return {};
  const double factor = static_cast<double>(seen.latency.count()) / static_cast<double>(median.count());
  if (factor <= settings.latency_factor) return {};
  const std::string what = settings.latency_quantile > 0
                               ? "latency at " + say_percent(settings.latency_quantile)
                               : std::string("mean latency");
  return Outlier{index, factor / settings.latency_factor,
                 what + " of " + say_duration(seen.latency) + " where the pool's is " + say_duration(median)};
}

}  // namespace

std::string describe_errors_in_row(uint64_t failures) {
  return std::to_string(failures) + (failures == 1 ? " error" : " errors in a row");
}

size_t most_ejected(const OutlierSettings& settings, size_t in_service) {
  const double share = std::clamp(settings.most_ejected, 0.0, 1.0);
  // 0.1 of 10 is one, although 0.1 * 10 may fall short of it in binary.
  return static_cast<size_t>(share * static_cast<double>(in_service) + 1e-9);
}

std::vector<Outlier> find_outliers(const OutlierSettings& settings,
                                   std::span<const Observation> observations) {
  std::vector<Outlier> outliers;
  std::optional<Duration> median;
  if (settings.latency_factor > 0) median = median_latency(settings, observations);
  for (size_t i = 0; i < observations.size(); ++i) {
    auto found = judge_errors(settings, i, observations[i]);
    if (!found && median) found = judge_latency(settings, i, observations[i], *median);
    if (found) outliers.push_back(std::move(*found));
  }
  std::stable_sort(outliers.begin(), outliers.end(),
                   [](const Outlier& a, const Outlier& b) { return a.severity > b.severity; });
  return outliers;
}

void Ejection::eject(const OutlierSettings& settings, MonotonicTime now) {
  const Duration cap = std::max(settings.ejection_cap, settings.ejection_time);
  // What is beyond the cap need not be worked off before the time shrinks again.
  if (settings.ejection_time * times_ < cap && times_ < kMostTimes) ++times_;
  is_ejected_ = true;
  until_ = now + std::min(settings.ejection_time * times_, cap);
}

void Ejection::end(MonotonicTime now) {
  is_ejected_ = false;
  good_since_ = now;
}

bool Ejection::advance(const OutlierSettings& settings, MonotonicTime now) {
  if (is_ejected_) {
    if (now < until_) return false;
    end(now);
    return true;
  }
  const Duration period = std::max(settings.ejection_time, Duration{1});
  if (times_ == 0 || now - good_since_ < period) return false;
  const auto periods = (now - good_since_) / period;
  times_ -= static_cast<uint32_t>(std::min<int64_t>(periods, times_));
  good_since_ += periods * period;
  return false;
}

}  // namespace weir::balance
