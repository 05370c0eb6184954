// A value that one side replaces as a whole and worker threads read: each reader keeps the version it saw and
// looks at one number to know that there is no newer one.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

namespace weir::balance {

template <typename T>
class Published {
 public:
  explicit Published(std::shared_ptr<const T> value) : value_(std::move(value)) {}

  void publish(std::shared_ptr<const T> value) {
    {
      const std::lock_guard lock(mutex_);
      value_.swap(value);
      version_.fetch_add(1, std::memory_order_release);
    }
    // The old value ends here, outside the lock, unless a reader has it.
  }
  std::shared_ptr<const T> get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }

  // For one thread. What is published must outlive it.
  class Reader {
   public:
    explicit Reader(const Published& source) : source_(&source) { refresh(); }
    // Good until the next call, and as long as the pointer is held: copy it before an await.
    const std::shared_ptr<const T>& get() {
      if (source_->version_.load(std::memory_order_acquire) != version_) refresh();
      return value_;
    }

   private:
    void refresh() {
      const std::lock_guard lock(source_->mutex_);
      value_ = source_->value_;
      version_ = source_->version_.load(std::memory_order_relaxed);
    }
    const Published* source_;
    std::shared_ptr<const T> value_;
    uint64_t version_ = 0;
  };

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
  std::atomic<uint64_t> version_ = 1;
};

}  // namespace weir::balance
