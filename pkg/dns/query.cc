#include "pkg/dns/query.hh"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <sys/time.h>

#include <algorithm>
#include <climits>
#include <cstring>

namespace weir::dns {

std::string resolver_version() {
  return ares_version(nullptr);
}

namespace detail {
namespace {

// What passes every path without being split (DNS Flag Day 2020); a longer answer comes over TCP.
constexpr int kDatagramSize = 1232;
constexpr size_t kMostNameBytes = 254;  // with a dot at its end

Result<> fail_ares(const std::string& name, int status) {
  const auto failed = [&](Errc code, std::string_view what) {
    return fail(code, "resolving " + name + ": " + std::string(what));
  };
  switch (status) {
    case ARES_ENOTFOUND:
      return failed(Errc::not_found, "no such name");
    case ARES_ENODATA:
      return failed(Errc::unavailable, "the name has no such record");
    case ARES_EBADNAME:
      return failed(Errc::invalid, "not a name");
    case ARES_ETIMEOUT:
      return failed(Errc::timed_out, "timed out");
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
    case ARES_ECONNREFUSED:  // c-ares says so too when all servers have failed to answer
      return failed(Errc::refused, "no DNS server could be reached and answered");
    case ARES_ENOMEM:
    case ARES_EFILE:
      return failed(Errc::limit, ares_strerror(status));
    default:
      return failed(Errc::refused, ares_strerror(status));
  }
}

Result<> set_servers(ares_channel channel, const std::vector<Address>& servers) {
  std::vector<ares_addr_port_node> nodes(servers.size());
  for (size_t i = 0; i < servers.size(); ++i) {
    const IpAddress& ip = servers[i].ip;
    nodes[i].next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
    nodes[i].udp_port = nodes[i].tcp_port = servers[i].port;
    nodes[i].family = ip.is_v4() ? AF_INET : AF_INET6;
    if (ip.is_v4()) {
      memcpy(&nodes[i].addr.addr4, ip.bytes().data() + 12, 4);
    } else {
      memcpy(&nodes[i].addr.addr6, ip.bytes().data(), 16);
    }
  }
  const int status = ares_set_servers_ports(channel, nodes.data());
  if (status != ARES_SUCCESS)
    return fail(Errc::invalid, std::string("DNS servers: ") + ares_strerror(status));
  return {};
}

int library_status() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);  // once, whichever thread comes first
  return status;
}

}  // namespace

Result<> Channel::open(const ResolverSettings& settings) {
  ares_options options{};
  options.flags = ARES_FLAG_EDNS;
  options.ednspsz = kDatagramSize;
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(settings.timeout).count();
  options.timeout = static_cast<int>(std::clamp<int64_t>(millis, 1, INT_MAX));
  options.tries = static_cast<int>(settings.tries);
  options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<Channel*>(self)->watch(fd, readable != 0, writable != 0);
  };
  options.sock_state_cb_data = this;
  int status = library_status();
  if (status == ARES_SUCCESS) {
    status = ares_init_options(
        &channel_, &options,
        ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
  }
  if (status != ARES_SUCCESS) {
    channel_ = nullptr;
    return fail(Errc::internal, std::string("starting the resolver: ") + ares_strerror(status));
  }
  if (settings.servers.empty()) return {};
  return set_servers(channel_, settings.servers);
}

void Channel::close() {
  if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
  watches_.clear();
  if (is_armed()) loop_.disarm(*this);
}

// Called with neither before c-ares closes the socket.
void Channel::watch(int fd, bool readable, bool writable) {
  if (!readable && !writable) {
    watches_.erase(fd);
    return;
  }
  auto& entry = watches_[fd];
  if (!entry) {
    entry = std::make_unique<aio::DescriptorWatch>(loop_, fd, [this, fd](bool can_read, bool can_write) {
      process(can_read ? fd : ARES_SOCKET_BAD, can_write ? fd : ARES_SOCKET_BAD);
    });
  }
  entry->set(readable, writable);
}

