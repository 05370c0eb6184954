#include "pkg/gateway/bulkhead_queue.hh"

#include "pkg/aio/operation.hh"

namespace weir::gateway {
namespace {

// A place in the queue. Who grants it may be on another thread, and its wake may arrive after the wait was
// given up: so the wake keeps the ticket alive.
struct QueueTicket final : resilience::Waiter, std::enable_shared_from_this<QueueTicket> {
  explicit QueueTicket(aio::Loop& home) : loop(home) {}
  void on_granted() override {
    loop.post([self = shared_from_this()] { self->granted.set(); });
  }
  aio::Loop& loop;
  aio::Event granted;
};

}  // namespace

aio::Task<resilience::Slot> enter_bulkhead(aio::Loop& loop, const Upstream& upstream) {
  resilience::Bulkhead& bulkhead = upstream.state->bulkhead;
  resilience::Slot slot = bulkhead.try_enter();
  if (slot.is_held()) co_return slot;
  const auto ticket = std::make_shared<QueueTicket>(loop);
  if (!bulkhead.enqueue(*ticket)) co_return resilience::Slot();
  const auto granted = co_await ticket->granted.wait(loop.in(upstream.settings.queue_timeout));
  (void)granted;  // leave_queue() knows better: the place may have been granted this very moment
  co_return bulkhead.leave_queue(*ticket);
}

}  // namespace weir::gateway
