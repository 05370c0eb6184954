#include "pkg/lock/claim.hh"

#include <charconv>

#include "pkg/base/text.hh"
#include "pkg/base/wire.hh"

namespace weir::lock {

namespace {

constexpr std::string_view kMark{"\0weir:1", 7};  // no other writer begins a value with it

}  // namespace

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::exclusive:
      return "exclusive";
    case Mode::shared:
      return "shared";
    case Mode::semaphore:
      return "semaphore";
  }
  return "";
}

std::optional<Mode> parse_mode(std::string_view word) {
  for (const Mode mode : {Mode::exclusive, Mode::shared, Mode::semaphore}) {
    if (to_string(mode) == word) return mode;
  }
  return std::nullopt;
}

std::string to_value(const Claim& claim) {
  std::string value;
  value.reserve(128 + claim.text.size());  // most holders say little of themselves
  value += kMark;
  WireWriter(value)
      .u8(static_cast<uint8_t>(claim.mode))
      .u32(claim.permits)
      .u32(claim.holds)
      .u64(static_cast<uint64_t>(claim.delay.count()))
      .u8(claim.is_delay ? 1 : 0)
      .text(claim.text)
      .text(to_note(claim.holder))
      .u64(static_cast<uint64_t>(claim.since));
  return value;
}

std::string to_note(const Holder& holder) {
  std::string note;
  if (holder == Holder{}) return note;
  WireWriter(note).text(holder.host).u64(holder.pid).text(holder.reason);
  return note;
}

Holder holder_of(std::string_view note) {
  Holder holder;
  WireReader wire(note);
  holder.host = wire.text();
  holder.pid = wire.u64();
  holder.reason = wire.text();
  return wire.is_whole() ? holder : Holder{};
}

Claim claim_of(std::string_view value) {
  Claim claim;
  const auto foreign = [&] { return Claim{.text = std::string(value)}; };
  if (!value.starts_with(kMark)) return foreign();
  WireReader wire(value.substr(kMark.size()));
  const uint8_t mode = wire.u8();
  claim.mode = static_cast<Mode>(mode);
  claim.permits = wire.u32();
  claim.holds = wire.u32();
  claim.delay = Millis(static_cast<int64_t>(wire.u64()));
  claim.is_delay = wire.u8() != 0;
  claim.text = wire.text();
  claim.holder = holder_of(wire.text());
  claim.since = static_cast<int64_t>(wire.u64());
  const bool is_ours = wire.is_whole() && mode <= static_cast<uint8_t>(Mode::semaphore) && claim.permits > 0;
  return is_ours ? claim : foreign();
}

const char* name_problem(std::string_view name) {
  if (name.empty()) return "a lock's name cannot be empty";
  if (name.size() > kMostNameBytes) return "a lock's name is at most 512 bytes long";
  if (name.front() == '/' || name.back() == '/') return "a lock's name neither begins nor ends with \"/\"";
  if (name.find("//") != std::string_view::npos) return "a lock's name has no \"//\" in it";
  // As parts of a path they would name something else.
  for (const std::string_view part : split(name, '/')) {
    if (part == "." || part == "..") return "no part of a lock's name is \".\" or \"..\"";
  }
  if (name.find('\\') != std::string_view::npos) return "a lock's name has no \"\\\" in it";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 0x7f) return "a lock's name has no blanks and no control characters";
  }
  return nullptr;
}

std::string key_of(std::string_view name, LeaseId lease) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, static_cast<uint64_t>(lease), 16).ptr;
  std::string key;
  key.reserve(name.size() + 1 + sizeof digits);
  key.append(name).append(1, '/').append(digits, end);
  return key;
}

std::optional<ClaimKey> parse_key(std::string_view key) {
  const size_t slash = key.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  const std::string_view digits = key.substr(slash + 1);
  uint64_t lease = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), lease, 16);
  if (error != std::errc() || end != digits.end() || digits.empty()) return std::nullopt;
  return ClaimKey{key.substr(0, slash), static_cast<LeaseId>(lease)};
}

keyspace::KeyRange queue_range(std::string_view name) {
  return keyspace::range_of_prefix(std::string(name) + "/");
}

}  // namespace weir::lock
