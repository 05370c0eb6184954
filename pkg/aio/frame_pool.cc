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
constexpr size_t kMostFree = 64;  // of each class: what a burst took goes back to malloc

struct FreeFrame {
  FreeFrame* next;
};

struct FreeList {
  FreeFrame* first = nullptr;
  size_t count = 0;
};

struct Pool {
  std::array<FreeList, kClasses> lists;
  ~Pool() {
    for (FreeList& list : lists) {
      while (list.first != nullptr) ::operator delete(std::exchange(list.first, list.first->next));
    }
  }
};

thread_local Pool pool;

constexpr size_t class_of(size_t size) {
  return (size + kMallocHeader - 1) / kStep;
}

constexpr size_t largest_of(size_t number) {
  return (number + 1) * kStep - kMallocHeader;
}

}  // namespace

void* PooledFrame::operator new(size_t size) {
  const size_t number = class_of(size);
  if (!kPooled || number >= kClasses) return ::operator new(size);
  FreeList& list = pool.lists[number];
  if (list.first == nullptr) return ::operator new(largest_of(number));
  --list.count;
  return std::exchange(list.first, list.first->next);
}

void PooledFrame::operator delete(void* frame, size_t size) noexcept {
  const size_t number = class_of(size);
  if (!kPooled || number >= kClasses || pool.lists[number].count == kMostFree)
    return ::operator delete(frame);
  FreeList& list = pool.lists[number];
  list.first = new (frame) FreeFrame{list.first};
  ++list.count;
}

}  // namespace weir::aio::detail
