// HTTP/2 by hand, for tests: frames as bytes, and a server's core that answers every request.
#pragma once

#include <nghttp2/nghttp2.h>

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pkg/http/h2_core.hh"
#include "pkg/http/h2_server.hh"

namespace h2wire {

enum Type : uint8_t {
  kData,
  kHeaders,
  kPriority,
  kReset,
  kSettings,
  kPush,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation,
};
constexpr uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8, kHasPriority = 0x20;

inline std::string number(uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> 8 * i);
  return out;
}

inline std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload = {}) {
  return number(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + number(stream, 4) +
         std::string(payload);
}

// An HPACK integer below 127 in seven bits, or longer ones.
inline std::string length(size_t size) {
  if (size < 127) return std::string(1, static_cast<char>(size));
  std::string out = "\x7f";
  for (size -= 127; size >= 128; size /= 128) out += static_cast<char>(size % 128 | 128);
  return out += static_cast<char>(size);
}

// A literal field that is not indexed, without Huffman.
inline std::string field(std::string_view name, std::string_view value) {
  return std::string(1, '\0') + length(name.size()) + std::string(name) + length(value.size()) +
         std::string(value);
}

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string block(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += field(name, value);
  return out;
}

inline const Fields kGet = {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}};
inline const Fields kPost = {{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}};

inline Fields with(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

inline std::string get(uint32_t stream, const Fields& fields = kGet) {
  return frame(kHeaders, kEndHeaders | kEndStream, stream, block(fields));
}
// The head of a request whose content follows.
inline std::string post(uint32_t stream, const Fields& fields = kPost) {
  return frame(kHeaders, kEndHeaders, stream, block(fields));
}
inline std::string data(uint32_t stream, std::string_view content, uint8_t flags = 0) {
  return frame(kData, flags, stream, content);
}
inline std::string setting(uint16_t id, uint32_t value) {
  return number(id, 2) + number(value, 4);
}
inline std::string reset(uint32_t stream, uint32_t code) {
  return frame(kReset, 0, stream, number(code, 4));
}

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const std::string kGreeting = kPreface + frame(kSettings, 0, 0) + frame(kSettings, kAck, 0);

struct Frame {
  uint8_t type;
  uint8_t flags;
  uint32_t stream;
  std::string payload;
};

inline uint32_t read_number(std::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

// Takes the whole frames from the front of `bytes`.
inline std::vector<Frame> take_frames(std::string& bytes) {
  std::vector<Frame> out;
  while (bytes.size() >= 9) {
    const size_t size = read_number(bytes.substr(0, 3));
    if (bytes.size() < 9 + size) break;
    out.push_back({static_cast<uint8_t>(bytes[3]), static_cast<uint8_t>(bytes[4]),
                   read_number(bytes.substr(5, 4)), bytes.substr(9, size)});
    bytes.erase(0, 9 + size);
  }
  return out;
}

// Reads header blocks that a peer's encoder wrote.
class Decoder {
 public:
  Decoder() { nghttp2_hd_inflate_new(&inflater_); }
  ~Decoder() { nghttp2_hd_inflate_del(inflater_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  Fields decode(std::string_view bytes) {
    Fields out;
    auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
    size_t left = bytes.size();
    for (;;) {
      nghttp2_nv nv;
      int flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, at, left, 1);
      REQUIRE(used >= 0);
      at += used;
      left -= static_cast<size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
        out.emplace_back(std::string(nv.name, nv.name + nv.namelen),
                         std::string(nv.value, nv.value + nv.valuelen));
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return out;
  }

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

// A server's core without a connection. What it sends is read by the same hands.
class Server : public weir::http::H2Core::Owner {
 public:
  explicit Server(const weir::http::H2Settings& of = {})
      : settings(of), core(weir::http::H2Core::Role::server, settings, *this) {}

  // Shows the core `bytes`, in steps of `step`, and reads what it has to say.
  void feed(std::string_view bytes, size_t step = SIZE_MAX) {
    while (!bytes.empty()) {
      const size_t size = std::min(step, bytes.size());
      unread_ += bytes.substr(0, size);
      bytes.remove_prefix(size);
      unread_.erase(0, core.receive(unread_, now_ms));
      if (answers_requests) answer_all();
      collect();
    }
  }
  void collect() {
    std::string piece;
    for (;;) {
      core.produce();
      core.take_output(piece);
      if (piece.empty()) break;
      unsent_ += piece;
    }
    for (Frame& each : take_frames(unsent_)) note(std::move(each));
  }
  // 200 with the content that has come, as soon as all of it has.
  void answer_all() {
    for (auto& request : requests) {
      if (request == nullptr || request->end() != weir::http::H2End::open) continue;
      std::string& body = received[request->id()];
      body += *request->next_piece();
      request->release();
      if (!request->is_done() && !request->refusal) continue;
      const int status = request->refusal ? request->refusal->status : 200;
      (void)request->send({.status = status, .piece = body, .last = true}, weir::aio::Deadline::never());
    }
  }

  std::optional<uint32_t> goaway() const {
    for (const Frame& each : sent) {
      if (each.type == kGoaway) return read_number(each.payload.substr(4, 4));
    }
    return std::nullopt;
  }
  std::optional<uint32_t> reset_of(uint32_t stream) const {
    for (const Frame& each : sent) {
      if (each.type == kReset && each.stream == stream) return read_number(each.payload);
    }
    return std::nullopt;
  }
  std::string status_of(uint32_t stream) const {
    const auto found = heads.find(stream);
    return found == heads.end() ? "" : found->second.front().second;
  }
  size_t count(uint8_t type) const {
    return static_cast<size_t>(std::ranges::count_if(sent, [&](const Frame& f) { return f.type == type; }));
  }

  weir::http::H2Settings settings;
  weir::http::H2Core core;
  std::vector<weir::http::H2ServerStreamPtr> requests;
  std::vector<Frame> sent;
  std::map<uint32_t, Fields> heads;          // first header block of each stream
  std::map<uint32_t, std::string> contents;  // of DATA that was sent
  std::map<int32_t, std::string> received;
  uint64_t now_ms = 1000;
  bool answers_requests = true;

 private:
  void note(Frame each) {
    if (each.type == kHeaders) {
      const Fields fields = decoder_.decode(each.payload);
      heads.emplace(each.stream, fields);
      last_block = fields;
    }
    if (each.type == kData) contents[each.stream] += each.payload;
    sent.push_back(std::move(each));
  }
  std::unique_ptr<weir::http::H2Stream> make_stream(weir::http::H2Core& of) override {
    return std::make_unique<weir::http::H2ServerStream>(of);
  }
  void on_request(std::unique_ptr<weir::http::H2Stream> stream) override {
    requests.emplace_back(static_cast<weir::http::H2ServerStream*>(stream.release()));
  }
  void on_output() override {}

  std::string unread_;
  std::string unsent_;
  Decoder decoder_;

 public:
  Fields last_block;
};

}  // namespace h2wire
