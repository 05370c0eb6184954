// The heads that are written: nothing received is passed on as it came, all is written from what was
// understood.

#include <array>

#include "pkg/gateway/exchange.hh"
#include "pkg/gateway/worker.hh"
#include "pkg/http/forwarded.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {
namespace {

using http::FieldId;

// CGI and its heirs make one variable of X_Forwarded_For and X-Forwarded-For: the first is the second in
// disguise.
bool is_disguised(std::string_view name) {
  std::array<char, 24> dashed;
  if (name.find('_') == std::string_view::npos || name.size() > dashed.size()) return false;
  std::ranges::transform(name, dashed.begin(), [](char c) { return c == '_' ? '-' : c; });
  return http::field_id({dashed.data(), name.size()}) != FieldId::other;
}

// A field that the proxy writes itself, unless the route sets or removes it.
void append_own(std::string& out, const FieldEdits& edits, std::string_view name, std::string_view value) {
  if (!edits.replaces(name)) http::append_field(out, name, value);
}

}  // namespace

bool Exchange::passes_request_field(const http::Field& field) const {
  switch (field.id) {
    case FieldId::content_length:
    case FieldId::expect:
    case FieldId::forwarded:
    case FieldId::host:
    case FieldId::traceparent:
    case FieldId::x_forwarded_for:
    case FieldId::x_forwarded_host:
    case FieldId::x_forwarded_proto:
    case FieldId::x_request_id:
      return false;  // written by ourselves
    case FieldId::trailer:
      return request_.framing.kind == http::BodyKind::chunked;
    case FieldId::other:
      if (is_disguised(field.name)) return false;
      break;
    default:
      if (http::is_hop_by_hop(field.id)) return false;
  }
  if (request_.connection_names_fields && http::is_connection_option(request_.fields, field.name))
    return false;
  return route_->request.replaced.empty() || !route_->request.replaces(field.name);
}

void Exchange::append_target() {
  if (path_ == "*") {
    request_out_ += path_;
    return;
  }
  const std::string_view rest = path_.substr(std::min(route_->prefix.size(), path_.size()));
  request_out_ += route_->replacement;
  request_out_ += rest.empty() && route_->replacement.empty() ? std::string_view("/") : rest;
  if (request_.has_query) {
    request_out_ += '?';
    request_out_ += request_.query;
  }
}

void Exchange::write_request_head() {
  std::string& out = request_out_;
  out.clear();
  out += request_.method_text;
  out += ' ';
  append_target();
  out += " HTTP/1.1\r\n";
  if (!route_->request.replaces("host")) {
    http::append_field(out, "Host",
                       route_->host_header.empty() ? request_.host : std::string_view(route_->host_header));
  }
  for (const http::Field& field : request_.fields) {
    if (passes_request_field(field)) http::append_field(out, field.name, field.value);
  }
  append_forwarded_fields();
  append_own(out, route_->request, "X-Request-Id", trace_.request_id);
  append_own(out, route_->request, "traceparent", trace_.traceparent);
  out += route_->request.added;
  switch (request_.framing.kind) {
    case http::BodyKind::length:
      http::append_field(out, "Content-Length", request_.framing.length);
      break;
    case http::BodyKind::chunked:
      out += "Transfer-Encoding: chunked\r\n";
      break;
    default:
      // A method that usually has a body says so when it has none (RFC 9110 8.6).
      if (request_.fields.find(FieldId::content_length)) out += "Content-Length: 0\r\n";
  }
  if (request_.expects_continue) out += "Expect: 100-continue\r\n";
  if (!request_.upgrade.empty()) {
    out += "Connection: upgrade\r\n";
    http::append_field(out, "Upgrade", request_.upgrade);
  }
  out += "\r\n";
}

void Exchange::append_forwarded_fields() {
  std::string& out = request_out_;
  if (!peer_.has_address) return;
  const bool trusted = std::ranges::any_of(
      settings().trusted_proxies, [this](const Cidr& range) { return range.contains(peer_.address); });
  // What earlier proxies said stands in front of what we say, where they are believed.
  const auto append_known = [&](FieldId id) {
    for (const http::Field& field : request_.fields) {
      if (!trusted || field.id != id) continue;
      out += field.value;
      out += ", ";
    }
  };
  const FieldEdits& edits = route_->request;
  if (!edits.replaces("X-Forwarded-For")) {
    out += "X-Forwarded-For: ";
    append_known(FieldId::x_forwarded_for);
    peer_.address.append_to(out);
    out += "\r\n";
  }
  const auto known = [&](FieldId id, std::string_view otherwise) {
    return trusted ? request_.fields.find(id).value_or(otherwise) : otherwise;
  };
  append_own(out, edits, "X-Forwarded-Proto", known(FieldId::x_forwarded_proto, client_->scheme()));
  append_own(out, edits, "X-Forwarded-Host", known(FieldId::x_forwarded_host, request_.host));
  if (edits.replaces("Forwarded")) return;
  out += "Forwarded: ";
  append_known(FieldId::forwarded);
  http::append_forwarded_element(out, peer_.address, request_.host, client_->scheme());
  out += "\r\n";
}

bool Exchange::passes_response_field(const http::Field& field) const {
  if (field.id == FieldId::x_request_id || http::is_hop_by_hop(field.id)) return false;
  if (field.id == FieldId::content_length) {
    // Of an answer without a body it tells how long that would be (RFC 9110 8.6).
    return request_.method == http::Method::head || response_.status == 304;
  }
  if (response_.connection_names_fields && http::is_connection_option(response_.fields, field.name))
    return false;
  return route_->response.replaced.empty() || !route_->response.replaces(field.name);
}

void Exchange::write_response_head(Ending ending) {
  std::string& out = response_out_;
  out.clear();
  client_->begin_head(out, response_.status, response_.reason);
  bool has_date = route_->response.replaces("Date");
  for (const http::Field& field : response_.fields) {
    if (!passes_response_field(field)) continue;
    has_date = has_date || field.id == FieldId::date;
    http::append_field(out, field.name, field.value);
  }
  if (!has_date) worker_.date().append_to(out, WallTime::clock::now());
  append_own(out, route_->response, "X-Request-Id", trace_.request_id);
  append_limit_fields(out, route_->rules, record_.verdict);
  out += route_->response.added;
  if (response_.status == 101) {
    out += "Connection: upgrade\r\n";
    http::append_field(out, "Upgrade", response_.upgrade);
    out += "\r\n";
    return;
  }
  if (response_.framing.kind == http::BodyKind::length) {
    http::append_field(out, "Content-Length", response_.framing.length);
  } else if (response_.framing.kind == http::BodyKind::none) {
    const bool says_length =
        request_.method != http::Method::head && response_.status != 204 && response_.status != 304;
    if (says_length) out += "Content-Length: 0\r\n";
  }
  client_->end_head(out, ending);
}

}  // namespace weir::gateway
