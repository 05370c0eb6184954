// weir-balancer: a load balancer for TCP, UDP and HTTP.

#include "pkg/daemon/program.hh"
#include "pkg/gateway/service.hh"

namespace {

using namespace weir;

std::vector<daemon::Flag> flags() {
  return {
      {"--listen", "ADDRESS", "balance HTTP requests that come in there: 127.0.0.1:8080, unix:PATH, fd:3",
       [](const std::string& address) {
         return std::vector<config::Setting>{{"server.listen", address, "--listen"}};
       }},
      {"--tcp", "ADDRESS", "balance TCP connections that come in there",
       [](const std::string& address) {
         return std::vector<config::Setting>{{"listener[].name", "tcp", "--tcp"},
                                             {"listener[-1].listen", address, "--tcp"},
                                             {"listener[-1].mode", "tcp", "--tcp"},
                                             {"listener[-1].upstream", "default", "--tcp"}};
       }},
      {"--servers", "ADDRESS,...", "the servers to balance over, such as 10.0.0.1:80,10.0.0.2:80",
       [](const std::string& servers) {
         return std::vector<config::Setting>{{"upstream.default.servers", servers, "--servers"}};
       }},
      {"--algorithm", "NAME", "how a server is chosen, such as least_connections or two_choices",
       [](const std::string& name) {
         return std::vector<config::Setting>{{"upstream.default.algorithm", name, "--algorithm"}};
       }},
      {"--access-log", "TARGET",
       "write access events to stdout, off, file:PATH, unix:PATH or kafka://HOST:PORT/TOPIC",
       [](const std::string& target) {
         return std::vector<config::Setting>{{"access_log.to", target, "--access-log"}};
       }},
  };
}

constexpr const char* kExamples =
    "  weir-balancer --listen 127.0.0.1:8080 --servers 10.0.0.1:80,10.0.0.2:80\n"
    "      HTTP requests over two servers\n"
    "  weir-balancer --tcp 127.0.0.1:5432 --servers db1:5432,db2:5432 --algorithm least_connections\n"
    "      TCP connections\n"
    "  weir-balancer --listen 127.0.0.1:8080 --servers 10.0.0.1:80 --print-config > balancer.toml\n"
    "      the same as a config file to start from\n"
    "  weir-balancer -c balancer.toml --check\n"
    "      every error of a config, or \"ok\"\n"
    "  curl -X PUT -H 'Content-Type: application/json' -d '{\"state\": \"draining\"}' \\\n"
    "      http://127.0.0.1:9902/api/upstreams/app/servers/10.0.0.1:80\n"
    "      take a server out of service, gently\n";

}  // namespace

int main(int argc, char** argv) {
  const daemon::Program<gateway::BalancerConfig> program{
      .name = "weir-balancer",
      .summary = "Load balancer for TCP, UDP, HTTP/1.1 and HTTP/2.",
      .examples = kExamples,
      .table = gateway::balancer_table(),
      .flags = flags(),
      .make = gateway::Service::make,
      .reload =
          [](daemon::Service& service, const gateway::BalancerConfig& config) {
            return static_cast<gateway::Service&>(service).reload(config);
          },
      .listen_points = gateway::listen_points};
  return daemon::run(argc, argv, program);
}
