#include "pkg/daemon/systemd.hh"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>

#include "pkg/aio/socket.hh"
#include "pkg/base/text.hh"

namespace weir::daemon {
namespace {

std::string_view environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool is_for_us(const char* pid_variable) {
  const std::string_view pid = environment(pid_variable);
  return pid.empty() || parse_uint(pid) == static_cast<uint64_t>(getpid());
}

}  // namespace

void notify_service_manager(std::string_view lines) {
  const std::string_view path = environment("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';  // the abstract namespace
  const aio::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  // Nobody can be told when the manager cannot be.
  (void)sendto(socket.get(), lines.data(), lines.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), size);
}

void notify_reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto micros =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
  notify_service_manager("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros));
}

std::vector<int> take_inherited_sockets() {
  constexpr int kFirst = 3;
  constexpr uint64_t kMost = 1024;
  const auto count = parse_uint(environment("LISTEN_FDS"));
  const bool ours = is_for_us("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDNAMES");
  std::vector<int> sockets;
  if (!count || !ours || *count > kMost) return sockets;
  for (int fd = kFirst; fd < kFirst + static_cast<int>(*count); ++fd) {
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);  // a process that we start takes nothing by accident
    sockets.push_back(fd);
  }
  return sockets;
}

Duration watchdog_interval() {
  const auto micros = parse_uint(environment("WATCHDOG_USEC"));
  if (!micros || !is_for_us("WATCHDOG_PID")) return Duration{0};
  return std::chrono::microseconds(*micros);
}

}  // namespace weir::daemon
