// What weir-locker can be told. The members' initialisers are the defaults; config.cc says what a key means.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cmd/weir-locker/etcd_door.hh"
#include "cmd/weir-locker/http_door.hh"
#include "cmd/weir-locker/resp_door.hh"
#include "pkg/daemon/event_sink.hh"
#include "pkg/daemon/sections.hh"
#include "pkg/daemon/service.hh"
#include "pkg/daemon/tls_section.hh"
#include "pkg/keyspace/keyspace.hh"

namespace weir::locker {

// Where the state is kept: "memory", "file:DIRECTORY".
struct StoreUrl {
  std::string directory;  // empty: memory

  static Result<StoreUrl> parse(std::string_view text);
  std::string to_string() const;
  bool operator==(const StoreUrl&) const = default;
};

struct HttpSection {
  std::string token;
  std::optional<daemon::TlsListenerSection> tls;
};

struct RedisSection {
  std::vector<Address> listen;
  std::string password;
  std::optional<daemon::TlsListenerSection> tls;
};

struct EtcdSection {
  std::vector<Address> listen;
  std::optional<daemon::TlsListenerSection> tls;
};

struct LimitsSection {
  uint64_t max_keys = 1'000'000;
  uint64_t max_sessions = 1'000'000;
  Bytes max_value{64 * 1024};
  uint64_t history = 10'000;
  Duration shortest_ttl = std::chrono::milliseconds(10);
  Duration longest_ttl = std::chrono::days(30);
};

struct EventsSection {
  daemon::EventTarget to{daemon::EventTarget::Kind::off, {}, {}, {}};
};

enum class Durability { disk, page_cache };

struct Config {
  Config();

  daemon::ServerSection server;
  daemon::AdminSection admin;
  daemon::LogSection log;
  StoreUrl store{"/var/lib/weir/locker"};
  Durability durability = Durability::disk;
  Bytes snapshot_after{64 << 20};
  HttpSection http;
  RedisSection redis;
  EtcdSection etcd;
  LimitsSection limits;
  EventsSection events;
};

config::Table<Config> config_table();

// The doors' listeners by these names; all others are HTTP's.
constexpr const char* kRedisListener = "redis";
constexpr const char* kEtcdListener = "etcd";
std::vector<daemon::ListenPoint> listen_points(const Config& config);

}  // namespace weir::locker
