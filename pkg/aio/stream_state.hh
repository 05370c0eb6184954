// The libuv side of a Stream, shared by what makes streams: listeners and connect().
#pragma once

#include <uv.h>

#include "pkg/aio/stream.hh"

namespace weir::aio {

enum class TlsStep;

struct Stream::State {
  State(Loop& owner, bool is_unix);
  State(Loop& owner, int family);  // TCP, with a socket
  ~State();

  union {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } handle;

  // [pinned, begin) is consumed, [begin, end) is buffered, behind `end` there is room.
  Buffer buffer;
  uint32_t pinned = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
  int16_t error = 0;           // what reading ended with, libuv's negative number
  bool ended : 1 = false;      // nothing more will be received
  bool paused : 1 = false;     // not reading: the buffer is full
  bool held : 1 = false;       // not reading: somebody else reads the descriptor
  bool closing : 1 = false;    // uv_close was called
  bool closed : 1 = false;     // and has called back
  bool abandoned : 1 = false;  // the Stream is gone: the close callback deletes this

  std::unique_ptr<Tls> tls;  // null: what is received and sent is what the user sees
  Read* reader = nullptr;
  TaskContext* peer_watcher = nullptr;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;

  Loop& loop() { return Loop::of(handle.stream.loop); }
  size_t room() const { return Buffer::kCapacity - end; }
  void consume(size_t count);
  Result<> finish_sending();
  void make_room();
  void start_reading();
  void after_read(size_t fresh);
  void resume_reader(size_t count);
  void release_if_empty();
  void receive_now();
  void pause_if_full();
  void close();
  void on_closed();

  // Of a TLS stream, in stream_tls.cc.
  void begin_tls(std::unique_ptr<TlsEngine> engine);
  void alloc_sealed(uv_buf_t* out);
  void on_sealed(ssize_t count);
  size_t open_records();
  size_t open_held();
  bool can_take_sealed() const;
  void end_reading(TlsStep step);
  int send_output();
  int queue_output(void* data, void (*on_sent)(uv_write_t*, int));
  void send_close_notify();
  Result<> finish_writing_tls();
  std::string words_for(int error_number) const;

  static void on_alloc(uv_handle_t* uv_handle, size_t, uv_buf_t* out);
  static void on_read(uv_stream_t* uv_stream, ssize_t count, const uv_buf_t*);
};

}  // namespace weir::aio
