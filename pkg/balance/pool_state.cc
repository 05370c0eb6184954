#include "pkg/balance/pool_state.hh"

#include <limits>

#include "pkg/base/text.hh"

namespace weir::balance {
namespace {

constexpr size_t kMostLines = 100'000;

// Everything that would end a value, as %XX.
void append_value(std::string& out, std::string_view key, std::string_view text) {
  out.append(" ").append(key).append("=");
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte > ' ' && byte != '%' && byte != 0x7f) {
      out.push_back(c);
    } else {
      out.push_back('%');
      append_hex(out, {&byte, 1});
    }
  }
}

void append_value(std::string& out, std::string_view key, uint64_t number) {
  append_value(out, key, std::to_string(number));
}

std::optional<std::string> decode_text(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const auto byte = i + 2 < text.size() ? parse_hex(text.substr(i + 1, 2)) : std::nullopt;
    if (!byte) return std::nullopt;
    out.push_back(static_cast<char>(*byte));
    i += 2;
  }
  return out;
}

template <typename T>
bool set_number(T& out, std::string_view text) {
  const auto number = parse_uint(text);
  if (!number || *number > static_cast<uint64_t>(std::numeric_limits<T>::max())) return false;
  out = static_cast<T>(*number);
  return true;
}

bool set_duration(Duration& out, std::string_view text) {
  // Longer than any that makes sense, and short enough for sums of it.
  constexpr int64_t kMost = int64_t{1} << 60;
  int64_t count = 0;
  if (!set_number(count, text) || count > kMost) return false;
  out = Duration{count};
  return true;
}

bool set_text(std::string& out, std::string_view text) {
  auto decoded = decode_text(text);
  if (!decoded) return false;
  out = std::move(*decoded);
  return true;
}

bool set_admin(Admin& out, std::string_view text) {
  const auto parsed = parse_admin(text);
  if (parsed) out = *parsed;
  return parsed.has_value();
}

bool set_value(MemberState& state, std::string_view key, std::string_view value) {
  if (key == "name") return set_text(state.name, value);
  if (key == "admin") return set_admin(state.admin, value);
  if (key == "configured_admin") return set_admin(state.configured_admin, value);
  if (key == "weight") return set_number(state.weight, value);
  if (key == "configured_weight") return set_number(state.configured_weight, value);
  if (key == "up") return set_number(state.is_up, value);
  if (key == "checks_in_row") return set_number(state.checks_in_row, value);
  if (key == "check_note") return set_text(state.check_note, value);
  if (key == "ejected_for") return set_duration(state.ejected_for, value);
  if (key == "times_ejected") return set_number(state.times_ejected, value);
  if (key == "ejection_note") return set_text(state.ejection_note, value);
  if (key == "started") return set_duration(state.started.emplace(), value);
  if (key == "requests") return set_number(state.requests, value);
  if (key == "failures") return set_number(state.failures, value);
  if (key == "failures_in_row") return set_number(state.failures_in_row, value);
  if (key == "latency") return set_duration(state.latency, value);
  return true;
}

Result<MemberState> parse_line(std::string_view line) {
  MemberState state;
  for (const std::string_view pair : split(line, ' ')) {
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos)
      return fail(Errc::invalid, "\"" + std::string(pair) + "\" is not of the form key=value");
    const std::string_view key = pair.substr(0, equals);
    if (!set_value(state, key, pair.substr(equals + 1)))
      return fail(Errc::invalid, "cannot read \"" + std::string(pair) + "\"");
  }
  if (state.name.empty()) return fail(Errc::invalid, "a member without a name");
  return state;
}

}  // namespace

std::string_view to_string(Admin admin) {
  switch (admin) {
    case Admin::in_service:
      return "in_service";
    case Admin::draining:
      return "draining";
    case Admin::disabled:
      return "disabled";
  }
  return "unknown";
}

Result<Admin> parse_admin(std::string_view name) {
  for (const Admin admin : {Admin::in_service, Admin::draining, Admin::disabled}) {
    if (name == to_string(admin)) return admin;
  }
  return fail(Errc::invalid, "\"" + std::string(name) + "\" is none of in_service, draining, disabled");
}

std::string to_text(const PoolState& state) {
  std::string out;
  for (const MemberState& member : state.members) {
    std::string line;
    append_value(line, "name", member.name);
    append_value(line, "admin", to_string(member.admin));
    append_value(line, "configured_admin", to_string(member.configured_admin));
    append_value(line, "weight", member.weight);
    append_value(line, "configured_weight", member.configured_weight);
    append_value(line, "up", member.is_up ? 1 : 0);
    append_value(line, "checks_in_row", member.checks_in_row);
    append_value(line, "check_note", member.check_note);
    append_value(line, "ejected_for", static_cast<uint64_t>(member.ejected_for.count()));
    append_value(line, "times_ejected", member.times_ejected);
    append_value(line, "ejection_note", member.ejection_note);
    if (member.started) append_value(line, "started", static_cast<uint64_t>(member.started->count()));
    append_value(line, "latency", static_cast<uint64_t>(member.latency.count()));
    append_value(line, "requests", member.requests);
    append_value(line, "failures", member.failures);
    append_value(line, "failures_in_row", member.failures_in_row);
    out.append(line.substr(1)).append("\n");
  }
  return out;
}

Result<PoolState> parse_pool_state(std::string_view text) {
  PoolState out;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    if (out.members.size() >= kMostLines) return fail(Errc::limit, "more members than a pool can have");
    auto state = parse_line(line);
    if (!state) return std::unexpected(std::move(state.error()).context("state of a pool"));
    out.members.push_back(std::move(*state));
  }
  return out;
}

}  // namespace weir::balance
