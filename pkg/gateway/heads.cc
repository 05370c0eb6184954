// The heads that are written: nothing received is passed on as it came, all is written from what was
// understood.

#include <array>

#include "pkg/gateway/exchange.hh"
#include "pkg/gateway/worker.hh"
#include "pkg/http/forwarded.hh"
#include "pkg/http/list.hh"
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

bool takes_trailers(const http::FieldList& fields) {
  for (const std::string_view coding : http::ListItems(fields.find(FieldId::te).value_or(""))) {
    if (iequals(coding, "trailers")) return true;
  }
  return false;
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

void Exchange::make_target() {
  target_.clear();
  if (path_ == "*") {
    target_ = path_;
    return;
  }
  const std::string_view rest = path_.substr(std::min(route_->prefix.size(), path_.size()));
  target_ += route_->replacement;
  target_ += rest.empty() && route_->replacement.empty() ? std::string_view("/") : rest;
  if (request_.has_query) {
    target_ += '?';
    target_ += request_.query;
  }
}

std::string_view Exchange::authority() const {
  return route_->host_header.empty() ? request_.host : std::string_view(route_->host_header);
}

// In HTTP/2 the first line, Host, framing and upgrades are no fields; see ServerConnection::Terms.
void Exchange::write_request_head() {
  std::string& out = request_out_;
  out.clear();
  make_target();
  const bool is_h1 = !upstream_->speaks_h2();
  if (is_h1) {
    out += request_.method_text;
    out += ' ';
    out += target_;
    out += " HTTP/1.1\r\n";
    http::append_field(out, "Host", authority());
  }
  for (const http::Field& field : request_.fields) {
    if (passes_request_field(field)) append_request_field(field);
  }
  append_forwarded_fields();
  append_own(out, route_->request, "X-Request-Id", trace_.request_id);
  append_own(out, route_->request, "traceparent", trace_.traceparent);
  out += route_->request.added;
  append_request_framing();
  // The one thing that TE may say in HTTP/2 (RFC 9113 8.2.2); gRPC asks for it.
  if (!is_h1 && takes_trailers(request_.fields)) out += "TE: trailers\r\n";
  if (request_.expects_continue) out += "Expect: 100-continue\r\n";
  if (!is_h1) return;
  if (!request_.upgrade.empty()) {
    out += "Connection: upgrade\r\n";
    http::append_field(out, "Upgrade", request_.upgrade);
  }
  out += "\r\n";
}

void Exchange::append_request_field(const http::Field& field) {
  if (field.id != FieldId::cookie || !upstream_->sticky)
    return http::append_field(request_out_, field.name, field.value);
  const std::string rest = upstream_->sticky->for_server(field.value);
  if (!rest.empty()) http::append_field(request_out_, field.name, rest);
}

void Exchange::append_request_framing() {
  const bool is_h1 = !upstream_->speaks_h2();
  switch (request_.framing.kind) {
    case http::BodyKind::length:
      return http::append_field(request_out_, "Content-Length", request_.framing.length);
    case http::BodyKind::chunked:
      if (is_h1) request_out_ += "Transfer-Encoding: chunked\r\n";
      return;
    case http::BodyKind::none:
    case http::BodyKind::until_close:
      break;
  }
  // A method that usually has a body says so when it has none (RFC 9110 8.6).
  if (request_.fields.find(FieldId::content_length)) request_out_ += "Content-Length: 0\r\n";
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

void Exchange::append_response_field(const http::Field& field) {
  if (!upstream_->sticky || upstream_->sticky->is_own() || !iequals(field.name, "set-cookie"))
    return http::append_field(response_out_, field.name, field.value);
  http::append_field(response_out_, field.name,
                     upstream_->sticky->for_client(field.value, choice_.server()->name()));
}

// A client that has been with this server already knows it.
void Exchange::append_sticky_cookie() {
  if (!upstream_->sticky || choice_.server()->name() == sticky_server_) return;
  const std::string cookie =
      upstream_->sticky->set_cookie(choice_.server()->name(), client_->scheme() == "https");
  if (!cookie.empty()) http::append_field(response_out_, "Set-Cookie", cookie);
}

void Exchange::write_response_head(Ending ending) {
  std::string& out = response_out_;
  out.clear();
  client_->begin_head(out, response_.status, response_.reason);
  bool has_date = route_->response.replaces("Date");
  for (const http::Field& field : response_.fields) {
    if (!passes_response_field(field)) continue;
    has_date = has_date || field.id == FieldId::date;
    append_response_field(field);
  }
  append_sticky_cookie();
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
