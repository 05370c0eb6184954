// A server's HTTP/2 core, given any bytes behind a greeting: whatever comes, it neither crashes nor holds
// more than it may; what it sends is whole frames of sizes the peer takes; a connection that is ended stays
// so; and the bytes' splitting changes nothing about what requests were seen.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "pkg/http/h2_core.hh"
#include "pkg/http/h2_server.hh"

using namespace weir::http;

namespace {

void require(bool condition) {
  if (!condition) abort();
}

constexpr std::string_view kGreeting(
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0", 42);

constexpr H2Settings kSettings{.head = {.line = 256, .bytes = 1024, .fields = 16},
                               .max_concurrent_streams = 4,
                               .stream_window = 4096,
                               .connection_window = 65535};

class Server : public H2Core::Owner {
 public:
  void feed(std::string_view bytes) {
    unread_ += bytes;
    unread_.erase(0, core_.receive(unread_, 1000));
    require(unread_.size() < 9 + 6 || core_.fault());  // nothing but a frame's first bytes is held back
    for (auto& request : requests_) serve(*request);
    std::erase_if(requests_, [](const auto& request) { return request->end() != H2End::open; });
    send();
  }
  bool is_finished() const { return core_.is_finished(); }
  std::string seen;

 private:
  // Echoes content and trailers; what is refused is answered.
  static void serve(H2ServerStream& stream) {
    const auto never = weir::aio::Deadline::never();
    if (stream.refusal) {
      (void)stream.send({.status = stream.refusal->status, .last = true}, never);
      return;
    }
    const auto piece = stream.next_piece();
    require(piece && piece->size() <= kSettings.stream_window);
    if (stream.bytes_out() == 0) (void)stream.send({.status = 200, .lines = "X-Echo: 1\r\n"}, never);
    (void)stream.send({.piece = *piece, .last = stream.is_done()}, never);
    stream.release();
  }
  void send() {
    std::string piece;
    for (;;) {
      core_.produce();
      core_.take_output(piece);
      if (piece.empty()) break;
      require(piece.size() <= H2Core::kOutputBytes);
      sent_ += piece;
    }
    while (sent_.size() >= 9) {
      const size_t size = static_cast<uint8_t>(sent_[0]) << 16 | static_cast<uint8_t>(sent_[1]) << 8 |
                          static_cast<uint8_t>(sent_[2]);
      require(size <= 16384);
      if (sent_.size() < 9 + size) break;
      sent_.erase(0, 9 + size);
    }
    require(sent_.empty());
    if (core_.fault()) require(core_.is_finished());
  }

  std::unique_ptr<H2Stream> make_stream(H2Core& core) override {
    return std::make_unique<H2ServerStream>(core);
  }
  void on_request(std::unique_ptr<H2Stream> stream) override {
    requests_.emplace_back(static_cast<H2ServerStream*>(stream.release()));
    const H2ServerStream& request = *requests_.back();
    if (!request.refusal) {
      require(!request.head.host.empty() && !request.head.method_text.empty());
      require(request.head.fields.size() <= kSettings.head.fields + 1);
      for (const Field& field : request.head.fields) {
        require(!field.name.empty());
        require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
      }
    }
    seen += std::to_string(request.id()) + std::string(request.head.target) + "\n";
  }
  void on_output() override {}

  H2Core core_{H2Core::Role::server, kSettings, *this};
  std::vector<H2ServerStreamPtr> requests_;
  std::string unread_;
  std::string sent_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Server whole;
  whole.feed(kGreeting);
  whole.feed(bytes);
  Server split;
  split.feed(kGreeting);
  for (const char& byte : bytes) split.feed({&byte, 1});
  // Answers come at other times, so streams end at others, and with them a connection whose client has said
  // goodbye: only the first request of one that goes on is surely the same.
  require(split.is_finished() || split.seen.starts_with(whole.seen.substr(0, whole.seen.find('\n'))));
  return 0;
}
