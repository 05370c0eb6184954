#include "pkg/journal/durability.hh"

#include <atomic>
#include <mutex>

namespace weir::journal {

struct Durability::Shared {
  explicit Shared(Durability* one) : owner(one) {}

  Durability* owner;                      // null when it has gone; of the loop's thread
  std::atomic<aio::Loop*> loop{nullptr};  // null until it is bound
  std::atomic<Sequence> durable{0};
  std::atomic<bool> is_posted{false};
  std::mutex mutex;
  std::optional<Error> failure;
};

Durability::Durability() : shared_(std::make_shared<Shared>(this)) {}

Durability::~Durability() {
  shared_->owner = nullptr;
}

void Durability::attach(Options& options, std::function<void(const Error&)> on_failure) {
  on_failure_ = std::move(on_failure);
  options.on_durable = [shared = shared_](Sequence durable) {
    shared->durable.store(durable);
    aio::Loop* const loop = shared->loop.load();
    if (loop == nullptr || shared->is_posted.exchange(true)) return;  // it has yet to look
    loop->post([shared] {
      shared->is_posted.store(false);
      if (shared->owner != nullptr) shared->owner->advance(shared->durable.load());
    });
  };
  options.on_failure = [shared = shared_](const Error& error) {
    {
      const std::lock_guard lock(shared->mutex);
      shared->failure = error;
    }
    if (aio::Loop* const loop = shared->loop.load()) post_failure(*loop, shared);
  };
}

void Durability::post_failure(aio::Loop& loop, const std::shared_ptr<Shared>& shared) {
  loop.post([shared] {
    const std::lock_guard lock(shared->mutex);
    if (shared->owner != nullptr && !shared->owner->failure_) shared->owner->fail(*shared->failure);
  });
}

// What came before this is seen here; what comes after it sees the loop.
void Durability::bind(aio::Loop& loop) {
  shared_->loop.store(&loop);
  advance(shared_->durable.load());
  const std::lock_guard lock(shared_->mutex);
  if (shared_->failure) post_failure(loop, shared_);
}

void Durability::advance(Sequence durable) {
  durable_ = durable;
  while (first_ != nullptr && first_->sequence_ <= durable_) {
    Wait& wait = *first_;
    remove(wait);
    wait.resume_later();
  }
}

void Durability::fail(const Error& error) {
  failure_ = error;
  while (first_ != nullptr) {
    Wait& wait = *first_;
    remove(wait);
    wait.resume_later();
  }
  if (on_failure_) on_failure_(error);
}

// From the end: who waits for the newest record comes last nearly always.
void Durability::insert(Wait& wait) {
  wait.before_ = last_;
  while (wait.before_ != nullptr && wait.before_->sequence_ > wait.sequence_)
    wait.before_ = wait.before_->before_;
  wait.after_ = wait.before_ != nullptr ? wait.before_->after_ : first_;
  (wait.before_ != nullptr ? wait.before_->after_ : first_) = &wait;
  (wait.after_ != nullptr ? wait.after_->before_ : last_) = &wait;
}

void Durability::remove(Wait& wait) {
  (wait.before_ != nullptr ? wait.before_->after_ : first_) = wait.after_;
  (wait.after_ != nullptr ? wait.after_->before_ : last_) = wait.before_;
}

}  // namespace weir::journal
