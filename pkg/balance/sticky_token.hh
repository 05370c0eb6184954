// The value of a sticky session's cookie: a member's name, signed, so that clients cannot pick their server.
// The name can be read from it, by design: give members names that may be seen, or don't hand them out.
//
// The signature is 64 bits of SipHash-2-4 (Aumasson and Bernstein, 2012) under a key made of the secret. A
// forger gets one guess a request, of 2^64, and wins no more than the choice of his server.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pkg/base/hash.hh"

namespace weir::balance {

class StickySigner {
 public:
  // Tokens of one scope (the pool, the cookie's name) are nothing in another. The secret should hold 128 bits
  // that nobody can guess; every balancer that shares the clients needs the same.
  StickySigner(std::string_view secret, std::string_view scope);

  std::string encode(std::string_view member) const;  // of characters that any cookie may hold
  // The member's name, or nothing if this is no token of ours.
  std::optional<std::string> decode(std::string_view token) const;

 private:
  HashKey key_;
  std::string scope_;
};

}  // namespace weir::balance
