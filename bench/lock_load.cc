// A load of clients that take a lock and give it back, each its own, over and over:
//
//   lock_load etcd|http|redis PORT CLIENTS SECONDS
//
// etcd: the Lock service of etcd's version 3 API, so that etcd itself and weir-locker get the very same.
// Prints one JSON object; an operation is both steps.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "pkg/aio/connect.hh"
#include "pkg/aio/scope.hh"
#include "pkg/base/clock.hh"
#include "pkg/base/text.hh"
#include "pkg/etcd/grpc.hh"
#include "pkg/etcd/rpc.pb.h"
#include "pkg/etcd/v3lock.pb.h"
#include "pkg/http/h2_client.hh"

using namespace weir;

namespace {

[[noreturn]] void die(const std::string& why) {
  fprintf(stderr, "lock_load: %s\n", why.c_str());
  exit(1);
}

struct Load {
  aio::Loop loop;
  aio::Scope scope{loop};
  uint16_t port = 0;
  MonotonicTime end;
  std::vector<double> took;  // microseconds
  size_t running = 0;

  bool is_over() const { return MonotonicTime::clock::now() >= end; }
  aio::Deadline deadline() const { return loop.in(std::chrono::seconds(60)); }
  void note(MonotonicTime began) {
    const auto passed = MonotonicTime::clock::now() - began;
    took.push_back(std::chrono::duration<double, std::micro>(passed).count());
  }
  void leave() {
    if (--running == 0) loop.stop();
  }
};

aio::Task<aio::Stream> dial(Load& load) {
  Address address = *Address::parse_connect("127.0.0.1:" + std::to_string(load.port));
  auto stream = co_await aio::connect(load.loop, std::move(address), load.deadline());
  if (!stream) die(stream.error().message);
  co_return std::move(*stream);
}

// One call: a message out, a message back.
aio::Task<std::string> call(Load& load, http::H2ClientSession& session, std::string path,
                            std::string message) {
  std::string framed;
  const size_t at = etcd::reserve_prefix(framed);
  framed += message;
  etcd::set_prefix(framed, at);
  const auto stream = session.open();
  const http::H2Request request{.method = "POST",
                                .scheme = "http",
                                .authority = "127.0.0.1",
                                .path = path,
                                .lines = "content-type: application/grpc\r\nte: trailers\r\n",
                                .piece = framed,
                                .last = true};
  const auto sent = co_await stream->send(request, load.deadline());
  if (!sent) die(sent.error().message);
  http::ResponseHead head;
  const auto answered = co_await stream->await_head(head, load.deadline());
  if (!answered) die(answered.error().message);
  etcd::MessageReader reader(1 << 20);
  std::string answer;
  for (;;) {
    const auto piece = stream->next_piece();
    if (!piece) die(piece.error().message);
    reader.feed(*piece);
    stream->release();
    const auto next = reader.next();
    if (!next) die(next.error().message);
    if (*next) answer = **next;
    if (stream->is_done()) break;
    const auto more = co_await stream->read_more(load.deadline());
    if (!more) die(more.error().message);
  }
  const auto status = stream->trailers().find("grpc-status");
  const std::string text(status ? *status : head.fields.find("grpc-status").value_or("none"));
  if (text != "0") die(path + ": grpc-status " + text);
  co_return answer;
}

aio::Task<> lock_and_unlock(Load& load, http::H2ClientSession& session, size_t number) {
  const auto ready = co_await session.await_settings(load.deadline());
  if (!ready) die(ready.error().message);
  etcdserverpb::LeaseGrantRequest grant;
  grant.set_ttl(600);
  auto answer = co_await call(load, session, "/etcdserverpb.Lease/LeaseGrant", grant.SerializeAsString());
  etcdserverpb::LeaseGrantResponse granted;
  if (!granted.ParseFromString(answer)) die("not a LeaseGrantResponse");
  v3lockpb::LockRequest take;
  take.set_name("bench-" + std::to_string(number));
  take.set_lease(granted.id());
  const std::string taken = take.SerializeAsString();
  while (!load.is_over()) {
    const MonotonicTime began = MonotonicTime::clock::now();
    answer = co_await call(load, session, "/v3lockpb.Lock/Lock", taken);
    v3lockpb::LockResponse locked;
    if (!locked.ParseFromString(answer)) die("not a LockResponse");
    v3lockpb::UnlockRequest give;
    give.set_key(locked.key());
    (void)co_await call(load, session, "/v3lockpb.Lock/Unlock", give.SerializeAsString());
    load.note(began);
  }
  session.drain();
}

aio::Task<> etcd_client(Load& load, size_t number) {
  auto stream = co_await dial(load);
  const http::H2Settings settings;
  http::H2ClientSession session(load.loop, std::move(stream), settings);
  aio::Scope work(load.loop);
  work.spawn(lock_and_unlock(load, session, number));
  co_await session.run();
  co_await work.join();
  load.leave();
}

// Sends, and waits for an answer that `is_whole`.
aio::Task<std::string> ask(Load& load, aio::Stream& stream, std::string text,
                           bool (*is_whole)(std::string_view)) {
  const auto sent = co_await stream.write(text, load.deadline());
  if (!sent) die(sent.error().message);
  while (!is_whole(stream.text())) {
    const bool has_more = co_await stream.more(load.deadline());
    if (!has_more) die("the server has left");
  }
  std::string answer(stream.text());
  stream.consume(answer.size());
  co_return answer;
}

bool is_whole_http(std::string_view text) {
  constexpr std::string_view kLength = "Content-Length: ";
  const size_t end = text.find("\r\n\r\n");
  const size_t at = text.find(kLength);
  if (end == std::string_view::npos || at == std::string_view::npos) return false;
  const std::string_view digits =
      text.substr(at + kLength.size(), text.find("\r\n", at) - at - kLength.size());
  return text.size() - end - 4 >= parse_uint(digits).value_or(0);
}

std::string http_request(std::string_view method, const std::string& path, const std::string& body) {
  return std::string(method) + " " + path +
         " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

aio::Task<> http_client(Load& load, size_t number) {
  auto stream = co_await dial(load);
  constexpr std::string_view kSession = "\"session\":\"";
  auto answer =
      co_await ask(load, stream, http_request("POST", "/v1/sessions", R"({"ttl":"10m"})"), is_whole_http);
  const size_t at = answer.find(kSession);
  if (at == std::string::npos) die(answer);
  const size_t begin = at + kSession.size();
  const std::string session = answer.substr(begin, answer.find('"', begin) - begin);
  const std::string path = "/v1/locks/bench-" + std::to_string(number);
  const std::string take = http_request("POST", path, "{\"session\":\"" + session + "\"}");
  const std::string give = http_request("DELETE", path + "?session=" + session, "");
  while (!load.is_over()) {
    const MonotonicTime began = MonotonicTime::clock::now();
    for (const std::string* step : {&take, &give}) {
      answer = co_await ask(load, stream, *step, is_whole_http);
      if (!answer.starts_with("HTTP/1.1 200")) die(answer);
    }
    load.note(began);
  }
  load.leave();
}

std::string redis_command(std::initializer_list<std::string_view> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words)
    text += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
  return text;
}

aio::Task<> redis_client(Load& load, size_t number) {
  auto stream = co_await dial(load);
  const auto is_line = [](std::string_view text) { return text.ends_with("\r\n"); };
  const std::string name = "bench-" + std::to_string(number);
  const std::string take = redis_command({"SET", name, "value", "NX", "PX", "600000"});
  const std::string give = redis_command({"DEL", name});
  while (!load.is_over()) {
    const MonotonicTime began = MonotonicTime::clock::now();
    auto answer = co_await ask(load, stream, take, is_line);
    if (answer != "+OK\r\n") die(answer);
    answer = co_await ask(load, stream, give, is_line);
    if (answer != ":1\r\n") die(answer);
    load.note(began);
  }
  load.leave();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) die("usage: lock_load etcd|http|redis PORT CLIENTS SECONDS");
  const std::string_view protocol = argv[1];
  const auto client = protocol == "etcd" ? etcd_client : protocol == "http" ? http_client : redis_client;
  Load load;
  load.port = static_cast<uint16_t>(parse_uint(argv[2]).value_or(0));
  load.running = parse_uint(argv[3]).value_or(1);
  const double seconds = atof(argv[4]);
  const MonotonicTime began = MonotonicTime::clock::now();
  load.end = began + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  load.loop.post([&] {
    for (size_t i = 0, clients = load.running; i < clients; ++i) load.scope.spawn(client(load, i));
  });
  load.loop.run();
  const auto passed = std::chrono::duration<double>(MonotonicTime::clock::now() - began).count();
  std::ranges::sort(load.took);
  const auto quantile = [&](double share) {
    return load.took.empty()
               ? 0
               : load.took[static_cast<size_t>(share * static_cast<double>(load.took.size() - 1))];
  };
  printf("{\"operations\": %zu, \"seconds\": %.3f, \"p50_us\": %.0f, \"p99_us\": %.0f}\n", load.took.size(),
         passed, quantile(0.5), quantile(0.99));
  return 0;
}
