// One question to c-ares as something to await.
#pragma once

#include <ares.h>

#include <map>
#include <memory>
#include <optional>

#include "pkg/aio/descriptor_watch.hh"
#include "pkg/dns/message.hh"
#include "pkg/dns/resolver.hh"

namespace weir::dns::detail {

// A c-ares channel that is driven by a loop: its sockets are watched, its timeouts are timers of the wheel.
class Channel final : private aio::Timer {
 public:
  explicit Channel(aio::Loop& loop) : loop_(loop) {}
  ~Channel() { close(); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  Result<> open(const ResolverSettings& settings);
  // Whatever was asked ends by a callback with ARES_EDESTRUCTION. Not from within a callback.
  void close();
  ares_channel get() const { return channel_; }
  // To be called after each question.
  void schedule();

 private:
  void watch(int fd, bool readable, bool writable);
  void process(int readable_fd, int writable_fd);
  void on_timer() override { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

  aio::Loop& loop_;
  ares_channel channel_ = nullptr;
  std::map<int, std::unique_ptr<aio::DescriptorWatch>> watches_;
};

class Query : public aio::Operation {
 public:
  Query(aio::Loop& loop, const ResolverSettings& settings, const std::string& name, aio::Deadline deadline)
      : channel_(loop), settings_(settings), name_(name), deadline_(deadline) {}
  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!start(handle, *handle.promise().context, deadline_)) return false;
    ask();
    return true;
  }

 protected:
  ~Query() = default;
  virtual void begin(ares_channel channel, const char* name) = 0;
  // The answer has come; the task goes on in the loop's next turn, when c-ares is off the stack.
  void end(int status);
  bool has_ended() const { return ended_; }
  Result<> result() const;
  const std::string& name() const { return name_; }

 private:
  void ask();
  void on_interrupt() override;

  Channel channel_;
  const ResolverSettings& settings_;
  const std::string& name_;
  aio::Deadline deadline_;
  std::optional<Error> error_;  // what kept us from asking
  int status_ = ARES_SUCCESS;
  bool ended_ = false;
};

class AddressQuery final : public Query {
 public:
  using Query::Query;
  Result<Addresses> await_resume();

 private:
  void begin(ares_channel channel, const char* name) override;
  static void on_answer(void* self, int status, int timeouts, ares_addrinfo* list);
  void take(const ares_addrinfo& list);

  Addresses found_;
};

class ServiceQuery final : public Query {
 public:
  using Query::Query;
  Result<ServiceRecords> await_resume();

 private:
  void begin(ares_channel channel, const char* name) override;
  static void on_answer(void* self, int status, int timeouts, unsigned char* bytes, int size);

  Result<ServiceRecords> found_;
};

}  // namespace weir::dns::detail
