// The answers of our own: errors and refusals, short and in plain text.

#include "pkg/gateway/exchange.hh"
#include "pkg/gateway/worker.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {

aio::Task<Exchange::Next> Exchange::answer(int status, std::string_view reason, std::string_view fields) {
  if (record_.reason.empty()) record_.reason = reason;
  problem_.clear();
  append_uint(problem_, static_cast<uint64_t>(status));
  problem_ += ' ';
  problem_ += http::reason_phrase(status);
  problem_ += ": ";
  problem_ += reason;
  problem_ += '\n';
  return answer_with_body(status, fields, "text/plain; charset=utf-8", problem_);
}

aio::Task<Exchange::Next> Exchange::answer_limited() {
  record_.reason = "over the limit " + record_.verdict.rule->name();
  http::append_field(refusal_fields_, "Retry-After", retry_after_seconds(record_.verdict.decision));
  append_limit_fields(refusal_fields_, route_->rules, record_.verdict);
  problem_.clear();
  append_quota_problem(problem_, record_.verdict);
  return answer_with_body(429, refusal_fields_, "application/problem+json", problem_);
}

aio::Task<Exchange::Next> Exchange::answer_with_body(int status, std::string_view fields,
                                                     std::string_view type, std::string_view body) {
  record_.status = status;
  // A body that is still coming is read and dropped where that is cheap, so that the connection can go on.
  bool keep_alive = request_.keep_alive && !worker_.is_draining();
  if (keep_alive && body_ != nullptr && !body_->is_done()) keep_alive = co_await discard_body();
  std::string& out = response_out_;
  out.clear();
  client_->begin_head(out, status, {});
  worker_.date().append_to(out, WallTime::clock::now());
  http::append_field(out, "Content-Type", type);
  http::append_field(out, "Content-Length", body.size());
  http::append_field(out, "X-Request-Id", trace_.request_id);
  out += fields;
  client_->end_head(out, {.length_known = true, .keep_alive = keep_alive});
  if (request_.method == http::Method::head) body = {};
  answer_begun_ = true;
  const Outgoing whole{.head = out, .piece = body, .last = true};
  const auto sent = co_await client_->send(whole, loop().in(settings().write_timeout));
  co_return sent&& keep_alive ? Next::keep_alive : Next::close;
}

aio::Task<bool> Exchange::discard_body() {
  constexpr uint64_t kMost = 64 * 1024;
  // Who waits for leave to send may never send it: nobody could tell its body from the next request.
  if (request_.expects_continue || body_gone_ || upload_) co_return false;
  if (request_.framing.kind == http::BodyKind::length && request_.framing.length > kMost) co_return false;
  const aio::Deadline deadline =
      loop().in(std::min<Duration>(settings().body_timeout, std::chrono::seconds(5)));
  while (body_->content_bytes() <= kMost) {
    const auto piece = body_->next_piece();
    if (!piece) co_return false;
    body_->release();
    if (body_->is_done()) co_return true;
    const auto received = co_await body_->read_more(deadline);
    if (!received || *received == 0) co_return false;
  }
  co_return false;
}

}  // namespace weir::gateway
