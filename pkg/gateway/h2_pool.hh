// The HTTP/2 connections of one worker to one server. Each carries many requests; another is only opened when
// those that are there take no more.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "pkg/http/h2_client.hh"

namespace weir::gateway {

class H2Pool {
 public:
  using Session = std::shared_ptr<http::H2ClientSession>;

  Session find() const;  // one that takes a request now, or null
  void add(Session session) { sessions_.push_back(std::move(session)); }
  void remove(const Session& session) { std::erase(sessions_, session); }
  bool is_idle() const { return sessions_.empty() && connecting_ == 0 && waiters_ == 0; }
  void drain();

  // Whether the connections that others are opening will have room for one more, as far as is known.
  bool is_room_coming() const { return waiting_.size() < connecting_ * (streams_each_ - 1); }
  // Waits until one of them is open, or failed.
  aio::Task<Result<>> wait_for_other(aio::Deadline deadline);
  // What the server takes on one connection.
  void learn(size_t streams) { streams_each_ = std::clamp<size_t>(streams, 1, kManyStreams); }

  // While it lives, a connection is being opened.
  class Connecting {
   public:
    explicit Connecting(H2Pool& pool) : pool_(pool) { ++pool_.connecting_; }
    ~Connecting() { pool_.end_connecting(); }
    Connecting(const Connecting&) = delete;
    Connecting& operator=(const Connecting&) = delete;

   private:
    H2Pool& pool_;
  };

 private:
  static constexpr size_t kManyStreams = 1 << 20;

  void end_connecting();

  std::vector<Session> sessions_;
  size_t streams_each_ = kManyStreams;
  size_t connecting_ = 0;
  size_t waiters_ = 0;
  std::vector<aio::Event*> waiting_;
};

}  // namespace weir::gateway
