#include "pkg/http/h2_memory.hh"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "pkg/aio/frame_pool.hh"

namespace weir::http {
namespace {

using aio::detail::PooledFrame;

// Before each piece of memory, for nghttp2 does not say how much it frees.
struct alignas(std::max_align_t) Prefix {
  size_t size;  // with the prefix
};

Prefix* prefix_of(void* memory) {
  return static_cast<Prefix*>(memory) - 1;
}

void* allocate(size_t size, void*) noexcept {
  const size_t whole = sizeof(Prefix) + size;
  return new (PooledFrame::operator new(whole)) Prefix{whole} + 1;
}

void free(void* memory, void*) noexcept {
  if (memory == nullptr) return;
  Prefix* const prefix = prefix_of(memory);
  PooledFrame::operator delete(prefix, prefix->size);
}

void* allocate_zeroed(size_t count, size_t size, void*) noexcept {
  void* const memory = allocate(count * size, nullptr);
  memset(memory, 0, count * size);
  return memory;
}

void* reallocate(void* memory, size_t size, void*) noexcept {
  void* const moved = allocate(size, nullptr);
  if (memory != nullptr) memcpy(moved, memory, std::min(size, prefix_of(memory)->size - sizeof(Prefix)));
  free(memory, nullptr);
  return moved;
}

}  // namespace

nghttp2_mem* h2_memory() {
  static nghttp2_mem memory{nullptr, allocate, free, allocate_zeroed, reallocate};
  return &memory;
}

}  // namespace weir::http
