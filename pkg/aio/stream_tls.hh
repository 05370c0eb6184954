// What a Stream has besides when it speaks TLS.
#pragma once

#include "pkg/aio/stream_state.hh"
#include "pkg/aio/tls_engine.hh"

namespace weir::aio {

struct Stream::Tls {
  std::unique_ptr<TlsEngine> engine;
  // Received and not yet opened: [begin, end). Kept only while the plaintext's buffer is full, one read's
  // worth at most; but for then OpenSSL has all of it.
  Buffer sealed;
  uint32_t begin = 0;
  uint32_t end = 0;
  bool is_full = false;  // opening stopped for want of room: there may be more, here or in OpenSSL
  bool was_cut = false;  // the peer's end of the connection came; it is an error unless TLS's own came before
  bool is_sending = false;          // libuv holds the beginning of the output
  Write* blocked_writer = nullptr;  // OpenSSL wants the rest of a handshake message first

  bool has_held() const { return is_full || begin != end; }
  std::string_view held_bytes() const;
  bool stop_waiting(const Write* write);
  void release_sealed(BufferPool& pool);  // if nothing is in it
  void release_buffers(BufferPool& pool);
};

}  // namespace weir::aio
