// Where coroutine frames come from: lists of free frames by size, one set a thread. A request passes through
// a dozen coroutines; malloc, which serves frames of more than a kilobyte from its slow path, was 4% of its
// cost.
#pragma once

#include <cstddef>

namespace weir::aio::detail {

// Derive a promise type from it.
struct PooledFrame {
  static void* operator new(size_t size);
  static void operator delete(void* frame, size_t size) noexcept;
};

}  // namespace weir::aio::detail
