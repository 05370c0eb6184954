#include "pkg/http/server.hh"

#include "pkg/http/chunked.hh"
#include "pkg/http/path.hh"
#include "pkg/http/write.hh"

namespace weir::http {
namespace {

struct Connection {
  aio::Loop& loop;
  aio::Stream stream;
  const Handler& handler;
  const ServerLimits& limits;
  RequestHead head;
  std::string normalised;
  std::string body;
  std::string out;
  DateField date;
};

aio::Task<bool> send_response(Connection& c, const ServerResponse& response, bool keep_alive) {
  c.out.clear();
  append_status_line(c.out, response.status, {});
  c.date.append_to(c.out, WallTime::clock::now());
  append_field(c.out, "Content-Type", response.content_type);
  append_field(c.out, "Content-Length", response.body.size());
  append_field(c.out, "X-Content-Type-Options", "nosniff");
  c.out += response.fields;
  if (!keep_alive) c.out += "Connection: close\r\n";
  c.out += "\r\n";
  const bool has_body = c.head.method != Method::head;
  const std::string_view parts[] = {c.out, has_body ? std::string_view(response.body) : std::string_view()};
  const auto sent = co_await c.stream.write(parts, c.loop.in(c.limits.write_timeout));
  co_return sent&& keep_alive;
}

aio::Task<bool> refuse(Connection& c, Refusal refusal) {
  ServerResponse response;
  response.status = refusal.status;
  response.body = std::string(refusal.reason) + "\n";
  co_return co_await send_response(c, response, false);
}

// Receives until a head is complete. Nothing: the connection is over.
aio::Task<std::optional<Refusal>> receive_head(Connection& c, size_t& size, bool& is_over) {
  HeadScanner scanner;
  aio::Deadline deadline = c.loop.in(c.limits.idle_timeout);
  for (;;) {
    switch (scanner.scan(c.stream.text(), c.limits.head)) {
      case HeadScanner::Progress::complete:
        size = scanner.size();
        co_return std::nullopt;
      case HeadScanner::Progress::refused:
        co_return scanner.refusal();
      case HeadScanner::Progress::need_more:
        break;
    }
    const bool was_empty = c.stream.text().empty();
    const auto received = co_await c.stream.read_more(deadline);
    is_over = !received || *received == 0;
    if (is_over) co_return std::nullopt;
    if (was_empty) deadline = c.loop.in(c.limits.request_timeout);
  }
}

aio::Task<std::optional<Refusal>> receive_body(Connection& c) {
  constexpr Refusal kTooLarge{413, "the body is too large"};
  const aio::Deadline deadline = c.loop.in(c.limits.request_timeout);
  uint64_t left = c.head.framing.length;
  ChunkedDecoder decoder;
  c.body.clear();
  if (c.head.framing.kind == BodyKind::length && left > c.limits.body) co_return kTooLarge;
  const bool chunked = c.head.framing.kind == BodyKind::chunked;
  while (chunked ? !decoder.is_done() : left > 0) {
    const std::span<char> buffered = c.stream.buffered();
    ChunkedDecoder::Step step{std::min<uint64_t>(left, buffered.size()),
                              std::min<uint64_t>(left, buffered.size())};
    if (chunked) step = decoder.decode(buffered);
    if (decoder.refusal()) co_return *decoder.refusal();
    if (c.body.size() + step.produced > c.limits.body) co_return kTooLarge;
    c.body.append(buffered.data(), step.produced);
    c.stream.consume(step.consumed);
    if (!chunked) left -= step.consumed;
    if (chunked ? decoder.is_done() : left == 0) break;
    const auto received = co_await c.stream.read_more(deadline);
    if (!received || *received == 0) co_return Refusal{408, "the body did not come in time"};
  }
  co_return std::nullopt;
}

// One request. False: the connection is over.
aio::Task<bool> serve_one(Connection& c) {
  size_t head_size = 0;
  bool is_over = false;
  auto refusal = co_await receive_head(c, head_size, is_over);
  if (is_over) co_return false;
  if (!refusal) {
    refusal = parse_request_head(c.stream.text().substr(0, head_size), c.head);
    c.stream.pin(head_size);
  }
  if (!refusal) refusal = co_await receive_body(c);
  const auto path = refusal ? std::nullopt : normalise_path(c.head.path, c.normalised);
  if (!refusal && !path) refusal = Refusal{400, "the path is ambiguous"};
  bool goes_on = false;
  if (refusal) {
    goes_on = co_await refuse(c, *refusal);
  } else {
    const ServerRequest request{c.head, *path, c.body};
    const ServerResponse response = co_await c.handler(request);
    goes_on = co_await send_response(c, response, c.head.keep_alive);
  }
  c.stream.unpin();
  co_return goes_on;
}

}  // namespace

aio::Task<> serve(aio::Loop& loop, aio::Stream stream, const Handler& handler, ServerLimits limits) {
  Connection connection{loop, std::move(stream), handler, limits, {}, {}, {}, {}, {}};
  for (;;) {
    const bool goes_on = co_await serve_one(connection);
    if (!goes_on) break;
  }
}

}  // namespace weir::http
