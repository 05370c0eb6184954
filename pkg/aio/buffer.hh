// Receive buffers. A connection holds one only while bytes are waiting in it, so an idle connection costs its
// handle and its coroutine and nothing else; the pool hands out the one that was used last, which is the one
// the processor's cache still knows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weir::aio {

struct Buffer {
  static constexpr size_t kCapacity = 64 * 1024;
  // Allocated beyond it, so that a full buffer and a head before it still fit into one when they have become
  // TLS records.
  static constexpr size_t kSlack = 2 * 1024;
  std::unique_ptr<char[]> data;
  explicit operator bool() const { return data != nullptr; }
};

class BufferPool {
 public:
  Buffer acquire();
  void release(Buffer buffer);

 private:
  static constexpr size_t kMostKept = 64;  // what a burst used beyond that goes back to malloc
  std::vector<Buffer> free_;
};

}  // namespace weir::aio
