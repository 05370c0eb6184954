// weir-locker: a server for locks, leases and leader election.

#include "cmd/weir-locker/service.hh"
#include "pkg/daemon/program.hh"

namespace {

using namespace weir;

daemon::Flag flag(const char* name, const char* value, const char* help, const char* key) {
  return {name, value, help, [name, key](const std::string& argument) {
            return std::vector<config::Setting>{{key, argument, name}};
          }};
}

std::vector<daemon::Flag> flags() {
  return {flag("--listen", "ADDRESS", "take HTTP requests there: 127.0.0.1:7420, unix:PATH, fd:3",
               "server.listen"),
          flag("--redis", "ADDRESS", "serve Redis clients there, such as 127.0.0.1:6379", "redis.listen"),
          flag("--etcd", "ADDRESS", "serve etcd clients there, such as 127.0.0.1:2379", "etcd.listen"),
          flag("--store", "WHERE", "keep the state in file:DIRECTORY, or only in memory", "store"),
          flag("--events", "TARGET", "write grants and losses to stdout, file:PATH, unix:PATH or kafka://…",
               "events.to")};
}

constexpr const char* kExamples =
    "  weir-locker --store file:/var/lib/weir/locker --redis 127.0.0.1:6379 --etcd 127.0.0.1:2379\n"
    "      all three doors, one state\n"
    "  curl -d '{\"ttl\": \"30s\"}' http://127.0.0.1:7420/v1/locks/nightly\n"
    "      takes a lock, or is told who has it\n"
    "  weir-lock run backup -- pg_dump app\n"
    "      holds a lock while a command runs\n"
    "  redis-cli set nightly \"$RANDOM\" nx px 30000\n"
    "      the same lock from a Redis client\n"
    "  etcdctl lock nightly ./job\n"
    "      and from an etcd client\n";

}  // namespace

int main(int argc, char** argv) {
  const daemon::Program<locker::Config> program{
      .name = "weir-locker",
      .summary = "Server for locks, leases and leader election.",
      .examples = kExamples,
      .table = locker::config_table(),
      .flags = flags(),
      .make = locker::Service::make,
      .reload =
          [](daemon::Service& service, const locker::Config& config) {
            return static_cast<locker::Service&>(service).reload(config);
          },
      .listen_points = locker::listen_points};
  return daemon::run(argc, argv, program);
}
