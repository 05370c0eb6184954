// What it costs a tunnel to carry bytes between two TCP connections over loopback: processor time of the
// tunnel's thread a gigabyte, spliced and copied, and a round trip of a small message. The sizes and counts
// in pkg/aio/tunnel.cc and pipe.cc come from here.

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "pkg/aio/connect.hh"
#include "pkg/aio/tunnel.hh"

using namespace weir;
using namespace weir::aio;

namespace {

// Of this thread: what the peers' threads do doesn't count.
double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

void check(bool worked) {
  if (worked) return;
  perror("tunnel_bench");
  exit(1);
}

std::pair<Descriptor, Descriptor> tcp_pair() {
  auto sockets = open_listening(*Address::parse_listen("127.0.0.1:0"), 1);
  check(sockets.has_value());
  sockaddr_storage storage;
  const socklen_t size = local_address(sockets->front().get())->to_sockaddr(storage);
  Descriptor near(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  check(connect(near.get(), reinterpret_cast<sockaddr*>(&storage), size) == 0);
  return {std::move(near), Descriptor(accept(sockets->front().get(), nullptr, nullptr))};
}

struct Run {
  double processor = 0;
  double wall = 0;
};

Task<> carry(Loop& loop, Descriptor client, Descriptor upstream, bool may_splice, Run& out) {
  Stream client_stream = std::move(*adopt(loop, std::move(client)));
  Stream upstream_stream = std::move(*adopt(loop, std::move(upstream)));
  Tunnel tunnel(loop, client_stream, upstream_stream, {.may_splice = may_splice});
  timespec begun{};
  clock_gettime(CLOCK_MONOTONIC, &begun);
  const double start = processor_seconds();
  co_await tunnel.run();
  out.processor = processor_seconds() - start;
  timespec ended{};
  clock_gettime(CLOCK_MONOTONIC, &ended);
  out.wall = static_cast<double>(ended.tv_sec - begun.tv_sec) +
             static_cast<double>(ended.tv_nsec - begun.tv_nsec) / 1e9;
  loop.stop();
}

// Runs a tunnel on this thread while `talk_client` and `talk_upstream` talk through it on threads of theirs.
template <typename Client, typename Upstream>
Run measure(bool may_splice, Client talk_client, Upstream talk_upstream) {
  auto [client, inner_client] = tcp_pair();
  auto [upstream, inner_upstream] = tcp_pair();
  std::thread client_thread(talk_client, client.get());
  std::thread upstream_thread(talk_upstream, upstream.get());
  Run result;
  {
    Loop loop;
    Scope scope(loop);
    loop.post([&] {
      scope.spawn(carry(loop, std::move(inner_client), std::move(inner_upstream), may_splice, result));
    });
    loop.run();
  }
  client_thread.join();
  upstream_thread.join();
  return result;
}

void write_bulk(int fd, size_t total, size_t piece_size) {
  const std::vector<char> piece(piece_size, 'x');
  for (size_t sent = 0; sent < total; sent += piece.size()) {
    for (size_t done = 0; done < piece.size();) {
      const ssize_t count = send(fd, piece.data() + done, piece.size() - done, 0);
      check(count > 0);
      done += static_cast<size_t>(count);
    }
  }
  shutdown(fd, SHUT_WR);
}

void read_to_end(int fd) {
  std::vector<char> piece(256 * 1024);
  while (recv(fd, piece.data(), piece.size(), 0) > 0) {
  }
  shutdown(fd, SHUT_WR);
}

void bulk(size_t piece, bool may_splice) {
  constexpr size_t kTotal = size_t{4} << 30;
  const Run run = measure(
      may_splice, [piece](int fd) { write_bulk(fd, kTotal, piece); }, read_to_end);
  const double gigabytes = static_cast<double>(kTotal) / 1e9;
  std::printf("bulk, sent in pieces of %4zu KiB  %-8s %6.0f ms of processor a GB  %5.2f GB/s\n", piece / 1024,
              may_splice ? "spliced" : "copied", run.processor * 1e3 / gigabytes, gigabytes / run.wall);
}

void round_trips(size_t message, bool may_splice) {
  constexpr int kRounds = 100'000;
  const auto ask = [message](int fd) {
    std::string bytes(message, 'x');
    for (int i = 0; i < kRounds; ++i) {
      check(send(fd, bytes.data(), message, 0) == static_cast<ssize_t>(message));
      check(recv(fd, bytes.data(), message, MSG_WAITALL) == static_cast<ssize_t>(message));
    }
    shutdown(fd, SHUT_WR);
  };
  const auto echo = [message](int fd) {
    std::string bytes(message, 'x');
    while (recv(fd, bytes.data(), message, MSG_WAITALL) == static_cast<ssize_t>(message)) {
      check(send(fd, bytes.data(), message, 0) == static_cast<ssize_t>(message));
    }
    shutdown(fd, SHUT_WR);
  };
  const Run run = measure(may_splice, ask, echo);
  std::printf("round trip of %6zu bytes          %-8s %6.2f us of processor\n", message,
              may_splice ? "spliced" : "copied", run.processor * 1e6 / kRounds);
}

}  // namespace

int main() {
  for (const size_t message : {100, 4096, 65536}) {
    for (const bool may_splice : {false, true}) round_trips(message, may_splice);
  }
  for (const size_t piece : {4, 16, 64, 256}) {
    for (const bool may_splice : {false, true}) bulk(piece * 1024, may_splice);
  }
}
