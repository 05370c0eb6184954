#include "pkg/http/client.hh"

#include <algorithm>

#include "pkg/http/write.hh"

namespace weir::http {

namespace {

constexpr HeadLimits kLimits{};
constexpr int kMostInterimAnswers = 8;
constexpr std::string_view kUnix = "unix:";

std::string_view method_text(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::delete_:
      return "DELETE";
    case Method::options:
      return "OPTIONS";
    case Method::patch:
      return "PATCH";
    case Method::connect:
    case Method::trace:
    case Method::other:
      break;
  }
  return "GET";
}

bool has_port(std::string_view host) {
  const size_t colon = host.rfind(':');
  return colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
}

// The name that a certificate is to be for.
std::string name_of(const Endpoint& endpoint) {
  return endpoint.address.kind == Address::Kind::ip ? endpoint.address.ip.to_string() : endpoint.address.text;
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view url) {
  const auto bad = [&] {
    return fail(Errc::invalid, "\"" + std::string(url) +
                                   "\" is no server; write it like http://127.0.0.1:7420 or unix:PATH");
  };
  Endpoint endpoint;
  if (url.starts_with(kUnix)) {
    auto address = Address::parse_connect(url);
    if (!address) return std::unexpected(address.error());
    endpoint.address = std::move(*address);
    endpoint.host = "localhost";
    return endpoint;
  }
  std::string_view rest = url;
  if (const size_t scheme = url.find("://"); scheme != std::string_view::npos) {
    endpoint.is_tls = iequals(url.substr(0, scheme), "https");
    if (!endpoint.is_tls && !iequals(url.substr(0, scheme), "http")) return bad();
    rest = url.substr(scheme + 3);
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.empty() || rest.find_first_of("/?#@ ") != std::string_view::npos) return bad();
  endpoint.host = rest;
  std::string target(rest);
  if (!has_port(rest)) target += endpoint.is_tls ? ":443" : ":80";
  auto address = Address::parse_connect(target);
  if (!address) return bad();
  endpoint.address = std::move(*address);
  return endpoint;
}

std::string Endpoint::to_string() const {
  if (address.kind == Address::Kind::unix_path) return address.to_string();
  return (is_tls ? "https://" : "http://") + host;
}

std::string Client::request_head(const ClientRequest& request) const {
  std::string out(method_text(request.method));
  out += ' ' + request.target + " HTTP/1.1\r\n";
  append_field(out, "Host", settings_.endpoint.host);
  append_field(out, "User-Agent", "weir");
  out += settings_.fields;
  if (!request.content_type.empty()) {
    append_field(out, "Content-Type", request.content_type);
    append_field(out, "Content-Length", request.body.size());
  }
  return out + "\r\n";
}

aio::Task<Result<>> Client::connect(aio::Deadline deadline) {
  const Endpoint& endpoint = settings_.endpoint;
  deadline = std::min(deadline, loop_.in(settings_.connect_timeout));
  std::vector<Address> addresses = {endpoint.address};
  if (endpoint.address.kind == Address::Kind::name) {
    auto found = co_await aio::resolve(loop_, endpoint.address.text, endpoint.address.port, deadline);
    if (!found) co_return std::unexpected(found.error());
    addresses = std::move(*found);
  }
  Result<> outcome = fail(Errc::not_found, "the name has no addresses");
  for (const Address& address : addresses) {
    auto stream = co_await aio::connect(loop_, address, deadline);
    if (stream) {
      stream_ = std::move(*stream);
      outcome = {};
      break;
    }
    outcome = std::unexpected(std::move(stream.error()));
  }
  if (!outcome || !endpoint.is_tls) co_return outcome;
  aio::TlsTarget target(name_of(endpoint));
  outcome = co_await stream_.start_tls(settings_.tls, deadline, std::move(target));
  if (!outcome) stream_.close();
  co_return outcome;
}

// The connection is free for a request.
aio::Task<Result<>> Client::open(aio::Deadline deadline) {
  const bool is_usable =
      stream_.is_open() && is_body_done_ && keeps_alive_ && !stream_.peer_left() && stream_.text().empty();
  was_idle_ = is_usable;
  if (is_usable) co_return Result<>();
  stream_.close();
  co_return co_await connect(deadline);
}

aio::Task<Result<ClientAnswer>> Client::receive_head(Method asked, aio::Deadline deadline) {
  HeadScanner scanner;
  ResponseHead head;
  for (int interim = 0; interim <= kMostInterimAnswers;) {
    const auto progress = scanner.scan(stream_.text(), kLimits);
    if (progress == HeadScanner::Progress::need_more) {
      const auto received = co_await stream_.read_more(deadline);
      if (!received) co_return std::unexpected(received.error());
      if (*received == 0) co_return fail(Errc::closed, "the server closed the connection without an answer");
      has_answer_ = true;
      continue;
    }
    const auto refusal = progress == HeadScanner::Progress::refused
                             ? std::optional(scanner.refusal())
                             : parse_response_head(stream_.text().substr(0, scanner.size()), asked, head);
    if (refusal) co_return fail(Errc::invalid, "not an HTTP answer: " + std::string(refusal->reason));
    ClientAnswer answer;
    answer.status = head.status;
    answer.content_type = head.fields.find("Content-Type").value_or("");
    stream_.consume(scanner.size());
    if (head.status >= 200) {
      framing_ = head.framing;
      keeps_alive_ = head.keep_alive && framing_.kind != BodyKind::until_close;
      left_ = framing_.length;
      is_body_done_ = framing_.kind == BodyKind::none;
      decoder_ = {};
      co_return answer;
    }
    scanner.reset();
    head.clear();
    ++interim;
  }
  co_return fail(Errc::invalid, "too many interim answers");
}

aio::Task<Result<ClientAnswer>> Client::exchange(const ClientRequest& request, aio::Deadline deadline) {
  const auto opened = co_await open(deadline);
  if (!opened) co_return std::unexpected(opened.error());
  is_body_done_ = false;  // until the answer is complete the connection is of no use to another
  has_answer_ = false;
  const std::string head = request_head(request);
  const std::string_view parts[] = {head, request.body};
  const auto sent = co_await stream_.write(parts, deadline);
  if (!sent) co_return std::unexpected(sent.error());
  co_return co_await receive_head(request.method, deadline);
}

aio::Task<Result<ClientAnswer>> Client::begin(ClientRequest request, aio::Deadline deadline) {
  auto answer = co_await exchange(request, deadline);
  const bool was_closed = !answer && answer.error().code == Errc::closed && was_idle_ && !has_answer_;
  if (was_closed && is_idempotent(request.method)) {
    stream_.close();
    answer = co_await exchange(request, deadline);
  }
  if (!answer) stream_.close();
  co_return std::move(answer);
}

// What is buffered of the body, free of its coding.
Result<std::string> Client::take_piece() {
  if (framing_.kind == BodyKind::chunked) {
    const auto step = decoder_.decode(stream_.buffered());
    std::string piece(stream_.text().substr(0, step.produced));
    stream_.consume(step.consumed);
    is_body_done_ = decoder_.is_done();
    if (!decoder_.refusal()) return piece;
    return fail(Errc::invalid, "a malformed body: " + std::string(decoder_.refusal()->reason));
  }
  std::string_view text = stream_.text();
  if (framing_.kind == BodyKind::length) text = text.substr(0, std::min<uint64_t>(left_, text.size()));
  std::string piece(text);
  stream_.consume(piece.size());
  left_ -= piece.size();
  is_body_done_ = framing_.kind == BodyKind::length && left_ == 0;
  return piece;
}

aio::Task<Result<std::string>> Client::read(aio::Deadline deadline) {
  while (!is_body_done_) {
    if (stream_.text().empty()) {
      const auto received = co_await stream_.read_more(deadline);
      if (!received) co_return std::unexpected(received.error());
      if (*received == 0) {
        if (framing_.kind != BodyKind::until_close)
          co_return fail(Errc::closed, "the server closed the connection before the end of its answer");
        is_body_done_ = true;
        break;
      }
    }
    auto piece = take_piece();
    if (!piece || !piece->empty()) co_return piece;
  }
  co_return std::string();
}

aio::Task<Result<ClientAnswer>> Client::ask(ClientRequest request, aio::Deadline deadline) {
  auto answer = co_await begin(std::move(request), deadline);
  while (answer) {
    const auto piece = co_await read(deadline);
    if (!piece) {
      answer = std::unexpected(piece.error());
    } else if (piece->empty()) {
      break;
    } else if (answer->body.size() + piece->size() > settings_.most_body) {
      answer = fail(Errc::limit, "the answer is longer than " + format_bytes({settings_.most_body}));
    } else {
      answer->body += *piece;
    }
  }
  if (!answer) stream_.close();
  co_return std::move(answer);
}

}  // namespace weir::http
