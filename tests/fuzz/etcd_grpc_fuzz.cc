// gRPC's framing gives the same messages however the bytes are split, and never more than it was given; what
// is in them is parsed as the request that a server gets most.

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "pkg/etcd/grpc.hh"
#include "pkg/etcd/rpc.pb.h"

namespace {

using weir::etcd::MessageReader;

constexpr size_t kLimit = 1000;

struct Read {
  std::vector<std::string> messages;
  bool is_refused = false;
  bool operator==(const Read&) const = default;
};

Read read(std::string_view bytes, size_t piece) {
  MessageReader reader(kLimit);
  Read read;
  for (size_t at = 0; at < bytes.size() && !read.is_refused; at += piece) {
    reader.feed(bytes.substr(at, piece));
    for (;;) {
      const auto message = reader.next();
      read.is_refused = !message.has_value();
      if (!message || !*message) break;
      read.messages.emplace_back(**message);
    }
  }
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Read whole = read(bytes, bytes.size() + 1);
  if (read(bytes, 1 + data[0] % 16) != whole) std::abort();
  for (const std::string& message : whole.messages) {
    if (message.size() > kLimit) std::abort();
    etcdserverpb::TxnRequest request;
    if (request.ParseFromString(message)) (void)request.SerializeAsString();
  }
  for (const char c : weir::etcd::percent_encode(bytes)) {
    if (c < ' ' || c > '~') std::abort();
  }
  (void)weir::etcd::parse_timeout(bytes);
  (void)weir::etcd::parse_method_path(bytes);
  (void)weir::etcd::is_grpc_content(bytes);
  return 0;
}
