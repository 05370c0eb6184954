#include "pkg/daemon/listening.hh"

#include <algorithm>
#include <set>

#include "pkg/daemon/log.hh"

namespace weir::daemon {
namespace {

constexpr std::string_view kStreamKey = "stream ";
constexpr std::string_view kDatagramKey = "datagram ";

// Two points with one key are served by the same sockets. Each that takes a free port has its own.
std::string key_of(const ListenPoint& point) {
  std::string key(point.kind == ListenPoint::Kind::datagram ? kDatagramKey : kStreamKey);
  key += point.address.to_string();
  if (point.address.kind == Address::Kind::ip && point.address.port == 0) key += " " + point.name;
  return key;
}

std::string describe(const ListenPoint& point) {
  const std::string address = point.address.to_string();
  return point.name == address ? address : point.name + " (" + address + ")";
}

void log_point(std::string_view message, const ListenPoint& point, const std::string& bound) {
  if (point.name == point.address.to_string()) {
    log::info(message, {{"listen", bound}});
  } else {
    log::info(message, {{"listen", bound}, {"name", point.name}});
  }
}

}  // namespace

Result<std::vector<aio::Descriptor>> Listening::open_sockets(const ListenPoint& point) {
  const bool is_stream = point.kind == ListenPoint::Kind::stream;
  const auto offered = offered_.find(key_of(point));
  if (offered != offered_.end()) {
    taken_over_.push_back(offered->first);
    auto sockets = std::move(offered->second);
    offered_.erase(offered);
    // All of them are served, or those who wait in their queues would wait in vain.
    if (auto more = aio::add_siblings(sockets, workers_.size()); !more) return std::unexpected(more.error());
    return sockets;
  }
  const bool missing = point.address.kind == Address::Kind::inherited_fd &&
                       std::ranges::find(inherited_, point.address.fd) == inherited_.end();
  if (missing) return fail(Errc::not_found, "no such socket was handed over ($LISTEN_FDS)");
  return is_stream ? aio::open_listening(point.address, workers_.size())
                   : aio::open_datagram(point.address, workers_.size());
}

Result<Listening::Open> Listening::open(const ListenPoint& point) {
  auto sockets = open_sockets(point);
  if (!sockets) return std::unexpected(std::move(sockets.error()));
  const auto bound = aio::local_address(sockets->front().get());
  return Open{std::make_shared<const ListenPoint>(point),
              bound ? bound->to_string() : point.address.to_string(), std::move(*sockets)};
}

Result<std::map<std::string, Listening::Open>> Listening::open_new(const std::vector<ListenPoint>& points) {
  std::map<std::string, Open> opened;
  for (const ListenPoint& point : points) {
    const std::string key = key_of(point);
    if (opened.contains(key)) return fail(Errc::invalid, "listen " + describe(point) + ": given twice");
    if (open_.contains(key)) continue;
    auto one = open(point);
    if (!one) return std::unexpected(std::move(one.error()).context("listen " + describe(point)));
    opened.emplace(key, std::move(*one));
  }
  return opened;
}

Result<> Listening::listen(const std::vector<ListenPoint>& points) {
  auto opened = open_new(points);
  if (!opened) return std::unexpected(std::move(opened.error()));
  for (auto& [key, open] : *opened) {
    if (auto handed = hand_to_workers(open); !handed) return handed;
    log_point("listening", *open.point, open.bound);
  }
  std::set<std::string> wanted;
  for (const ListenPoint& point : points) {
    const auto known = open_.find(*wanted.insert(key_of(point)).first);
    if (known != open_.end() && *known->second.point != point) rename(known->second, point);
  }
  for (const auto& [key, open] : open_) {
    if (wanted.contains(key)) continue;
    for (const auto& worker : workers_) worker->stop_listening(open.point);
    log_point("stops listening", *open.point, open.bound);
  }
  std::erase_if(open_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  open_.merge(*opened);
  offered_.clear();  // what is not wanted is closed by who has offered it: nobody may wait in its queue here
  return {};
}

Result<> Listening::hand_to_workers(const Open& open) {
  for (size_t i = 0; i < open.sockets.size(); ++i) {
    auto copy = aio::duplicate(open.sockets[i]);
    if (!copy) return std::unexpected(std::move(copy.error()).context("listen " + describe(*open.point)));
    workers_[i % workers_.size()]->listen(open.point, std::move(*copy));
  }
  return {};
}

// The socket stays; connections from now on know the point by what the config calls it now.
void Listening::rename(Open& open, const ListenPoint& point) {
  const auto before = std::exchange(open.point, std::make_shared<const ListenPoint>(point));
  const bool is_stream = point.kind == ListenPoint::Kind::stream;
  for (const auto& worker : workers_) {
    if (is_stream) {
      worker->rename(before, open.point);
    } else {
      worker->stop_listening(before);
    }
  }
  if (is_stream) return;
  if (const auto handed = hand_to_workers(open); !handed)
    log::error("cannot listen", {{"reason", handed.error().message}});
}

void Listening::forget_sockets() {
  for (auto& [key, open] : open_) open.sockets.clear();
}

void Listening::take_over(std::map<std::string, std::vector<aio::Descriptor>>& sockets) {
  for (auto next = sockets.begin(); next != sockets.end();) {
    const auto entry = next++;
    const bool is_ours = entry->first.starts_with(kStreamKey) || entry->first.starts_with(kDatagramKey);
    if (is_ours && !entry->second.empty()) offered_.insert(sockets.extract(entry));
  }
}

Result<std::vector<OfferedSocket>> Listening::offer() const {
  std::vector<OfferedSocket> offered;
  for (const auto& [key, open] : open_) {
    for (const aio::Descriptor& socket : open.sockets) {
      auto copy = aio::duplicate(socket);
      if (!copy) return std::unexpected(std::move(copy.error()));
      offered.push_back({key, std::move(*copy)});
    }
  }
  return offered;
}

void Listening::leave(const std::vector<std::string>& keys) {
  for (auto& [key, open] : open_) {
    if (std::ranges::find(keys, key) == keys.end()) continue;
    open.is_left = true;
    for (const auto& worker : workers_) worker->leave(open.point);
  }
}

void Listening::come_back() {
  for (auto& [key, open] : open_) {
    if (!std::exchange(open.is_left, false)) continue;
    if (const auto handed = hand_to_workers(open); !handed)
      log::error("cannot listen", {{"reason", handed.error().message}});
  }
}

std::vector<std::string> Listening::bound() const {
  std::vector<std::string> addresses;
  for (const auto& [key, open] : open_) addresses.push_back(open.bound);
  return addresses;
}

std::vector<int> Listening::unused_inherited() const {
  std::vector<int> unused;
  for (const int fd : inherited_) {
    const bool is_used = std::ranges::any_of(open_, [fd](const auto& entry) {
      return entry.second.point->address.kind == Address::Kind::inherited_fd &&
             entry.second.point->address.fd == fd;
    });
    if (!is_used) unused.push_back(fd);
  }
  return unused;
}

}  // namespace weir::daemon
