// Moves an HTTP/2 connection's bytes between its core and its stream, until one of them has had enough. Both
// kinds of session have one.
#pragma once

#include <functional>
#include <string>

#include "pkg/aio/scope.hh"
#include "pkg/aio/stream.hh"
#include "pkg/http/h2_core.hh"

namespace weir::http {

class H2Connection {
 public:
  H2Connection(aio::Loop& loop, aio::Stream& stream, H2Core& core, const H2Settings& settings);

  // Until the connection is over; `on_received` is called whenever the core has taken something in. When it
  // returns, no stream is under way any more.
  aio::Task<> run(std::function<void()> on_received);
  void wake_writer() { output_.set(); }
  void drain();

 private:
  aio::Task<> read();
  aio::Task<> write();
  aio::Task<> finish_drain();
  aio::Deadline next_check();
  bool is_overdue();

  aio::Loop& loop_;
  aio::Stream& stream_;
  H2Core& core_;
  const H2Settings& settings_;
  std::function<void()> on_received_;
  aio::Scope tasks_;
  aio::Event output_;
  aio::Event over_;
  aio::Event peer_gone_;
  std::string sending_;
  aio::Deadline patience_;  // when what is missing now is overdue
  bool waits_for_head_ = true;
  bool is_idle_ = false;
  bool is_running_ = false;
  bool is_draining_ = false;
  bool is_flushed_ = false;
};

}  // namespace weir::http
