// The libuv side of a Stream, shared by what makes streams: listeners and connect().
#pragma once

#include <uv.h>

#include "pkg/aio/stream.hh"

namespace weir::aio {

struct Stream::State {
  State(Loop& owner, bool is_unix);

  union {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } handle;
  Loop& loop;

  // [pinned, begin) is consumed, [begin, end) is buffered, behind `end` there is room.
  Buffer buffer;
  uint32_t pinned = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
  int error = 0;  // what reading ended with, libuv's negative number

  bool ended = false;      // nothing more will be received
  bool paused = false;     // not reading: the buffer is full
  bool held = false;       // not reading: somebody else reads the descriptor
  bool closing = false;    // uv_close was called
  bool closed = false;     // and has called back
  bool abandoned = false;  // the Stream is gone: the close callback deletes this

  Read* reader = nullptr;
  TaskContext* peer_watcher = nullptr;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;

  size_t room() const { return Buffer::kCapacity - end; }
  void start_reading();
  void resume_reader(size_t count);
  void release_if_empty();
  void close();

  static void on_alloc(uv_handle_t* uv_handle, size_t, uv_buf_t* out);
  static void on_read(uv_stream_t* uv_stream, ssize_t count, const uv_buf_t*);
};

}  // namespace weir::aio
