// Resolver: addresses and services behind a name, with how long they may be believed.
//
// Each question has a channel of its own to the servers. So it can be given up at once, goes out from a fresh
// port (which makes answers hard to forge), and sees the system's settings as they are now. Answers are not
// cached: who asks keeps them for their lifetime (see watch.hh).
#pragma once

#include <string>
#include <vector>

#include "pkg/aio/operation.hh"
#include "pkg/base/address.hh"

namespace weir::dns {

struct ResolverSettings {
  std::vector<Address> servers;  // IP:PORT; none means the system's (/etc/resolv.conf)
  Duration timeout =
      std::chrono::seconds(2);  // of the first try; it doubles each time all servers were tried
  unsigned tries = 3;           // of each server
};

// An answer brings no more than these; what is beyond is cut off, in sorted order, so that the same answer is
// cut to the same part.
constexpr size_t kMostAddresses = 1024;
constexpr size_t kMostServices = 256;

struct Addresses {
  std::vector<IpAddress> addresses;  // sorted, each once, at least one
  Duration ttl{0};                   // the smallest of all records, aliases too; 0 from /etc/hosts
  bool cut = false;
};

struct Service {
  uint16_t priority = 0;  // the lowest is to be asked first
  uint16_t weight = 0;    // share within one priority; 0 is "hardly any"
  uint16_t port = 0;
  std::string target;
  std::vector<IpAddress> addresses;  // of the target; none when it has none
};

struct Services {
  std::vector<Service> services;  // sorted by priority, then target and port; at least one has an address
  Duration ttl{0};                // the smallest of all records that were used
  bool cut = false;
};

// Errors, of both calls:
//   not_found    there is no such name
//   unavailable  the name exists, but has no record of that kind
//   refused      the servers failed, refused or sent what cannot be read
//   invalid      it is no name
//   timed_out, cancelled
class Resolver {
 public:
  explicit Resolver(aio::Loop& loop, ResolverSettings settings = {})
      : loop_(loop), settings_(std::move(settings)) {}

  // A and AAAA records; names of /etc/hosts too. When only one kind can be had, the answer is that.
  aio::Task<Result<Addresses>> addresses(std::string name, aio::Deadline deadline);

  // SRV records of a name such as "_http._tcp.app.internal", and the addresses of their targets. A target
  // that does not exist has none; when asking for one fails otherwise, the whole answer fails: half of a
  // list is no news.
  aio::Task<Result<Services>> services(std::string name, aio::Deadline deadline);

  aio::Loop& loop() const { return loop_; }

 private:
  aio::Task<Result<>> find_targets(Services& services, aio::Deadline deadline);

  aio::Loop& loop_;
  ResolverSettings settings_;
};

// Of c-ares, for --version.
std::string resolver_version();

}  // namespace weir::dns
