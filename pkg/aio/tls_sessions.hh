// The session that a client resumes with one server: the newest the server gave, for all threads and for as
// many connections as there are.
#pragma once

#include <memory>
#include <mutex>

struct ssl_session_st;

namespace weir::aio {

class TlsSessions {
 public:
  struct Release {
    void operator()(ssl_session_st* session) const;
  };
  using Session = std::unique_ptr<ssl_session_st, Release>;

  void keep(Session session);
  Session newest() const;  // a copy; null: none

 private:
  mutable std::mutex mutex_;
  Session newest_;  // guarded by mutex_
};

}  // namespace weir::aio
