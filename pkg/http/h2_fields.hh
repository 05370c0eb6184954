// The fields of an HTTP/2 message, read strictly (RFC 9113 8.1 to 8.3): what the RFC calls malformed, and
// what means nothing to HTTP even so. No I/O, no HPACK: fields come in decoded, one by one.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "pkg/http/head.hh"

namespace weir::http {

// Text that stays where it is. The first KiB is inside, which most heads fit.
class H2Arena {
 public:
  std::string_view store(std::string_view text);
  char* take(size_t size);

 private:
  static constexpr size_t kInside = 1024;
  static constexpr size_t kBlock = 4096;
  char inside_[kInside];
  char* free_ = inside_;
  size_t left_ = kInside;
  std::vector<std::unique_ptr<char[]>> blocks_;
};

// What a header block is worth.
struct H2Verdict {
  enum class Kind : uint8_t {
    ok,
    malformed,  // RFC 9113 8.1.1: the stream is reset with PROTOCOL_ERROR
    refused,    // well-formed, but nothing to go on with: the request is answered with refusal.status
  };
  Kind kind = Kind::ok;
  Refusal refusal;  // its reason is set for malformed too
};

// Collects one header block after another; one of them serves a whole connection, since blocks never
// interleave.
class H2FieldReader {
 public:
  enum class Block : uint8_t { request, response, trailers };

  explicit H2FieldReader(const HeadLimits& limits) : limits_(limits) {}

  // Fields are added to `fields`, their text to `arena`; both must stay until the block is finished.
  void begin(Block block, H2Arena& arena, FieldList& fields);
  // False: no more of this block need be decoded; it is malformed, or far beyond all limits.
  bool add(std::string_view name, std::string_view value);
  bool is_hopeless() const;  // far beyond

  H2Verdict finish_request(bool end_of_stream, RequestHead& out, std::string_view& scheme);
  // `request` tells whether content can follow.
  H2Verdict finish_response(bool end_of_stream, Method request, ResponseHead& out);
  H2Verdict finish_trailers();

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  void add_regular(std::string_view name, std::string_view value);
  void keep(std::string_view name, std::string_view value, FieldId id);
  void malformed(std::string_view reason);
  void refuse(Refusal refusal);
  void join_cookies();
  void read_request_target(RequestHead& out, std::string_view scheme);
  void read_host(RequestHead& out);

  HeadLimits limits_;
  H2Arena* arena_ = nullptr;
  FieldList* fields_ = nullptr;
  Block block_ = Block::request;
  bool seen_regular_ = false;
  size_t bytes_ = 0;
  size_t count_ = 0;
  std::optional<std::string_view> method_, scheme_, authority_, path_, status_;
  std::optional<std::string_view> host_;
  std::optional<uint64_t> content_length_;
  std::vector<std::string_view> cookies_;
  H2Verdict verdict_;
};

}  // namespace weir::http
