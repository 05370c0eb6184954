// HTTP messages as values. All views point into what they were parsed from, a receive buffer for HTTP/1.1 and
// the stream for HTTP/2, and live as long as those bytes stay in place.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace weir::http {

enum class Method : uint8_t { get, head, post, put, delete_, connect, options, trace, patch, other };

Method method_of(std::string_view token);
// RFC 9110 9.2.2: asking twice does the same as asking once.
constexpr bool is_idempotent(Method method) {
  switch (method) {
    case Method::get:
    case Method::head:
    case Method::put:
    case Method::delete_:
    case Method::options:
    case Method::trace:
      return true;
    case Method::post:
    case Method::connect:
    case Method::patch:
    case Method::other:
      return false;
  }
  return false;
}

// The fields that decide something on the way; all others are `other`.
enum class FieldId : uint8_t {
  other,
  authorization,
  connection,
  content_length,
  cookie,
  date,
  expect,
  forwarded,
  host,
  keep_alive,
  proxy_connection,
  referer,
  te,
  traceparent,
  trailer,
  transfer_encoding,
  upgrade,
  user_agent,
  x_api_key,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_request_id,
};

FieldId field_id(std::string_view name);
// Fields that speak of one connection only (RFC 9110 7.6.1) and are never passed on.
bool is_hop_by_hop(FieldId id);

struct Field {
  std::string_view name;
  std::string_view value;  // without white space around it
  FieldId id = FieldId::other;
};

// The fields of a head in the order received. Keeps its memory when cleared.
class FieldList {
 public:
  void clear() { fields_.clear(); }
  void reserve(size_t count) { fields_.reserve(count); }
  void add(Field field) { fields_.push_back(field); }
  size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

  // The first field of that name, or an empty optional.
  std::optional<std::string_view> find(FieldId id) const;
  std::optional<std::string_view> find(std::string_view name) const;

 private:
  std::vector<Field> fields_;
};

enum class BodyKind : uint8_t { none, length, chunked, until_close };

// How a message's body is delimited (RFC 9112 6.3).
struct Framing {
  BodyKind kind = BodyKind::none;
  uint64_t length = 0;  // of BodyKind::length; never 0 there
};

struct RequestHead {
  Method method = Method::other;
  std::string_view method_text;
  std::string_view target;  // as received
  // Of the target, as received; "*" for the asterisk form and for OPTIONS of a bare http://host, "" for
  // CONNECT.
  std::string_view path;
  std::string_view query;  // behind "?", without it
  bool has_query = false;
  std::string_view host;  // with port, as received; "" only in HTTP/1.0
  bool is_http_1_0 = false;
  FieldList fields;
  Framing framing;
  bool keep_alive = true;
  bool expects_continue = false;
  // The protocol asked for, where Connection says so too; "" when HTTP would go on in it (h2c, TLS).
  std::string_view upgrade;
  bool connection_names_fields = false;  // see is_connection_option()

  void clear();
};

struct ResponseHead {
  int status = 0;
  std::string_view reason;
  bool is_http_1_0 = false;
  FieldList fields;
  Framing framing;
  bool keep_alive = true;
  std::string_view upgrade;
  bool connection_names_fields = false;

  void clear();
};

// Sets path and query of `out` from the origin form of a target.
void split_target(std::string_view target, RequestHead& out);

// Whether a Connection field among `fields` lists `name`, which makes the field of that name hop-by-hop.
bool is_connection_option(const FieldList& fields, std::string_view name);

// RFC 9110 6.5.1: what frames, routes, authenticates or controls a message cannot come behind it. There are
// servers that make one table of head and trailer fields, and some that take "_" for "-" in it.
bool may_be_trailer(std::string_view name);

// The usual words for a status; "" for one that has none.
std::string_view reason_phrase(int status);

}  // namespace weir::http