void Channel::process(int readable_fd, int writable_fd) {
  ares_process_fd(channel_, readable_fd, writable_fd);
  schedule();
}

void Channel::schedule() {
  if (is_armed()) loop_.disarm(*this);
  timeval until{};
  if (ares_timeout(channel_, nullptr, &until) == nullptr) return;
  // The loop's clock stands still within a turn and c-ares' does not: never again in the same millisecond.
  const Duration wait = std::chrono::seconds(until.tv_sec) + std::chrono::microseconds(until.tv_usec);
  loop_.arm(*this, loop_.in(std::max<Duration>(wait, std::chrono::milliseconds(1))));
}

void Query::ask() {
  const bool is_name =
      !name_.empty() && name_.size() <= kMostNameBytes && name_.find('\0') == std::string::npos;
  if (!is_name) return end(ARES_EBADNAME);
  const auto opened = channel_.open(settings_);
  if (!opened) {
    error_ = opened.error();
    return end(ARES_ENOTINITIALIZED);
  }
  begin(channel_.get(), name_.c_str());
  channel_.schedule();
}

void Query::end(int status) {
  status_ = status;
  ended_ = true;
  resume_later();
}

void Query::on_interrupt() {
  ended_ = true;
  channel_.close();
  resume_later();
}

Result<> Query::result() const {
  if (outcome() != aio::Outcome::ok) return aio::to_result(outcome(), "resolving " + name_);
  if (error_) return std::unexpected(*error_);
  if (status_ != ARES_SUCCESS) return fail_ares(name_, status_);
  return {};
}

void AddressQuery::begin(ares_channel channel, const char* name) {
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_flags = ARES_AI_NOSORT;  // sorting would open a socket for each address
  ares_getaddrinfo(channel, name, nullptr, &hints, on_answer, this);
}

void AddressQuery::on_answer(void* self, int status, int, ares_addrinfo* list) {
  auto& query = *static_cast<AddressQuery*>(self);
  if (!query.has_ended()) {
    if (status == ARES_SUCCESS) query.take(*list);
    query.end(status == ARES_SUCCESS && query.found_.addresses.empty() ? ARES_ENODATA : status);
  }
  ares_freeaddrinfo(list);
}

void AddressQuery::take(const ares_addrinfo& list) {
  auto& addresses = found_.addresses;
  int ttl = INT_MAX;
  for (const auto* alias = list.cnames; alias != nullptr; alias = alias->next)
    ttl = std::min(ttl, alias->ttl);
  for (const auto* node = list.nodes; node != nullptr; node = node->ai_next) {
    addresses.push_back(Address::from_sockaddr(node->ai_addr).ip);
    ttl = std::min(ttl, node->ai_ttl);
  }
  found_.ttl = std::chrono::seconds(std::max(ttl, 0));
  std::ranges::sort(addresses);
  const auto again = std::ranges::unique(addresses);
  addresses.erase(again.begin(), again.end());
  found_.cut = addresses.size() > kMostAddresses;
  if (found_.cut) addresses.resize(kMostAddresses);
}

Result<Addresses> AddressQuery::await_resume() {
  const auto asked = result();
  if (!asked) return std::unexpected(asked.error());
  return std::move(found_);
}

void ServiceQuery::begin(ares_channel channel, const char* name) {
  ares_search(channel, name, ns_c_in, ns_t_srv, on_answer, this);
}

void ServiceQuery::on_answer(void* self, int status, int, unsigned char* bytes, int size) {
  auto& query = *static_cast<ServiceQuery*>(self);
  if (query.has_ended()) return;
  if (status == ARES_SUCCESS) query.found_ = parse_services({bytes, static_cast<size_t>(size)});
  query.end(status);
}

Result<ServiceRecords> ServiceQuery::await_resume() {
  const auto asked = result();
  if (!asked) return std::unexpected(asked.error());
  // What c-ares passed and our reader refuses is the server's failure, not that of who asks.
  if (!found_) return fail(Errc::refused, "resolving " + name() + ": " + found_.error().message);
  return std::move(found_);
}

}  // namespace detail
}  // namespace weir::dns
