#include "pkg/http/server.hh"

#include <sys/socket.h>

#include <algorithm>

#include "pkg/http/chunked.hh"
#include "pkg/http/path.hh"
#include "pkg/http/write.hh"

namespace weir::http {
namespace {

struct Connection {
  aio::Loop& loop;
  aio::Stream stream;
  const Handler& handler;
  OpenStreams& streams;
  const ServerLimits& limits;
  RequestHead head;
  std::string normalised;
  std::string body;
  std::string out;
  DateField date;
};

void begin_head(Connection& c, const ServerResponse& response) {
  c.out.clear();
  append_status_line(c.out, response.status, {});
  c.date.append_to(c.out, WallTime::clock::now());
  append_field(c.out, "Content-Type", response.content_type);
  append_field(c.out, "X-Content-Type-Options", "nosniff");
  c.out += response.fields;
}

void end_head(Connection& c, bool keep_alive) {
  if (!keep_alive) c.out += "Connection: close\r\n";
  c.out += "\r\n";
}

aio::Task<bool> send_response(Connection& c, const ServerResponse& response, bool keep_alive) {
  begin_head(c, response);
  append_field(c.out, "Content-Length", response.body.size());
  end_head(c, keep_alive);
  const bool has_body = c.head.method != Method::head;
  const std::string_view parts[] = {c.out, has_body ? std::string_view(response.body) : std::string_view()};
  const auto sent = co_await c.stream.write(parts, c.loop.in(c.limits.write_timeout));
  co_return sent&& keep_alive;
}

aio::Task<bool> refuse(Connection& c, Refusal refusal, bool keep_alive) {
  ServerResponse response;
  response.status = refusal.status;
  response.body = std::string(refusal.reason) + "\n";
  co_return co_await send_response(c, response, keep_alive);
}

class StreamedBody final : public BodyWriter {
 public:
  StreamedBody(Connection& connection, bool chunked) : connection_(connection), chunked_(chunked) {}

  aio::Task<Result<>> write(std::string_view piece) override {
    if (piece.empty()) co_return Result<>();  // as a chunk it would be the last one
    Connection& c = connection_;
    c.out.clear();
    if (chunked_) append_chunk_size(c.out, piece.size());
    const std::string_view parts[] = {c.out, piece, chunked_ ? "\r\n" : ""};
    const auto sent = co_await c.stream.write(parts, c.loop.in(c.limits.write_timeout));
    co_return sent;
  }

 private:
  Connection& connection_;
  const bool chunked_;
};

// What a client that does not read may hold of the kernel's memory; by itself that grows to megabytes.
void bound_send_buffer(const aio::Stream& stream) {
  const int bytes = 32 * 1024;  // the kernel doubles it
  (void)setsockopt(stream.descriptor(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

aio::Task<bool> send_stream(Connection& c, const ServerResponse& response, bool keep_alive) {
  if (c.streams.is_full()) {
    co_return co_await refuse(c, {503, "too many streams are open; try again later"}, keep_alive);
  }
  aio::TaskContext& me = co_await aio::this_task();
  const OpenStreams::Place place(c.streams, me);
  const bool chunked = !c.head.is_http_1_0;
  const bool goes_on = keep_alive && chunked;
  begin_head(c, response);
  if (chunked) append_field(c.out, "Transfer-Encoding", "chunked");
  end_head(c, goes_on);
  bound_send_buffer(c.stream);
  const auto begun = co_await c.stream.write(c.out, c.loop.in(c.limits.write_timeout));
  if (!begun) co_return false;
  if (c.head.method == Method::head) co_return goes_on;
  StreamedBody body(c, chunked);
  c.stream.cancel_when_peer_leaves(&me);
  co_await response.producer(body);
  c.stream.cancel_when_peer_leaves(nullptr);
  // A body that was cut short must not look whole.
  if (!chunked || me.cancelled) co_return false;
  const auto ended = co_await c.stream.write("0\r\n\r\n", c.loop.in(c.limits.write_timeout));
  co_return ended&& goes_on;
}

aio::Task<bool> wait_for_request(Connection& c, aio::Deadline deadline) {
  if (c.streams.is_finishing()) co_return false;
  aio::TaskContext& me = co_await aio::this_task();
  const aio::IdleList::Mark mark(c.streams.idle(), me);
  co_return co_await c.stream.more(deadline);
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
    bool has_more = false;
    if (was_empty)
      has_more = co_await wait_for_request(c, deadline);
    else
      has_more = co_await c.stream.more(deadline);
    is_over = !has_more;
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
  if (c.head.expects_continue && c.head.framing.kind != BodyKind::none && c.stream.text().empty()) {
    const auto told = co_await c.stream.write("HTTP/1.1 100 Continue\r\n\r\n", deadline);
    if (!told) co_return Refusal{408, "the body did not come in time"};
  }
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
    const bool has_more = co_await c.stream.more(deadline);
    if (!has_more) co_return Refusal{408, "the body did not come in time"};
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
    goes_on = co_await refuse(c, *refusal, false);
  } else {
    const ServerRequest request{c.head, *path, c.body, c.stream};
    const ServerResponse response = co_await c.handler(request);
    const bool keeps_alive = c.head.keep_alive && !c.streams.is_finishing();
    if (response.producer)
      goes_on = co_await send_stream(c, response, keeps_alive);
    else
      goes_on = co_await send_response(c, response, keeps_alive);
  }
  c.stream.unpin();
  co_return goes_on;
}

}  // namespace

void OpenStreams::cancel() {
  // Cancelling resumes nothing in this turn of the loop, so the list stays as it is while we walk it.
  for (aio::TaskContext* task : tasks_) task->cancel();
}

void OpenStreams::finish() {
  is_finishing_ = true;
  cancel();
  idle_.cancel_all();
}

OpenStreams::Place::Place(OpenStreams& streams, aio::TaskContext& task) : streams_(streams), task_(task) {
  streams_.tasks_.push_back(&task_);
}

OpenStreams::Place::~Place() {
  std::erase(streams_.tasks_, &task_);
}

aio::Task<> serve(aio::Loop& loop, aio::Stream stream, const Handler& handler, OpenStreams& streams,
                  ServerLimits limits) {
  Connection connection{loop, std::move(stream), handler, streams, limits, {}, {}, {}, {}, {}};
  for (;;) {
    const bool goes_on = co_await serve_one(connection);
    if (!goes_on) break;
  }
}

}  // namespace weir::http
