// The config sections that every daemon has, as members `server`, `admin` and `log` of its config struct.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pkg/base/address.hh"
#include "pkg/config/table.hh"
#include "pkg/daemon/log.hh"

namespace weir::daemon {

// [server]
struct ServerSection {
  std::vector<Address> listen{*Address::parse_listen("127.0.0.1:8080")};
  uint64_t workers = 0;
  Duration drain_timeout = std::chrono::seconds(30);
  uint64_t max_connections = 65536;
  std::optional<Address> handover;  // a Unix path
  Duration handover_timeout = std::chrono::hours(1);
};

// [admin]
struct AdminSection {
  std::vector<Address> listen;
  std::string token;
};

// [log]
struct LogSection {
  log::Level level = log::Level::info;
  log::Format format = log::Format::logfmt;
};

// With the defaults that the daemon's config gives its `server`. Where these name no address to listen on,
// the daemon listens elsewhere as well, and need not be given one.
config::Table<ServerSection> server_table(ServerSection defaults = {});
config::Table<AdminSection> admin_table();
config::Table<LogSection> log_table();

template <typename Config>
void add_frame_tables(config::Table<Config>& table) {
  // They may be members of a base of the config.
  table.table("server", static_cast<ServerSection Config::*>(&Config::server), server_table(Config{}.server))
      .doc("Listening and the process as a whole.");
  table.table("admin", static_cast<AdminSection Config::*>(&Config::admin), admin_table())
      .doc("The endpoint for operators: status page, health, metrics, the config in force.");
  table.table("log", static_cast<LogSection Config::*>(&Config::log), log_table())
      .doc("The log on standard error.");
}

}  // namespace weir::daemon
