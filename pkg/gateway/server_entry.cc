#include "pkg/gateway/server_entry.hh"

#include <algorithm>

#include "pkg/balance/pool.hh"
#include "pkg/base/text.hh"

namespace weir::gateway {
namespace {

Result<> read_word(std::string_view word, ServerEntry& entry) {
  const size_t equals = word.find('=');
  const std::string_view key = word.substr(0, equals);
  const std::string_view value = equals == std::string_view::npos ? "" : word.substr(equals + 1);
  if (key == "weight") {
    const auto weight = parse_uint(value);
    if (!weight || *weight > balance::kMostWeight)
      return fail(Errc::invalid, "weight is a number up to " + std::to_string(balance::kMostWeight));
    entry.weight = static_cast<uint32_t>(*weight);
    return {};
  }
  if (key == "name") {
    if (!ServerEntry::is_name(value)) return fail(Errc::invalid, "name is one word of printable ASCII");
    entry.name = value;
    return {};
  }
  return fail(Errc::invalid, "\"" + std::string(word) + "\" is neither weight=N nor name=TEXT");
}

}  // namespace

bool ServerEntry::is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<ServerEntry> ServerEntry::parse(std::string_view text) {
  ServerEntry entry;
  bool has_address = false;
  for (const std::string_view part : split(text, ' ')) {
    const std::string_view word = trim(part);
    if (word.empty()) continue;
    if (!has_address) {
      auto address = Address::parse_connect(word);
      if (!address) return std::unexpected(std::move(address.error()));
      entry.address = std::move(*address);
      has_address = true;
    } else if (auto read = read_word(word, entry); !read) {
      return std::unexpected(std::move(read.error()));
    }
  }
  if (!has_address) return fail(Errc::invalid, "no address");
  return entry;
}

std::string ServerEntry::to_string() const {
  std::string text = address.to_string();
  if (weight != 1) text += " weight=" + std::to_string(weight);
  if (!name.empty()) text += " name=" + name;
  return text;
}

}  // namespace weir::gateway
