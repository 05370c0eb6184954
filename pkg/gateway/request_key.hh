// What of a request decides where it goes: an address, a path, a header field, a cookie.
#pragma once

#include <string>
#include <string_view>

#include "pkg/base/address.hh"
#include "pkg/base/hash.hh"
#include "pkg/http/message.hh"

namespace weir::gateway {

class RequestKey {
 public:
  RequestKey() = default;
  // "ip", "path", "header:NAME" or "cookie:NAME". Who knows the secret can find keys that fall together;
  // balancers with the same secret place keys alike.
  RequestKey(std::string_view spec, std::string_view secret);

  static bool is_valid(std::string_view spec);

  // A request that lacks what it goes by goes by its address.
  uint64_t hash(const IpAddress& client, std::string_view path, const http::FieldList& fields) const;
  uint64_t hash(const IpAddress& client) const;

 private:
  enum class Kind { ip, path, header, cookie };
  Kind kind_ = Kind::ip;
  std::string name_;
  HashKey hash_key_;
};

}  // namespace weir::gateway
