// One server as a list names it: "127.0.0.1:9000", "127.0.0.1:9000 weight=3 name=b".
#pragma once

#include <string>

#include "pkg/base/address.hh"

namespace weir::gateway {

struct ServerEntry {
  Address address;
  uint32_t weight = 1;  // 0: no new clients
  std::string name;     // what it is known by; empty: its address

  // Errors: invalid.
  static Result<ServerEntry> parse(std::string_view text);
  static bool is_name(std::string_view text);  // one word of printable ASCII
  std::string to_string() const;
  std::string id() const { return name.empty() ? address.to_string() : name; }
  bool operator==(const ServerEntry&) const = default;
};

}  // namespace weir::gateway
