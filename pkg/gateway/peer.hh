// Who sits at the other end of a client's connection.
#pragma once

#include "pkg/base/address.hh"

namespace weir::gateway {

struct Peer {
  IpAddress address;
  bool has_address = true;  // false on a Unix socket
  uint16_t port = 0;
};

}  // namespace weir::gateway
