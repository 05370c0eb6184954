#include "pkg/aio/frame_pool.hh"

#include <array>
#include <new>
#include <utility>

namespace weir::aio::detail {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kPooled = false;  // a frame that is used after its end must be seen
#else
constexpr bool kPooled = true;
#endif

// The sizes that malloc has blocks of: an idle connection is mostly frames.
constexpr size_t kStep = 16;
constexpr size_t kMallocHeader = 8;
constexpr size_t kClasses = 128;  // up to 2 KiB; larger frames are malloc's
// What a burst took beyond that goes back to malloc. A request of HTTP/2 that is under way takes 5 KiB, and
// with 64 of each size kept, 512 requests in turns went to malloc for most of it.
constexpr size_t kMostFreeBytes = 4 * 1024 * 1024;

struct FreeFrame {
  FreeFrame* next;
};

struct Pool {
  std::array<FreeFrame*, kClasses> lists{};
  size_t free_bytes = 0;
  ~Pool() {
    for (FreeFrame* first : lists) {
      while (first != nullptr) ::operator delete(std::exchange(first, first->next));
    }
  }
};

thread_local Pool pool;

constexpr size_t class_of(size_t size) {
  return (size + kMallocHeader - 1) / kStep;
}

constexpr size_t size_of(size_t number) {
  return (number + 1) * kStep - kMallocHeader;
}

}  // namespace

void* PooledFrame::operator new(size_t size) {
  const size_t number = class_of(size);
  if (!kPooled || number >= kClasses) return ::operator new(size);
  FreeFrame*& first = pool.lists[number];
  if (first == nullptr) return ::operator new(size_of(number));
  pool.free_bytes -= size_of(number);
  return std::exchange(first, first->next);
}

void PooledFrame::operator delete(void* frame, size_t size) noexcept {
  const size_t number = class_of(size);
  if (!kPooled || number >= kClasses || pool.free_bytes >= kMostFreeBytes) return ::operator delete(frame);
  pool.lists[number] = new (frame) FreeFrame{pool.lists[number]};
  pool.free_bytes += size_of(number);
}

}  // namespace weir::aio::detail
