#include "cmd/weir-locker/config.hh"

#include "pkg/daemon/program.hh"

namespace weir::locker {

using namespace std::chrono_literals;

namespace {

constexpr const char* kListenForm = "an address such as \"127.0.0.1:7420\", \"unix:/run/x.sock\" or \"fd:3\"";
constexpr std::string_view kFile = "file:";

config::Table<HttpSection> http_table() {
  config::Table<HttpSection> t;
  t.key("token", &HttpSection::token)
      .secret()
      .doc("When set, requests need \"Authorization: Bearer TOKEN\".");
  t.table("tls", &HttpSection::tls, daemon::tls_listener_table())
      .doc("TLS for the addresses of server.listen.");
  return t;
}

config::Table<RedisSection> redis_table() {
  config::Table<RedisSection> t;
  t.text("listen", &RedisSection::listen, Address::parse_listen, kListenForm)
      .example("127.0.0.1:6379")
      .doc("Addresses for clients that speak Redis' protocol (RESP2 and RESP3). None: no such door.");
  t.key("password", &RedisSection::password)
      .secret()
      .doc("When set, clients must give it first (AUTH, or HELLO with AUTH).");
  t.table("tls", &RedisSection::tls, daemon::tls_listener_table()).doc("TLS for these addresses.");
  return t;
}

config::Table<EtcdSection> etcd_table() {
  config::Table<EtcdSection> t;
  t.text("listen", &EtcdSection::listen, Address::parse_listen, kListenForm)
      .example("127.0.0.1:2379")
      .doc(
          "Addresses for clients of etcd's version 3 API (gRPC). None: no such door. It knows no "
          "passwords: beyond the machine itself, ask for client certificates.");
  t.table("tls", &EtcdSection::tls, daemon::tls_listener_table()).doc("TLS for these addresses.");
  return t;
}

config::Table<LimitsSection> limits_table() {
  config::Table<LimitsSection> t;
  t.key("max_keys", &LimitsSection::max_keys)
      .bounds(1, 100'000'000)
      .reload(false)
      .doc("The most claims on locks, and keys of etcd clients, at a time; a further one is refused.");
  t.key("max_sessions", &LimitsSection::max_sessions)
      .bounds(1, 100'000'000)
      .reload(false)
      .doc("The most sessions (leases) at a time; a further one is refused.");
  t.key("max_value", &LimitsSection::max_value)
      .bounds(Bytes{1024}, Bytes{1 << 20})
      .reload(false)
      .doc("The largest value of a key, and the largest text or reason that comes with a claim.");
  t.key("history", &LimitsSection::history)
      .bounds(100, 10'000'000)
      .reload(false)
      .doc("How many changes are kept for those who watch, so that they may come back late.");
  t.key("shortest_ttl", &LimitsSection::shortest_ttl)
      .bounds(1ms, 1h)
      .reload(false)
      .doc("The shortest time to live of a session.");
  t.key("longest_ttl", &LimitsSection::longest_ttl)
      .bounds(1s, 8760h)
      .reload(false)
      .doc("The longest time to live of a session.");
  t.check([](const LimitsSection& limits, config::Report& report) {
    if (limits.shortest_ttl > limits.longest_ttl) report.error("shortest_ttl", "longer than longest_ttl");
  });
  return t;
}

config::Table<EventsSection> events_table() {
  config::Table<EventsSection> t;
  t.key("to", &EventsSection::to)
      .doc(
          "Where one JSON object goes for each claim, grant and release: stdout, off, file:PATH, unix:PATH "
          "or kafka://HOST:PORT/TOPIC.");
  return t;
}

}  // namespace

Config::Config() {
  server.listen = {*Address::parse_listen("127.0.0.1:7420")};
  server.workers = 1;
}

Result<StoreUrl> StoreUrl::parse(std::string_view text) {
  if (text == "memory") return StoreUrl{};
  if (text.starts_with(kFile) && text.size() > kFile.size())
    return StoreUrl{std::string(text.substr(kFile.size()))};
  return fail(Errc::invalid, "not \"memory\" and not \"file:\" and a directory");
}

std::string StoreUrl::to_string() const {
  return directory.empty() ? "memory" : std::string(kFile) + directory;
}

config::Table<Config> config_table() {
  config::Table<Config> t;
  t.text("store", &Config::store, StoreUrl::parse, "\"file:\" and a directory, or \"memory\"")
      .reload(false)
      .doc(
          "Where the state is kept. \"file:DIRECTORY\" is a journal in a directory of this process alone. "
          "With \"memory\" a restart forgets all locks and begins tokens anew: for tests, and where tokens "
          "are not used.");
  t.choice("durability", &Config::durability,
           {{"disk", Durability::disk}, {"page_cache", Durability::page_cache}})
      .reload(false)
      .doc(
          "When a change in the journal counts as kept, and is told. \"disk\": when the disk has confirmed "
          "it; it survives the loss of power. \"page_cache\": when the kernel has it; it survives the end "
          "of this process, not that of the machine.");
  t.key("snapshot_after", &Config::snapshot_after)
      .bounds(Bytes{64 * 1024}, Bytes{uint64_t{16} << 30})
      .reload(false)
      .doc(
          "How many bytes of changes the journal takes before all that there is is written anew, and what "
          "is older can go.");
  daemon::add_frame_tables(t);
  t.table("http", &Config::http, http_table()).doc("The door for HTTP, at server.listen.");
  t.table("redis", &Config::redis, redis_table()).doc("The door for Redis clients.");
  t.table("etcd", &Config::etcd, etcd_table()).doc("The door for etcd clients.");
  t.table("limits", &Config::limits, limits_table()).doc("What the state may grow to.");
  t.table("events", &Config::events, events_table()).doc("What happens to locks, as events.");
  t.check([](const Config& config, config::Report& report) {
    if (config.server.workers != 1) report.error("server.workers", "the state has one owner: it is 1");
    if (config.server.handover)
      report.error("server.handover", "the journal has one owner: restart instead, sessions outlive it");
  });
  return t;
}

std::vector<daemon::ListenPoint> listen_points(const Config& config) {
  std::vector<daemon::ListenPoint> points = daemon::listen_points_of(config.server);
  for (const Address& address : config.redis.listen) points.push_back({kRedisListener, address});
  for (const Address& address : config.etcd.listen) points.push_back({kEtcdListener, address});
  return points;
}

}  // namespace weir::locker
