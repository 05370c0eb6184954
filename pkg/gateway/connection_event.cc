#include "pkg/gateway/connection_event.hh"

#include "pkg/base/json.hh"
#include "pkg/daemon/log.hh"

namespace weir::gateway {

void append_connection_event(std::string& out, const Arrival& arrival, const ConnectionRecord& record) {
  const std::chrono::duration<double> taken = MonotonicTime::clock::now() - record.start;
  JsonWriter json(out);
  json.begin_object();
  std::string now;
  append_rfc3339(now, WallTime::clock::now());
  json.key("time").string(now);
  json.key("listener").string(arrival.listener->name);
  if (arrival.peer.has_address) json.key("client").string(arrival.peer.address.to_string());
  if (!record.server_name.empty()) json.key("server_name").string(record.server_name);
  json.key("upstream").string(record.upstream);
  json.key("server").string(record.server);
  json.key("bytes_in").number(record.bytes_in);
  json.key("bytes_out").number(record.bytes_out);
  json.key("seconds").number(taken.count(), 6);
  json.key("reason").string(record.reason);
  json.end_object();
  out += '\n';
}

void log_connection_end(const Arrival& arrival, const ConnectionRecord& record) {
  if (record.reason.empty()) return;
  log::info("connection closed", {{"listener", arrival.listener->name},
                                  {"upstream", std::string(record.upstream)},
                                  {"server", record.server},
                                  {"reason", record.reason}});
}

}  // namespace weir::gateway
