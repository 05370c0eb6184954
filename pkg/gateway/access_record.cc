#include "pkg/gateway/access_record.hh"

#include "pkg/base/json.hh"

namespace weir::gateway {
namespace {

double to_millis(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

void add_text(JsonWriter& json, std::string_view key, std::string_view value) {
  if (!value.empty()) json.key(key).string(value);
}

void add_headers(JsonWriter& json, const http::FieldList& fields, std::span<const std::string> names) {
  if (names.empty()) return;
  json.key("headers").begin_object();
  for (const std::string& name : names) {
    if (const auto value = fields.find(name)) json.key(name).string(*value);
  }
  json.end_object();
}

}  // namespace

void append_access_event(std::string& out, const AccessFacts& facts, WallTime now) {
  const AccessRecord& record = facts.record;
  const http::RequestHead& request = facts.request;
  std::string text;
  append_rfc3339(text, now);
  JsonWriter json(out);
  json.begin_object().key("time").string(text).key("event").string("access");
  json.key("request_id").string(facts.trace.request_id);
  json.key("trace_id").string(facts.trace.trace_id()).key("span_id").string(facts.trace.span_id());
  text.clear();
  record.client.append_to(text);
  json.key("client").string(record.client_has_address ? std::string_view(text) : "unix:");
  add_text(json, "method", request.method_text);
  add_text(json, "host", request.host);
  add_text(json, "path", facts.path);
  if (request.has_query) json.key("query").string(request.query);
  if (!request.method_text.empty()) json.key("protocol").string(facts.protocol);
  json.key("status").number(static_cast<uint64_t>(record.status));
  json.key("bytes_in").number(facts.bytes_in).key("bytes_out").number(facts.bytes_out);
  add_text(json, "route", facts.route);
  add_text(json, "upstream", facts.upstream);
  add_text(json, "server", record.server);
  json.key("limit").string(record.verdict.to_string());
  if (record.verdict.rule != nullptr) json.key("limit_rule").string(record.verdict.rule->name());
  json.key("retries").number(uint64_t{record.retries});
  if (!record.server.empty()) {
    json.key("connect_ms").number(to_millis(record.connect), 3);
    json.key("first_byte_ms").number(to_millis(record.first_byte), 3);
  }
  json.key("total_ms").number(to_millis(facts.total), 3);
  add_text(json, "reason", record.reason);
  add_text(json, "user_agent", request.fields.find(http::FieldId::user_agent).value_or(""));
  add_text(json, "referer", request.fields.find(http::FieldId::referer).value_or(""));
  add_headers(json, request.fields, facts.logged_headers);
  json.end_object();
  out += '\n';
}

}  // namespace weir::gateway
