#include "pkg/config/decode_value.hh"

#include <cmath>

#include "pkg/config/report.hh"
#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

std::unexpected<Mismatch> mismatch(std::string message, std::string suggestion = {}) {
  return std::unexpected(Mismatch{std::move(message), std::move(suggestion)});
}

std::unexpected<Mismatch> wrong_type(const Entry& entry, const Node& node) {
  return mismatch("expected " + expectation(entry) + ", found " + std::string(describe(node.kind)));
}

std::string_view noun(Kind kind) {
  switch (kind) {
    case Kind::integer:
      return "an integer";
    case Kind::number:
      return "a number";
    case Kind::duration:
      return "a duration";
    case Kind::bytes:
      return "a size";
    case Kind::boolean:
    case Kind::string:
    case Kind::choice:
    case Kind::text:
      break;
  }
  return "a value";
}

std::pair<int64_t, int64_t> integer_range(const Entry& entry) {
  int64_t low = entry.kind == Kind::integer ? entry.type_low : 0;
  int64_t high = entry.kind == Kind::integer ? entry.type_high : std::numeric_limits<int64_t>::max();
  if (const auto* bound = std::get_if<int64_t>(&entry.low)) low = *bound;
  if (const auto* bound = std::get_if<int64_t>(&entry.high)) high = *bound;
  return {low, high};
}

bool in_bounds(const Entry& entry, const Raw& raw) {
  if (const auto* number = std::get_if<double>(&raw)) {
    const auto* low = std::get_if<double>(&entry.low);
    const auto* high = std::get_if<double>(&entry.high);
    return (low == nullptr || *number >= *low) && (high == nullptr || *number <= *high);
  }
  if (const auto* integer = std::get_if<int64_t>(&raw)) {
    const auto [low, high] = integer_range(entry);
    return *integer >= low && *integer <= high;
  }
  return true;
}

std::expected<Raw, Mismatch> check_bounds(const Entry& entry, Raw raw) {
  if (in_bounds(entry, raw)) return raw;
  // A negative size has no other spelling than its number.
  const bool negative = std::holds_alternative<int64_t>(raw) && std::get<int64_t>(raw) < 0;
  const std::string found = negative ? std::to_string(std::get<int64_t>(raw)) : plain_value(entry, raw);
  return mismatch("expected " + std::string(noun(entry.kind)) + " " + range_text(entry) + ", found " + found);
}

std::expected<Raw, Mismatch> decode_choice(const Entry& entry, const std::string& text) {
  std::vector<std::string> names;
  for (const auto& [name, value] : entry.choices) {
    if (name == text) return Raw(value);
    names.push_back(name);
  }
  return mismatch("expected " + expectation(entry) + ", found " + quoted(text), suggest(text, names));
}

std::expected<Raw, Mismatch> decode_text(const Entry& entry, const std::string& text) {
  if (text.find('\0') != std::string::npos) return mismatch("a string must not hold a NUL character");
  switch (entry.kind) {
    case Kind::duration: {
      const auto duration = parse_duration(text);
      if (!duration) return mismatch(duration.error().message);
      return check_bounds(entry, Raw(int64_t{duration->count()}));
    }
    case Kind::bytes: {
      const auto bytes = parse_bytes(text);
      if (!bytes) return mismatch(bytes.error().message);
      if (std::cmp_greater(bytes->count, std::numeric_limits<int64_t>::max())) {
        return mismatch("a size of at most 2^63 - 1 bytes is possible");
      }
      return check_bounds(entry, Raw(static_cast<int64_t>(bytes->count)));
    }
    case Kind::choice:
      return decode_choice(entry, text);
    case Kind::boolean:
    case Kind::integer:
    case Kind::number:
    case Kind::string:
    case Kind::text:
      break;
  }
  return Raw(text);
}

std::expected<Raw, Mismatch> decode_number(const Entry& entry, double number) {
  if (!std::isfinite(number)) return mismatch("expected a finite number");
  return check_bounds(entry, Raw(number));
}

}  // namespace

std::string choice_list(const Entry& entry) {
  std::string out;
  for (const auto& [name, value] : entry.choices) {
    if (!out.empty()) out += ", ";
    out += toml_string(name);
  }
  return out;
}

std::string expectation(const Entry& entry) {
  switch (entry.kind) {
    case Kind::boolean:
      return "true or false";
    case Kind::integer:
      return "an integer";
    case Kind::number:
      return "a number";
    case Kind::string:
      return "a string";
    case Kind::duration:
      return "a duration such as \"30s\"";
    case Kind::bytes:
      return "a size such as \"10MiB\"";
    case Kind::choice:
      return "one of " + choice_list(entry);
    case Kind::text:
      return entry.expected.empty() ? "a string" : entry.expected;
  }
  return {};
}

std::string range_text(const Entry& entry) {
  if (entry.kind == Kind::number) {
    const auto* low = std::get_if<double>(&entry.low);
    const auto* high = std::get_if<double>(&entry.high);
    if (low == nullptr || high == nullptr) return {};
    return "from " + plain_value(entry, Raw(*low)) + " to " + plain_value(entry, Raw(*high));
  }
  if (entry.kind != Kind::integer && entry.kind != Kind::duration && entry.kind != Kind::bytes) return {};
  const auto [low, high] = integer_range(entry);
  const bool open_below = low == std::numeric_limits<int64_t>::min();
  const bool open_above = high == std::numeric_limits<int64_t>::max();
  if (open_below && open_above) return {};
  if (open_above) return "of at least " + plain_value(entry, Raw(low));
  return "from " + plain_value(entry, Raw(low)) + " to " + plain_value(entry, Raw(high));
}

std::expected<Raw, Mismatch> decode_value(const Entry& entry, const Node& node) {
  switch (node.kind) {
    case Node::Kind::boolean:
      if (entry.kind == Kind::boolean) return Raw(node.boolean);
      break;
    case Node::Kind::integer:
      if (entry.kind == Kind::number) return decode_number(entry, static_cast<double>(node.integer));
      if (entry.kind == Kind::integer || entry.kind == Kind::bytes)
        return check_bounds(entry, Raw(node.integer));
      break;
    case Node::Kind::number:
      if (entry.kind == Kind::number) return decode_number(entry, node.number);
      break;
    case Node::Kind::string:
      if (entry.kind != Kind::boolean && entry.kind != Kind::integer && entry.kind != Kind::number) {
        return decode_text(entry, node.text);
      }
      break;
    case Node::Kind::array:
    case Node::Kind::table:
    case Node::Kind::date:
      break;
  }
  return wrong_type(entry, node);
}

}  // namespace weir::config::detail
