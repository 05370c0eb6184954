#include "pkg/balance/sticky_token.hh"

#include <cstdint>

#include "pkg/base/secret.hh"
#include "pkg/base/text.hh"

namespace weir::balance {
namespace {

constexpr size_t kLongestToken = 1024;

void append_hex(std::string& out, std::string_view bytes) {
  weir::append_hex(out, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

std::optional<std::string> decode_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < text.size(); i += 2) {
    const auto byte = parse_hex(text.substr(i, 2));
    if (!byte) return std::nullopt;
    out.push_back(static_cast<char>(*byte));
  }
  return out;
}

}  // namespace

StickySigner::StickySigner(std::string_view secret, std::string_view scope)
    : key_{siphash({0x737469636b79206b, 0}, secret), siphash({0x737469636b79206b, 1}, secret)},
      scope_(scope) {}

std::string StickySigner::encode(std::string_view member) const {
  SipHash hash(key_);
  hash.update_part(scope_);
  hash.update_part(member);
  const uint64_t signature = hash.finish();
  std::string out;
  append_hex(out, member);
  out.push_back('.');
  append_hex(out, {reinterpret_cast<const char*>(&signature), sizeof signature});
  return out;
}

std::optional<std::string> StickySigner::decode(std::string_view token) const {
  if (token.size() > kLongestToken) return std::nullopt;
  auto member = decode_hex(token.substr(0, token.find('.')));
  // The whole is compared, so that there is one token for a name and not one for each way to write it.
  if (!member || !equal_in_constant_time(token, encode(*member))) return std::nullopt;
  return member;
}

}  // namespace weir::balance
