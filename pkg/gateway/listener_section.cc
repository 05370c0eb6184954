#include "pkg/gateway/listener_section.hh"

namespace weir::gateway {

using namespace std::chrono_literals;

namespace {

using Table = config::Table<ListenerSection>;

void add_mode_keys(Table& t) {
  t.choice("mode", &ListenerSection::mode,
           {{"http", ListenerMode::http},
            {"tcp", ListenerMode::tcp},
            {"sni", ListenerMode::sni},
            {"udp", ListenerMode::udp}})
      .doc(
          "What is balanced: http requests (HTTP/1.1 and HTTP/2), tcp connections, TLS connections that stay "
          "sealed by the name their client asks for (sni), or udp datagrams by client.");
  t.key("sni", &ListenerSection::sni)
      .doc(
          "For mode sni: names and their upstreams, { \"a.example\" = \"a\", \"*.b.example\" = \"b\" }. "
          "What is not among them goes to upstream, or is closed where there is none.");
  t.key("udp_timeout", &ListenerSection::udp_timeout)
      .bounds(1ms, 24h)
      .doc(
          "For mode udp: how long a client and its server may both be silent until their session ends. "
          "There, "
          "sessions are what connection_rate and max_connections count.");
}

void add_admission_keys(Table& t) {
  t.key("proxy_protocol", &ListenerSection::proxy_protocol)
      .doc(
          "Whether each connection begins with a PROXY protocol header, version 1 or 2, that tells who the "
          "client is. Only for listeners that nobody but such proxies can reach: it is believed.");
  t.key("allow", &ListenerSection::allow)
      .example("10.0.0.0/8")
      .doc("Clients that may connect. None means all.");
  t.key("deny", &ListenerSection::deny).example("192.0.2.0/24").doc("Clients that may not, even so.");
  t.key("connection_rate", &ListenerSection::connection_rate)
      .example("100/second")
      .doc("How many connections a client address (of IPv6, its /64) may open; beyond it they are closed.");
  t.key("max_connections", &ListenerSection::max_connections)
      .bounds(0, 10'000'000)
      .doc(
          "The most connections at a time here; a further one is closed. 0 means no limit but the server's.");
}

void check(const ListenerSection& section, config::Report& report) {
  const bool is_http = section.mode == ListenerMode::http;
  const bool has_target = !section.upstream.empty() || !section.sni.empty();
  if (!is_http && !has_target) report.error("upstream", "this mode needs an upstream");
  if (section.mode != ListenerMode::sni && !section.sni.empty())
    report.error("sni", "only mode sni goes by names");
  const bool opens_tls = is_http || section.mode == ListenerMode::tcp;
  if (section.tls && !opens_tls) report.error("tls", "this mode does not open TLS");
  if (section.mode == ListenerMode::udp && section.proxy_protocol)
    report.error("proxy_protocol", "datagrams have no PROXY header here");
  for (const Address& address : section.listen) {
    if (section.mode == ListenerMode::udp && address.kind == Address::Kind::unix_path)
      report.error("listen", "UDP has no Unix sockets");
  }
}

}  // namespace

config::Table<ListenerSection> listener_table(ListenerModes modes) {
  Table t;
  t.key("name", &ListenerSection::name)
      .required()
      .unique()
      .example("web")
      .doc("The listener's name, in logs, metrics and routes.");
  t.text("listen", &ListenerSection::listen, Address::parse_listen,
         "an address such as \"127.0.0.1:8080\", \"unix:/run/x.sock\" or \"fd:3\"")
      .required()
      .at_least(1)
      .example("127.0.0.1:8443")
      .doc("Addresses: IP:PORT, [IPV6]:PORT, unix:PATH, or fd:N for a socket that was handed over.");
  if (modes == ListenerModes::all) add_mode_keys(t);
  t.key("upstream", &ListenerSection::upstream)
      .example("app")
      .doc("The upstream (or split) for what no route takes; for other modes than http, for all.");
  t.key("http2", &ListenerSection::http2)
      .doc("Whether HTTP/2 is offered: by ALPN over TLS, in clear to clients that begin with it.");
  add_admission_keys(t);
  t.table("tls", &ListenerSection::tls, daemon::tls_listener_table())
      .doc("How TLS is spoken with clients; without it they speak in clear.");
  t.check(check);
  return t;
}

}  // namespace weir::gateway
