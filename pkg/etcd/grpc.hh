// gRPC as it stands in HTTP/2 messages: messages behind a prefix of five bytes, a status in the trailers, a
// timeout in the head. Pure: what carries it is elsewhere.
//
// After gRPC's "PROTOCOL-HTTP2" description. Compression is not spoken: none is announced, so none may come.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "pkg/base/units.hh"

namespace weir::etcd {

enum class Code : uint8_t {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

// How a call ended.
struct Status {
  Code code = Code::ok;
  std::string message = {};
  bool operator==(const Status&) const = default;
};

template <typename T = void>
using Reply = std::expected<T, Status>;

inline std::unexpected<Status> refuse(Code code, std::string message) {
  return std::unexpected(Status{code, std::move(message)});
}

// As field lines: "grpc-status: 5\r\n" and, where there is something to say, "grpc-message: …\r\n".
std::string status_lines(const Status& status);
// A message's bytes that a field cannot carry as "%XX".
std::string percent_encode(std::string_view text);

// "100m": a number of at most eight digits and its unit, from hours (H) to nanoseconds (n).
std::optional<Duration> parse_timeout(std::string_view text);

// "application/grpc", with "+proto" or parameters behind it or not: messages of protobuf.
bool is_grpc_content(std::string_view content_type);

// "/package.Service/Method".
struct MethodPath {
  std::string_view service;
  std::string_view method;
};
std::optional<MethodPath> parse_method_path(std::string_view path);

constexpr size_t kPrefixBytes = 5;
// Makes of a message what is sent: reserve_prefix(), append the message to `out`, set_prefix(). `at` is where
// the prefix begins.
size_t reserve_prefix(std::string& out);
void set_prefix(std::string& out, size_t at);

// Takes messages out of the bytes as they come in, in whatever pieces.
class MessageReader {
 public:
  explicit MessageReader(size_t limit) : limit_(limit) {}

  void feed(std::string_view bytes);
  // The next message, valid until the next feed(); nothing: more must come. An error, which stays, when a
  // message is larger than the limit (before it is held) or compressed.
  Reply<std::optional<std::string_view>> next();
  // Nothing of a message is there.
  bool is_between() const { return buffer_.size() == taken_; }

 private:
  size_t limit_;
  std::string buffer_;
  size_t taken_ = 0;  // bytes at its front
};

}  // namespace weir::etcd
