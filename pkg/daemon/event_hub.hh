// What happens to the daemon, as server-sent events: published from any thread, kept for those who come back,
// sent to those who listen at /events.
//
// The events that are kept are also everyone's queue: a client holds no more than its place in them. Who
// falls behind the oldest loses its connection; when it comes back it is told that it has missed some.
#pragma once

#include <atomic>
#include <deque>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pkg/aio/operation.hh"
#include "pkg/base/clock.hh"
#include "pkg/http/server.hh"

namespace weir::daemon {

class EventHub {
 public:
  static constexpr size_t kMostEvents = 1024;
  static constexpr size_t kMostBytes = 512 * 1024;  // of their text; the oldest go first
  static constexpr size_t kMostEventBytes = 16 * 1024;
  static constexpr Duration kHeartbeat = std::chrono::seconds(15);

  struct Member {
    std::string_view key;
    std::variant<std::string_view, uint64_t, double, bool> value;
    Member(std::string_view name, std::string_view text) : key(name), value(text) {}
    Member(std::string_view name, const std::string& text) : key(name), value(std::string_view(text)) {}
    Member(std::string_view name, const char* text) : key(name), value(std::string_view(text)) {}
    Member(std::string_view name, uint64_t number) : key(name), value(number) {}
    Member(std::string_view name, double number) : key(name), value(number) {}
    Member(std::string_view name, bool truth) : key(name), value(truth) {}
  };

  // `loop` is where the clients are served. `start` tells this process's events from another's.
  EventHub(aio::Loop& loop, WallTime start);

  // From any thread: {"time":…,"event":type, …members}. Holds a lock for as long as it takes to put the text
  // in its place; waits for no client. `type` is a word of letters and underscores.
  void publish(std::string_view type, std::initializer_list<Member> members = {});

  // What follows is for the loop's thread.
  // Sends what was kept after the event `last_id` names (nothing before now without one), then what comes.
  aio::Task<> serve(std::string last_id, http::BodyWriter& out);
  size_t clients() const { return clients_.size(); }
  uint64_t dropped_clients() const { return dropped_clients_.load(std::memory_order_relaxed); }

 private:
  struct Client {
    uint64_t next;  // number of the event to send next
    aio::TaskContext* task;
    aio::Event arrived = {};
  };
  // A client's place among the clients.
  struct Registration {
    EventHub& hub;
    Client& client;
    Registration(EventHub& owner, Client& one);
    ~Registration();
  };
  // Where a client goes on, and what it is told first.
  struct Resumption {
    uint64_t next;
    std::string greeting;
  };

  Resumption resume(std::string_view last_id);
  // Up to kMostBatchBytes of events from `next` on, which moves. Nothing: they are gone already.
  std::optional<std::string> take(uint64_t& next);
  void deliver();

  aio::Loop& loop_;
  const std::string epoch_;
  std::vector<Client*> clients_;
  std::atomic<uint64_t> dropped_clients_ = 0;

  std::mutex mutex_;  // guards what follows
  std::deque<std::string> kept_;
  size_t kept_bytes_ = 0;
  uint64_t end_ = 1;  // the number of the next event; the oldest that is kept has end_ - kept_.size()
  bool is_listened_to_ = false;
  bool is_delivery_posted_ = false;
};

}  // namespace weir::daemon
