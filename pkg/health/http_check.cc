#include "pkg/health/http_check.hh"

#include <algorithm>

#include "pkg/http/chunked.hh"
#include "pkg/http/head.hh"

namespace weir::health {
namespace {

constexpr http::HeadLimits kLimits{};
constexpr int kMostInterimAnswers = 8;

std::string request_text(const CheckSettings& settings, const std::string& host) {
  std::string out = settings.method == CheckMethod::head ? "HEAD " : "GET ";
  out += settings.path;
  out += " HTTP/1.1\r\nHost: ";
  out += settings.host.empty() ? host : settings.host;
  out += "\r\nUser-Agent: weir-health\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  return out;
}

std::unexpected<Error> closed_early(std::string_view what) {
  return fail(Errc::closed, "the server closed before the end of its answer's " + std::string(what));
}

struct Answer {
  int status = 0;
  http::Framing framing;
};

// Takes the final answer's head off the stream, and interim ones (RFC 9110 15.2) before it.
aio::Task<Result<Answer>> read_head(aio::Stream& stream, CheckMethod method, aio::Deadline deadline) {
  const auto asked = method == CheckMethod::head ? http::Method::head : http::Method::get;
  http::HeadScanner scanner;
  http::ResponseHead head;
  for (int interim = 0; interim <= kMostInterimAnswers;) {
    const auto progress = scanner.scan(stream.text(), kLimits);
    if (progress == http::HeadScanner::Progress::need_more) {
      const auto received = co_await stream.read_more(deadline);
      if (!received) co_return std::unexpected(received.error());
      if (*received == 0) co_return closed_early("head");
      continue;
    }
    auto refusal = progress == http::HeadScanner::Progress::refused
                       ? std::optional(scanner.refusal())
                       : http::parse_response_head(stream.text().substr(0, scanner.size()), asked, head);
    if (refusal) co_return fail(Errc::invalid, "not an HTTP answer: " + std::string(refusal->reason));
    stream.consume(scanner.size());
    if (head.status >= 200) co_return Answer{head.status, head.framing};
    scanner.reset();
    head.clear();
    ++interim;
  }
  co_return fail(Errc::invalid, "too many interim answers");
}

// The front of a body, free of its coding.
class BodyFront {
 public:
  BodyFront(const http::Framing& framing, size_t most)
      : framing_(framing), left_(framing.length), most_(most) {
    ended_ = framing.kind == http::BodyKind::none;
  }

  bool is_complete() const { return ended_ || bytes_.size() == most_; }
  std::string_view bytes() const { return bytes_; }
  bool ends_with_connection() const { return framing_.kind == http::BodyKind::until_close; }
  void end() { ended_ = true; }

  Result<> take(aio::Stream& stream) {
    if (framing_.kind == http::BodyKind::chunked) return take_chunked(stream);
    std::string_view piece = stream.text();
    if (framing_.kind == http::BodyKind::length)
      piece = piece.substr(0, std::min<uint64_t>(left_, piece.size()));
    keep(piece);
    left_ -= piece.size();
    if (framing_.kind == http::BodyKind::length) ended_ = left_ == 0;
    stream.consume(piece.size());
    return {};
  }

 private:
  Result<> take_chunked(aio::Stream& stream) {
    const auto step = decoder_.decode(stream.buffered());
    keep(stream.text().substr(0, step.produced));
    stream.consume(step.consumed);
    ended_ = decoder_.is_done();
    if (decoder_.refusal()) {
      return fail(Errc::invalid, "a malformed body: " + std::string(decoder_.refusal()->reason));
    }
    return {};
  }
  void keep(std::string_view piece) { bytes_ += piece.substr(0, most_ - bytes_.size()); }

  http::Framing framing_;
  uint64_t left_;  // of a body whose length is known
  size_t most_;
  bool ended_ = false;
  std::string bytes_;
  http::ChunkedDecoder decoder_;
};

aio::Task<Result<>> expect_in_body(aio::Stream& stream, const CheckSettings& settings, http::Framing framing,
                                   aio::Deadline deadline) {
  BodyFront front(framing, settings.body_within.count);
  size_t searched = 0;
  for (;;) {
    if (front.bytes().find(settings.body, searched) != std::string_view::npos) co_return Result<>();
    if (front.is_complete()) break;
    const size_t overlap = std::min(front.bytes().size(), settings.body.size() - 1);
    searched = front.bytes().size() - overlap;
    if (stream.text().empty()) {
      const auto received = co_await stream.read_more(deadline);
      if (!received) co_return std::unexpected(received.error());
      if (*received == 0 && !front.ends_with_connection()) co_return closed_early("body");
      if (*received == 0) {
        front.end();
        continue;
      }
    }
    const auto taken = front.take(stream);
    if (!taken) co_return taken;
  }
  co_return fail(Errc::invalid, "\"" + settings.body + "\" is not in the first " +
                                    format_bytes(settings.body_within) + " of the body");
}

std::string to_text(const std::vector<StatusRange>& ranges) {
  std::string out;
  for (const StatusRange& range : ranges) out += (out.empty() ? "" : ", ") + range.to_string();
  return out;
}

}  // namespace

aio::Task<Result<>> check_http(aio::Stream& stream, const CheckSettings& settings, std::string host,
                               aio::Deadline deadline) {
  const std::string request = request_text(settings, host);
  const auto sent = co_await stream.write(request, deadline);
  if (!sent) co_return sent;
  const auto answer = co_await read_head(stream, settings.method, deadline);
  if (!answer) co_return std::unexpected(answer.error());
  const bool expected = std::ranges::any_of(settings.status, [&](const StatusRange& range) {
    return answer->status >= range.low && answer->status <= range.high;
  });
  if (!expected) {
    co_return fail(Errc::invalid,
                   "status " + std::to_string(answer->status) + ", not " + to_text(settings.status));
  }
  if (settings.body.empty()) co_return Result<>();
  auto found = co_await expect_in_body(stream, settings, answer->framing, deadline);
  co_return std::move(found);
}

}  // namespace weir::health
