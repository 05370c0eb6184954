// Reads SRV records (RFC 2782) out of a DNS message (RFC 1035 4). Pure, and made for hostile bytes: every
// offset is checked, a chain of compressed names only ever leads towards the front, and names that are not
// host names are refused.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pkg/base/result.hh"

namespace weir::dns {

struct ServiceRecord {
  uint16_t priority = 0;
  uint16_t weight = 0;
  uint16_t port = 0;
  std::string target;  // without a dot at its end, in lower case; "" is the root: "there is no such service"
};

struct ServiceRecords {
  std::vector<ServiceRecord> records;  // may be empty
  uint32_t ttl = 0;                    // seconds; the smallest of all records of the answer, aliases too
};

Result<ServiceRecords> parse_services(std::span<const uint8_t> message);

}  // namespace weir::dns
