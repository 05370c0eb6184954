#include "pkg/metrics/registry.hh"

#include <array>
#include <cassert>
#include <charconv>
#include <cmath>

namespace weir::metrics {
namespace {

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quotes)
      out += "\\\"";
    else
      out += c;
  }
}

std::string labels_as_text(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out += name + "=\"";
    append_escaped(out, value, true);
    out += '"';
  }
  return out;
}

void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
    return;
  }
  // Whole numbers in full, and not as "1e+06": that is what counts are, and people read them too.
  constexpr double kExact = 0x1p53;
  std::array<char, 32> digits;
  const bool whole = std::trunc(value) == value && std::abs(value) < kExact;
  const auto written = whole ? std::to_chars(digits.begin(), digits.end(), static_cast<int64_t>(value))
                             : std::to_chars(digits.begin(), digits.end(), value, std::chars_format::general);
  out.append(digits.begin(), written.ptr);
}

void append_sample(std::string& out, std::string_view name, std::string_view suffix, std::string_view labels,
                   double value) {
  out += name;
  out += suffix;
  if (!labels.empty()) {
    out += '{';
    out += labels;
    out += '}';
  }
  out += ' ';
  append_number(out, value);
  out += '\n';
}

void append_histogram(std::string& out, std::string_view name, const std::string& labels,
                      const Histogram& histogram) {
  const std::string before = labels.empty() ? "" : labels + ",";
  uint64_t below = 0;
  const auto buckets = histogram.buckets();
  for (size_t i = 0; i < buckets.size(); ++i) {
    below += buckets[i];
    std::string bound = before + "le=\"";
    append_number(bound, i < Histogram::kBounds.size() ? Histogram::kBounds[i] : INFINITY);
    append_sample(out, name, "_bucket", bound + '"', static_cast<double>(below));
  }
  append_sample(out, name, "_sum", labels, histogram.sum());
  append_sample(out, name, "_count", labels, static_cast<double>(below));
}

}  // namespace

Registry::Family& Registry::family(std::string_view name, std::string_view help, Type type) {
  auto found = families_.find(name);
  if (found == families_.end()) found = families_.emplace(name, Family{type, std::string(help), {}}).first;
  assert(found->second.type == type);
  return found->second;
}

Registry::Instance& Registry::instance(std::string_view name, std::string_view help, Type type,
                                       const Labels& labels) {
  auto& instances = family(name, help, type).instances;
  std::string text = labels_as_text(labels);
  if (instances.size() >= kMostInstances && !instances.contains(text)) text = "other=\"true\"";
  return instances[std::move(text)];
}

std::shared_ptr<Counter> Registry::counter(std::string_view name, std::string_view help,
                                           const Labels& labels) {
  const std::lock_guard lock(mutex_);
  auto& counter = instance(name, help, Type::counter, labels).counter;
  if (!counter) counter = std::make_shared<Counter>();
  return counter;
}

std::shared_ptr<Gauge> Registry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  auto& gauge = instance(name, help, Type::gauge, labels).gauge;
  if (!gauge) gauge = std::make_shared<Gauge>();
  return gauge;
}

std::shared_ptr<Histogram> Registry::histogram(std::string_view name, std::string_view help,
                                               const Labels& labels) {
  const std::lock_guard lock(mutex_);
  auto& histogram = instance(name, help, Type::histogram, labels).histogram;
  if (!histogram) histogram = std::make_shared<Histogram>();
  return histogram;
}

void Registry::callback(std::string_view name, std::string_view help, Type type, const Labels& labels,
                        std::function<double()> value) {
  const std::lock_guard lock(mutex_);
  auto& instances = family(name, help, type).instances;
  std::string text = labels_as_text(labels);
  if (instances.size() >= kMostInstances && !instances.contains(text)) return;
  instances[std::move(text)].callback = std::move(value);
}

void Registry::gauge_callback(std::string_view name, std::string_view help, const Labels& labels,
                              std::function<double()> value) {
  callback(name, help, Type::gauge, labels, std::move(value));
}

void Registry::counter_callback(std::string_view name, std::string_view help, const Labels& labels,
                                std::function<double()> value) {
  callback(name, help, Type::counter, labels, std::move(value));
}

void Registry::collect() {
  const std::lock_guard lock(mutex_);
  const auto is_unused = [](const auto& entry) {
    const Instance& i = entry.second;
    return !i.callback && i.counter.use_count() <= 1 && i.gauge.use_count() <= 1 &&
           i.histogram.use_count() <= 1;
  };
  for (auto& [name, family] : families_) std::erase_if(family.instances, is_unused);
}

void Registry::retire(std::string_view name, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  const auto found = families_.find(name);
  if (found != families_.end()) found->second.instances.erase(labels_as_text(labels));
}

void Registry::append_family(std::string& out, const std::string& name, const Family& family) {
  constexpr std::array<std::string_view, 3> kTypes{"counter", "gauge", "histogram"};
  if (family.instances.empty()) return;
  out += "# HELP " + name + ' ';
  append_escaped(out, family.help, false);
  out += "\n# TYPE " + name + ' ';
  out += kTypes[static_cast<size_t>(family.type)];
  out += '\n';
  for (const auto& [labels, instance] : family.instances) {
    if (instance.callback) append_sample(out, name, "", labels, instance.callback());
    if (instance.counter)
      append_sample(out, name, "", labels, static_cast<double>(instance.counter->total()));
    if (instance.gauge) append_sample(out, name, "", labels, static_cast<double>(instance.gauge->value()));
    if (instance.histogram) append_histogram(out, name, labels, *instance.histogram);
  }
}

std::string Registry::text() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) append_family(out, name, family);
  return out;
}

}  // namespace weir::metrics
