// A client's HTTP/2 core, given any bytes as a server's: requests are sent, and whatever the answers are,
// they are understood, refused or reset, and never more is held than the windows allow.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "pkg/http/h2_client.hh"
#include "pkg/http/h2_core.hh"

using namespace weir::http;

namespace {

void require(bool condition) {
  if (!condition) abort();
}

constexpr H2Settings kSettings{.head = {.line = 256, .bytes = 1024, .fields = 16},
                               .max_concurrent_streams = 4,
                               .stream_window = 4096,
                               .connection_window = 65535};

class Client : public H2Core::Owner {
 public:
  Client() {
    for (const std::string_view method : {"GET", "HEAD", "POST"}) {
      streams_.push_back(std::make_unique<H2ClientStream>(core_));
      const bool has_content = method == "POST";
      (void)streams_.back()->send({.method = method,
                                   .scheme = "http",
                                   .authority = "a",
                                   .path = "/",
                                   .piece = has_content ? "content" : "",
                                   .last = true},
                                  weir::aio::Deadline::never());
    }
  }
  void feed(std::string_view bytes) {
    unread_ += bytes;
    unread_.erase(0, core_.receive(unread_, 1000));
    for (auto& stream : streams_) {
      const auto piece = stream->next_piece();
      require(piece && piece->size() <= kSettings.stream_window);
      if (stream->end() == H2End::complete) require(stream->is_done() || !piece->empty());
      stream->release();
    }
    std::string sent;
    core_.produce();
    core_.take_output(sent);
    require(sent.size() <= H2Core::kOutputBytes);
  }

 private:
  std::unique_ptr<H2Stream> make_stream(H2Core&) override { return nullptr; }
  void on_request(std::unique_ptr<H2Stream>) override { abort(); }
  void on_output() override {}

  H2Core core_{H2Core::Role::client, kSettings, *this};
  std::vector<H2ClientStreamPtr> streams_;
  std::string unread_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Client whole;
  whole.feed(bytes);
  Client split;
  for (const char& byte : bytes) split.feed({&byte, 1});
  return 0;
}
