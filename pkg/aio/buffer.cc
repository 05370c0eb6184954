#include "pkg/aio/buffer.hh"

namespace weir::aio {

Buffer BufferPool::acquire() {
  if (free_.empty()) return {std::make_unique_for_overwrite<char[]>(Buffer::kCapacity + Buffer::kSlack)};
  Buffer buffer = std::move(free_.back());
  free_.pop_back();
  return buffer;
}

void BufferPool::release(Buffer buffer) {
  if (buffer && free_.size() < kMostKept) free_.push_back(std::move(buffer));
}

}  // namespace weir::aio
