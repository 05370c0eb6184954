// What bounds an HTTP/2 connection, in front and to a server alike.
//
// Memory of one connection, at most, beside its socket's receive buffer of 64 KiB:
//   2 * connection_window                      content received and not yet taken, in strings that grow
//   + 2 * 64 KiB                               frames on their way to the socket
//   + streams * 2 * (head.line + head.bytes)   heads and trailers; also of reset streams still at work
//   + 2 * 4 KiB                                HPACK tables
// With the defaults 8.2 MiB for the worst client there is. An idle connection was measured at 17 KiB, most of
// it nghttp2's.
#pragma once

#include "pkg/base/units.hh"
#include "pkg/http/head.hh"

namespace weir::http {

struct H2Settings {
  HeadLimits head = {};
  uint32_t max_concurrent_streams = 128;
  uint32_t stream_window = 128 * 1024;
  uint32_t connection_window = 1024 * 1024;
  Duration head_timeout = std::chrono::seconds(10);   // the preface, and a header block once begun
  Duration idle_timeout = std::chrono::seconds(60);   // without any stream
  Duration write_timeout = std::chrono::seconds(30);  // while the socket takes nothing more
};

}  // namespace weir::http
