#include "pkg/gateway/exchange.hh"

#include "pkg/gateway/worker.hh"
#include "pkg/http/forwarded.hh"
#include "pkg/http/path.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {

aio::Loop& Exchange::loop() const {
  return worker_.loop();
}

// The path of a request.
aio::Task<Exchange::Next> Exchange::run(ClientSide& client, const Arrival& arrival) {
  aio::TaskContext& task = co_await aio::this_task();
  begin(client, arrival, task);
  auto next = Next::close;
  if (!read_head() || !route() || !check_body_size() || !check_lag()) {
    next = co_await answer(refusal_, record_.reason, refusal_fields_);
  } else {
    limit();
    if (record_.verdict.kind == LimitVerdict::Kind::reject) {
      next = co_await answer_limited();
    } else {
      if (record_.verdict.kind == LimitVerdict::Kind::delay) co_await delay();
      next = co_await forward();
      if (upload_) co_await end_upload();
    }
  }
  finish();
  co_return next;
}

aio::Task<> Exchange::refuse(ClientSide& client, const Arrival& arrival, int status,
                             std::string_view reason) {
  aio::TaskContext& task = co_await aio::this_task();
  begin(client, arrival, task);
  make_trace(trace_, {}, {}, worker_.random());
  request_.keep_alive = false;
  co_await answer(status, reason);
  finish();
}

void Exchange::begin(ClientSide& client, const Arrival& arrival, aio::TaskContext& task) {
  task_ = &task;
  snapshot_ = arrival.snapshot;
  listener_ = arrival.listener;
  client_ = &client;
  peer_ = arrival.peer;
  route_ = nullptr;
  request_.clear();
  body_ = nullptr;
  record_ = {};
  record_.client = peer_.address;
  record_.client_has_address = peer_.has_address;
  record_.start = MonotonicTime::clock::now();
  refusal_ = 0;
  refusal_fields_.clear();
  path_ = {};
  response_out_.clear();
  sent_ = body_gone_ = answer_begun_ = upstream_clean_ = false;
  trace_.request_id.clear();
}

bool Exchange::read_head() {
  if (const auto refusal = client_->read_head(request_)) {
    make_trace(trace_, {}, {}, worker_.random());
    refusal_ = refusal->status;
    record_.reason = refusal->reason;
    return false;
  }
  body_ = &client_->body();
  make_trace(trace_, request_.fields.find(http::FieldId::x_request_id).value_or(""),
             request_.fields.find(http::FieldId::traceparent).value_or(""), worker_.random());
  if (peer_.has_address) {
    record_.client = http::find_client(request_.fields, peer_.address, settings().trusted_proxies);
  }
  return true;
}

bool Exchange::route() {
  if (request_.method == http::Method::connect) {
    refusal_ = 501;
    record_.reason = "CONNECT is not offered";
    request_.keep_alive = false;
    return false;
  }
  const bool is_asterisk = request_.path == "*";
  const auto normal =
      is_asterisk ? std::optional(request_.path) : http::normalise_path(request_.path, normalised_);
  if (!normal) {
    refusal_ = 400;
    record_.reason = "the path is ambiguous";
    request_.keep_alive = false;
    return false;
  }
  path_ = *normal;
  // "OPTIONS *" asks about the server as a whole: the route for everything answers it.
  const std::string_view routed = is_asterisk ? std::string_view("/") : path_;
  const auto match = listener_->router.find(request_.host, routed, request_.method_text);
  if (match.route != http::Router::kNone) {
    route_ = &snapshot_->routes[listener_->routes[match.route]];
    return true;
  }
  refusal_ = match.path_known ? 405 : 404;
  record_.reason = match.path_known ? "no route takes this method" : "no route";
  if (match.path_known) {
    http::append_field(refusal_fields_, "Allow", listener_->router.allowed_methods(request_.host, routed));
  }
  return false;
}

bool Exchange::check_body_size() {
  const uint64_t most = settings().max_body.count;
  if (most == 0 || request_.framing.kind != http::BodyKind::length || request_.framing.length <= most)
    return true;
  refusal_ = 413;
  record_.reason = "the body is larger than client.max_body";
  return false;
}

// How long ago the loop was told of what it is dealing with now.
bool Exchange::check_lag() {
  const Duration most = settings().shed_lag;
  if (most == Duration{0} || record_.start - loop().turn_began() <= most) return true;
  refusal_ = 503;
  record_.reason = "this worker is overloaded (client.shed_lag)";
  refusal_fields_ = "Retry-After: 1\r\n";
  route_->metrics->shed->add();
  return false;
}

void Exchange::limit() {
  if (route_->rules.empty()) return;
  const RequestFacts facts{record_.client, route_->name, request_.fields};
  const auto now = static_cast<limit::Time>(record_.start.time_since_epoch().count());
  record_.verdict = apply_limits(route_->rules, facts, now);
}

aio::Task<> Exchange::delay() {
  const ClientWatch watch(*client_, watcher());
  const auto slept = co_await aio::sleep_until(loop().in(record_.verdict.decision.delay));
  (void)slept;  // cancelled: the next wait ends at once, and so does the exchange
}

void Exchange::finish() {
  const auto total = MonotonicTime::clock::now() - record_.start;
  if (task_->cancelled && !answer_begun_) {
    record_.status = 499;
    record_.reason = "the client left before the answer began";
  }
  if (route_ != nullptr) {
    route_->metrics->count(record_.status);
    route_->metrics->seconds->observe(std::chrono::duration<double>(total).count());
  } else {
    worker_.unrouted().count(record_.status);
  }
  if (std::string* events = worker_.events()) {
    append_access_event(
        *events,
        {record_, trace_, request_, path_, client_->protocol(),
         route_ != nullptr ? std::string_view(route_->name) : "",
         upstream_ ? std::string_view(upstream_->name) : "", snapshot_->config.access_log.headers,
         client_->bytes_in(), client_->bytes_out(), total},
        WallTime::clock::now());
    worker_.flush_events();
  }
  keep_upstream();
  choice_.reset();
  upstream_.reset();
  snapshot_.reset();
}

}  // namespace weir::gateway
