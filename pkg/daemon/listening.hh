// Where a daemon listens, as the main thread knows it: sockets are opened here and handed to the workers, one
// each. What a reload leaves as it is is not touched: closing a socket would reset those who wait in its
// queue.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pkg/daemon/successor.hh"
#include "pkg/daemon/worker_thread.hh"

namespace weir::daemon {

class Listening {
 public:
  using Workers = std::vector<std::unique_ptr<WorkerThread>>;

  // `inherited`: the descriptors that fd:N may name.
  Listening(Workers& workers, std::vector<int> inherited)
      : workers_(workers), inherited_(std::move(inherited)) {}

  // Listens there and nowhere else. With an error, which names the point, all stays as it was.
  Result<> listen(const std::vector<ListenPoint>& points);
  // The workers drain by themselves; keeps no socket open any longer than they do.
  void forget_sockets();

  // Sockets of the process before this one, by key: points are served with them where they are here.
  void take_over(std::map<std::string, std::vector<aio::Descriptor>>& sockets);
  // The points that are served with those.
  std::vector<std::string> taken_over() const { return taken_over_; }

  // For a process that takes over from this one: copies of all sockets. Then the points that it serves are
  // left to it, and where it dies at once, served again.
  Result<std::vector<OfferedSocket>> offer() const;
  void leave(const std::vector<std::string>& keys);
  void come_back();

  // The addresses that were bound: they differ from the configured ones for port 0.
  std::vector<std::string> bound() const;
  std::vector<int> unused_inherited() const;

 private:
  struct Open {
    ListenPointPtr point;
    std::string bound;
    std::vector<aio::Descriptor> sockets;  // duplicates of those that the workers have
    bool is_left = false;                  // to another process
  };

  Result<Open> open(const ListenPoint& point);
  Result<std::vector<aio::Descriptor>> open_sockets(const ListenPoint& point);
  Result<std::map<std::string, Open>> open_new(const std::vector<ListenPoint>& points);
  Result<> hand_to_workers(const Open& open);
  void rename(Open& open, const ListenPoint& point);

  Workers& workers_;
  const std::vector<int> inherited_;
  std::map<std::string, Open> open_;  // by what makes a socket the same
  std::map<std::string, std::vector<aio::Descriptor>> offered_;
  std::vector<std::string> taken_over_;
};

}  // namespace weir::daemon
