#include "pkg/daemon/sections.hh"

namespace weir::daemon {

using namespace std::chrono_literals;

constexpr const char* kListenForm = "an address such as \"127.0.0.1:8080\", \"unix:/run/x.sock\" or \"fd:3\"";

namespace {

Result<Address> parse_unix(std::string_view text) {
  auto address = Address::parse_listen(text);
  if (address && address->kind != Address::Kind::unix_path) return fail(Errc::invalid, "not a Unix path");
  return address;
}

}  // namespace

config::Table<ServerSection> server_table(ServerSection defaults) {
  const size_t least_addresses = defaults.listen.empty() ? 0 : 1;
  config::Table<ServerSection> t(std::move(defaults));
  t.text("listen", &ServerSection::listen, Address::parse_listen, kListenForm)
      .at_least(least_addresses)
      .doc(
          "Addresses to accept connections on: IP:PORT, [IPV6]:PORT, unix:PATH, or fd:N for a socket that "
          "was handed "
          "over. Port 0 takes a free port, which the log tells.");
  t.key("workers", &ServerSection::workers)
      .bounds(0, 256)
      .reload(false)
      .doc("Threads that serve connections. 0 means one for each processor.");
  t.key("drain_timeout", &ServerSection::drain_timeout)
      .bounds(0s, 24h)
      .doc("How long what is under way may take to finish when the daemon is asked to end.");
  t.key("max_connections", &ServerSection::max_connections)
      .bounds(1, 10'000'000)
      .doc("The most connections at a time; a further one is closed at once.");
  t.text("handover", &ServerSection::handover, parse_unix, "\"unix:\" and a path")
      .example("unix:/run/weir/NAME.handover")
      .reload(false)
      .doc(
          "Where this process waits for the one that will take over from it: a second one that is started "
          "with the same value gets all listening sockets, tunnels and what was learned, and then this one "
          "leaves. Without it, SIGUSR2 alone brings that about.");
  t.key("handover_timeout", &ServerSection::handover_timeout)
      .bounds(0s, 168h)
      .doc("How long what is under way may take to finish when another process has taken over.");
  return t;
}

config::Table<AdminSection> admin_table() {
  config::Table<AdminSection> t;
  t.text("listen", &AdminSection::listen, Address::parse_listen, kListenForm)
      .example("127.0.0.1:9901")
      .doc("Where the endpoint listens. None means that there is none.");
  t.key("token", &AdminSection::token)
      .secret()
      .doc(
          "When set, the endpoint wants \"Authorization: Bearer TOKEN\", or any user name with the token as "
          "password as browsers send it, but for /healthz and /readyz. Without one, it can be read by who "
          "can "
          "reach it, and changes are taken from the machine itself only.");
  return t;
}

config::Table<LogSection> log_table() {
  config::Table<LogSection> t;
  t.choice("level", &LogSection::level,
           {{"debug", log::Level::debug},
            {"info", log::Level::info},
            {"warn", log::Level::warn},
            {"error", log::Level::error}})
      .doc("The least that is logged.");
  t.choice("format", &LogSection::format, {{"logfmt", log::Format::logfmt}, {"json", log::Format::json}})
      .doc("How a line looks.");
  return t;
}

}  // namespace weir::daemon
