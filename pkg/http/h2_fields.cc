#include "pkg/http/h2_fields.hh"

#include <algorithm>
#include <cstring>
#include <utility>

#include "pkg/base/text.hh"
#include "pkg/http/syntax.hh"

namespace weir::http {
namespace {

// Beyond this many times the limits a block is not even looked at any more: decoding is what costs then.
constexpr size_t kHopeless = 4;

// RFC 9113 8.2.1: a token without upper case.
constexpr auto kLowerTokenChars = [] {
  auto table = kTokenChars;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = false;
  return table;
}();

bool is_lower_token(std::string_view text) {
  for (const char c : text) {
    if (!kLowerTokenChars[static_cast<uint8_t>(c)]) return false;
  }
  return !text.empty();
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_padded(std::string_view value) {
  return !value.empty() && (is_blank(value.front()) || is_blank(value.back()));
}

// What could become a line of its own where the message goes on in HTTP/1.1.
bool has_line_bytes(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

}  // namespace

char* H2Arena::take(size_t size) {
  if (size > left_) {
    const size_t block = std::max(size, kBlock);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
    free_ = blocks_.back().get();
    left_ = block;
  }
  left_ -= size;
  return std::exchange(free_, free_ + size);
}

std::string_view H2Arena::store(std::string_view text) {
  if (text.empty()) return {free_, 0};  // not null, which memcpy may not be given
  char* place = take(text.size());
  memcpy(place, text.data(), text.size());
  return {place, text.size()};
}

void H2FieldReader::begin(Block block, H2Arena& arena, FieldList& fields) {
  arena_ = &arena;
  fields_ = &fields;
  block_ = block;
  seen_regular_ = false;
  bytes_ = count_ = 0;
  method_ = scheme_ = authority_ = path_ = status_ = host_ = {};
  content_length_ = {};
  cookies_.clear();
  verdict_ = {};
}

void H2FieldReader::malformed(std::string_view reason) {
  if (verdict_.kind != H2Verdict::Kind::malformed) verdict_ = {H2Verdict::Kind::malformed, {400, reason}};
}

void H2FieldReader::refuse(Refusal refusal) {
  if (verdict_.kind == H2Verdict::Kind::ok) verdict_ = {H2Verdict::Kind::refused, refusal};
}

bool H2FieldReader::is_hopeless() const {
  return bytes_ > kHopeless * (limits_.bytes + limits_.line);
}

bool H2FieldReader::add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + 4;  // as a line of HTTP/1.1, ": " and CRLF with it
  ++count_;
  if (is_hopeless()) return false;
  if (!is_field_value(value)) {
    if (has_line_bytes(value)) malformed("a field's value has CR, LF or NUL");
    refuse({400, "a header field's value has control characters"});
  }
  if (name.starts_with(':')) {
    add_pseudo(name, value);
  } else {
    add_regular(name, value);
  }
  return verdict_.kind != H2Verdict::Kind::malformed;
}

// RFC 9113 8.3: known ones only, each once, before all others, and not in trailers.
void H2FieldReader::add_pseudo(std::string_view name, std::string_view value) {
  if (seen_regular_ || block_ == Block::trailers) return malformed("a pseudo-header field behind others");
  std::optional<std::string_view>* place = nullptr;
  if (block_ == Block::response) {
    if (name == ":status") place = &status_;
  } else if (name == ":method") {
    place = &method_;
  } else if (name == ":scheme") {
    place = &scheme_;
  } else if (name == ":authority") {
    place = &authority_;
  } else if (name == ":path") {
    place = &path_;
  }
  if (place == nullptr) return malformed("an unknown pseudo-header field");
  if (*place) return malformed("a pseudo-header field twice");
  if (is_padded(value)) return malformed("white space around a pseudo-header field's value");
  bytes_ -= name.size() + value.size() + 4;  // counts as part of the request line
  --count_;
  if (value.size() > limits_.line) {
    refuse({414, "the request target is too long"});
    value = value.substr(0, 0);
  }
  *place = arena_->store(value);
}

void H2FieldReader::add_regular(std::string_view name, std::string_view value) {
  seen_regular_ = true;
  if (!is_lower_token(name)) return malformed("a field's name has characters that are not allowed");
  if (is_padded(value)) return malformed("white space around a field's value");
  const FieldId id = field_id(name);
  if (id == FieldId::te ? value != "trailers" : is_hop_by_hop(id))
    return malformed("a field that speaks of a connection");
  if (bytes_ > limits_.bytes) return refuse({431, "the header fields are too long"});
  if (count_ > limits_.fields) return refuse({431, "there are too many header fields"});
  if (id == FieldId::cookie) {
    cookies_.push_back(arena_->store(value));
    return;
  }
  if (id == FieldId::content_length && block_ != Block::trailers) {
    const auto length = parse_uint(value);
    if (!length || *length > INT64_MAX) return malformed("a content-length that is no number");
    if (content_length_) return malformed("more than one content-length");
    content_length_ = length;
  }
  keep(name, value, id);
}

void H2FieldReader::keep(std::string_view name, std::string_view value, FieldId id) {
  const Field field{arena_->store(name), arena_->store(value), id};
  if (id == FieldId::host && block_ == Block::request) {
    if (host_) refuse({400, "more than one Host"});
    host_ = field.value;
  }
  fields_->add(field);
}

// RFC 9113 8.2.3: a cookie may come in crumbs, which HTTP/1.1 knows as one field.
void H2FieldReader::join_cookies() {
  if (cookies_.empty()) return;
  std::string_view joined = cookies_.front();
  if (cookies_.size() > 1) {
    size_t size = 2 * (cookies_.size() - 1);
    for (const std::string_view crumb : cookies_) size += crumb.size();
    char* out = arena_->take(size);
    joined = {out, size};
    for (const std::string_view crumb : cookies_) {
      if (out != joined.data()) {
        memcpy(out, "; ", 2);
        out += 2;
      }
      memcpy(out, crumb.data(), crumb.size());
      out += crumb.size();
    }
  }
  fields_->add({"cookie", joined, FieldId::cookie});
}

// RFC 9113 8.3.1.
void H2FieldReader::read_request_target(RequestHead& out, std::string_view scheme) {
  if (out.method == Method::connect) {
    if (scheme_ || path_) return malformed("CONNECT with a scheme or a path");
    if (!authority_) return malformed("CONNECT without an authority");
    out.target = *authority_;
    const bool has_port = out.target.find(':') != std::string_view::npos;
    if (!is_host(out.target) || !has_port) refuse({400, "a malformed request target"});
    return;
  }
  if (!scheme_ || !path_) return malformed("a pseudo-header field is missing");
  const bool is_asterisk = *path_ == "*" && out.method == Method::options;
  if (verdict_.kind == H2Verdict::Kind::ok && !path_->starts_with('/') && !is_asterisk)
    return malformed("a path that does not begin with a slash");
  if (scheme != "http" && scheme != "https") refuse({400, "a scheme other than http and https"});
  out.target = *path_;
  if (!is_target(out.target)) refuse({400, "a malformed request target"});
  split_target(out.target, out);
}

void H2FieldReader::read_host(RequestHead& out) {
  if (authority_ && authority_->find('@') != std::string_view::npos)
    return malformed("an authority with user information");
  if (authority_ && host_ && !iequals(*authority_, *host_))
    return malformed("Host differs from the authority");
  if (!authority_ && !host_) return refuse({400, "no Host"});
  out.host = host_ ? *host_ : *authority_;
  if (!limits_.any_host && !is_host(out.host)) refuse({400, "a malformed Host"});
  if (!host_) fields_->add({"host", out.host, FieldId::host});
}

H2Verdict H2FieldReader::finish_request(bool end_of_stream, RequestHead& out, std::string_view& scheme) {
  if (!method_) {
    malformed("a pseudo-header field is missing");
    return verdict_;
  }
  out.method_text = *method_;
  out.method = method_of(out.method_text);
  scheme = scheme_.value_or(std::string_view());
  if (verdict_.kind == H2Verdict::Kind::ok && !is_token(out.method_text)) malformed("a malformed method");
  read_request_target(out, scheme);
  read_host(out);
  join_cookies();
  if (end_of_stream && content_length_.value_or(0) > 0) malformed("a content-length without content");
  if (!end_of_stream && content_length_ != 0) {
    out.framing.kind = content_length_ ? BodyKind::length : BodyKind::chunked;
    out.framing.length = content_length_.value_or(0);
  }
  if (const auto expect = out.fields.find(FieldId::expect)) {
    if (!iequals(*expect, "100-continue")) refuse({417, "an Expect other than 100-continue"});
    out.expects_continue = out.framing.kind != BodyKind::none;
  }
  return verdict_;
}

H2Verdict H2FieldReader::finish_response(bool end_of_stream, Method request, ResponseHead& out) {
  const auto status = status_ && status_->size() == 3 ? parse_uint(*status_) : std::nullopt;
  if (!status || *status < 100 || *status > 599) malformed("a malformed status");
  // RFC 9113 8.6: there is no such thing here.
  if (status == 101) malformed("a switch of protocols");
  if (verdict_.kind == H2Verdict::Kind::malformed) return verdict_;
  out.status = static_cast<int>(*status);
  join_cookies();
  const bool is_interim = out.status < 200;
  if (is_interim && end_of_stream) malformed("an interim response that ends the stream");
  const bool may_have_body = request != Method::head && !is_interim && out.status != 204 && out.status != 304;
  if (may_have_body && end_of_stream && content_length_.value_or(0) > 0)
    malformed("a content-length without content");
  if (!end_of_stream && may_have_body && content_length_ != 0) {
    out.framing.kind = content_length_ ? BodyKind::length : BodyKind::chunked;
    out.framing.length = content_length_.value_or(0);
  }
  return verdict_;
}

H2Verdict H2FieldReader::finish_trailers() {
  // A request cannot be refused any more, nor an answer: there is only one way out.
  if (verdict_.kind == H2Verdict::Kind::refused) malformed(verdict_.refusal.reason);
  for (const Field& field : *fields_) {
    if (!may_be_trailer(field.name)) malformed("a trailer field that must stand in the head");
  }
  return verdict_;
}

}  // namespace weir::http
