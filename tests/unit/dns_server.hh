// A DNS server on the test's own loop that answers what it is told, or not at all.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pkg/aio/descriptor_watch.hh"
#include "pkg/aio/socket.hh"
#include "pkg/base/text.hh"
#include "pkg/dns/resolver.hh"

namespace weir::dns::test {

constexpr uint16_t kA = 1;
constexpr uint16_t kAaaa = 28;
constexpr uint16_t kSrv = 33;

inline std::string number16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

inline std::string wire_name(std::string_view name) {
  std::string out;
  for (const std::string_view label : split(name, '.')) {
    if (label.empty()) continue;
    out += static_cast<char>(label.size());
    out += label;
  }
  return out + '\0';
}

struct Record {
  uint16_t type = kA;
  uint32_t ttl = 0;
  std::string data;
};

inline Record address(std::string_view text, uint32_t ttl) {
  const IpAddress ip = *IpAddress::parse(text);
  const char* bytes = reinterpret_cast<const char*>(ip.bytes().data());
  if (ip.is_v4()) return {kA, ttl, std::string(bytes + 12, 4)};
  return {kAaaa, ttl, std::string(bytes, 16)};
}

inline Record service(unsigned priority, unsigned weight, unsigned port, std::string_view target,
                      uint32_t ttl) {
  return {kSrv, ttl, number16(priority) + number16(weight) + number16(port) + wire_name(target)};
}

class Server {
 public:
  explicit Server(aio::Loop& loop)
      : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
        watch_(loop, bind_to_free_port(), [this](bool, bool) { serve(); }) {
    watch_.set(true, false);
  }

  // A name with records of one kind exists and has none of the others.
  void put(std::string_view name, std::vector<Record> records) {
    auto& own = names_[wire_name(name)];
    own.clear();
    for (Record& record : records) own[record.type].push_back(std::move(record));
  }
  void remove(std::string_view name) { names_.erase(wire_name(name)); }

  void fail(std::string_view name, unsigned code) { failures_[wire_name(name)] = code; }
  void ignore(std::string_view name) { fail(name, kSilence); }

  bool silent = false;
  unsigned failure = 0;  // what to answer everything with: 2 SERVFAIL, 5 REFUSED
  size_t asked = 0;

  Address where() const { return *aio::local_address(socket_.get()); }
  ResolverSettings settings() const {
    return {.servers = {where()}, .timeout = std::chrono::milliseconds(500), .tries = 2};
  }

 private:
  static constexpr unsigned kSilence = 16;  // no code of DNS

  int bind_to_free_port() {
    sockaddr_storage storage;
    const socklen_t size = Address::parse_listen("127.0.0.1:0")->to_sockaddr(storage);
    if (bind(socket_.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0) abort();
    return socket_.get();
  }

  void serve() {
    char query[512];
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof peer;
    auto* address = reinterpret_cast<sockaddr*>(&peer);
    const ssize_t size = recvfrom(socket_.get(), query, sizeof query, 0, address, &peer_size);
    if (size < 17) return;
    ++asked;
    const std::string reply = answer({query, static_cast<size_t>(size)});
    if (silent || reply.empty()) return;
    sendto(socket_.get(), reply.data(), reply.size(), 0, address, peer_size);
  }

  std::string answer(std::string_view query) const {
    const std::string name(query.substr(12, query.find('\0', 12) - 12 + 1));
    const std::string_view question = query.substr(12, name.size() + 4);
    const auto type = static_cast<uint16_t>(static_cast<uint8_t>(question[name.size() + 1]));
    const auto known = names_.find(name);
    const std::vector<Record>* records = nullptr;
    if (failure == 0 && !failures_.contains(name) && known != names_.end()) {
      const auto found = known->second.find(type);
      if (found != known->second.end()) records = &found->second;
    }
    unsigned code = failure != 0 ? failure : known == names_.end() ? 3 : 0;
    if (const auto own = failures_.find(name); own != failures_.end()) code = own->second;
    if (code == kSilence) return {};
    std::string out(query.substr(0, 2));
    out += number16(0x8180 | code);
    out += number16(1) + number16(records != nullptr ? records->size() : 0) + number16(0) + number16(0);
    out += question;
    if (records == nullptr) return out;
    for (const Record& record : *records) {
      out += number16(0xc00c) + number16(record.type) + number16(1);
      out += number16(record.ttl >> 16) + number16(record.ttl & 0xffff);
      out += number16(record.data.size()) + record.data;
    }
    return out;
  }

  aio::Descriptor socket_;
  aio::DescriptorWatch watch_;
  std::map<std::string, unsigned> failures_;
  std::map<std::string, std::map<uint16_t, std::vector<Record>>> names_;
};

}  // namespace weir::dns::test
