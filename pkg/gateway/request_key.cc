#include "pkg/gateway/request_key.hh"

#include "pkg/http/cookie.hh"
#include "pkg/http/syntax.hh"

namespace weir::gateway {
namespace {

constexpr size_t kPrefix = std::string_view("header:").size();  // as long as "cookie:"

}  // namespace

RequestKey::RequestKey(std::string_view spec, std::string_view secret)
    : hash_key_{siphash({1, 0}, secret), siphash({2, 0}, secret)} {
  if (spec == "path") kind_ = Kind::path;
  if (spec.starts_with("header:")) kind_ = Kind::header;
  if (spec.starts_with("cookie:")) kind_ = Kind::cookie;
  if (kind_ == Kind::header || kind_ == Kind::cookie) name_ = spec.substr(kPrefix);
}

bool RequestKey::is_valid(std::string_view spec) {
  if (spec == "ip" || spec == "path") return true;
  const bool names_one = spec.starts_with("header:") || spec.starts_with("cookie:");
  return names_one && http::is_token(spec.substr(kPrefix));
}

uint64_t RequestKey::hash(const IpAddress& client, std::string_view path,
                          const http::FieldList& fields) const {
  switch (kind_) {
    case Kind::ip:
      break;
    case Kind::path:
      return siphash(hash_key_, path);
    case Kind::header:
      if (const auto value = fields.find(name_)) return siphash(hash_key_, *value);
      break;
    case Kind::cookie:
      if (const auto value = http::find_cookie(fields, name_)) return siphash(hash_key_, *value);
      break;
  }
  return hash(client);
}

uint64_t RequestKey::hash(const IpAddress& client) const {
  return siphash(hash_key_, {reinterpret_cast<const char*>(client.bytes().data()), client.bytes().size()});
}

}  // namespace weir::gateway
