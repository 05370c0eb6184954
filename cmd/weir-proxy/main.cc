// weir-proxy: a rate-limiting reverse proxy.

#include "cmd/weir-proxy/replay.hh"
#include "pkg/daemon/program.hh"
#include "pkg/gateway/config.hh"
#include "pkg/gateway/service.hh"

namespace {

using namespace weir;

std::vector<daemon::Flag> flags() {
  return {
      {"--listen", "ADDRESS", "accept connections there: 127.0.0.1:8080, unix:PATH, fd:3",
       [](const std::string& address) {
         return std::vector<config::Setting>{{"server.listen", address, "--listen"}};
       }},
      {"--upstream", "ADDRESS", "send what no route takes to this server",
       [](const std::string& address) {
         return std::vector<config::Setting>{{"upstream.default.servers", address, "--upstream"}};
       }},
      {"--limit", "RATE", "limit each client address, such as 100/minute",
       [](const std::string& rate) {
         return std::vector<config::Setting>{{"limit[].name", "per-client", "--limit"},
                                             {"limit[-1].rate", rate, "--limit"}};
       }},
      {"--access-log", "TARGET",
       "write access events to stdout, off, file:PATH, unix:PATH or kafka://HOST:PORT/TOPIC",
       [](const std::string& target) {
         return std::vector<config::Setting>{{"access_log.to", target, "--access-log"}};
       }},
  };
}

constexpr const char* kExamples =
    "  weir-proxy --upstream 127.0.0.1:9000 --limit 100/minute\n"
    "      a proxy for one server that limits each client address\n"
    "  weir-proxy --upstream 127.0.0.1:9000 --limit 100/minute --print-config > proxy.toml\n"
    "      the same as a config file to start from\n"
    "  weir-proxy -c proxy.toml --check\n"
    "      every error of a config, or \"ok\"\n"
    "  weir-proxy -c proxy.toml | jq -c 'select(.status >= 500) | {path, server, reason}'\n"
    "      requests that failed, and why\n"
    "  weir-proxy replay access.ndjson -c new.toml\n"
    "      who would have been limited by a new policy\n";

}  // namespace

int main(int argc, char** argv) {
  const daemon::Program<gateway::Config> program{
      .name = "weir-proxy",
      .summary = "Rate-limiting reverse proxy for HTTP/1.1.",
      .examples = kExamples,
      .table = gateway::proxy_table(),
      .flags = flags(),
      .commands = {{"replay", "FILE...",
                    "tell who would have been limited, from a log (FILE -: standard input)",
                    [](const daemon::AnyConfig& config, const std::vector<std::string>& files) {
                      return proxy::replay(*static_cast<const gateway::Config*>(config.config.get()), files);
                    }}},
      .make = gateway::Service::make,
      .reload =
          [](daemon::Service& service, const gateway::Config& config) {
            return static_cast<gateway::Service&>(service).reload(config);
          },
      .listen_points = gateway::listen_points};
  return daemon::run(argc, argv, program);
}
