// A schema that uses every feature, for the tests and the fuzzer of pkg/config; and a file system in memory.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkg/base/address.hh"
#include "pkg/base/text.hh"
#include "pkg/config/load.hh"
#include "pkg/config/output.hh"
#include "pkg/config/table.hh"

namespace weir::config::example {

using namespace std::chrono_literals;

enum class Algorithm { token_bucket, leaky_bucket, fixed_window };

// A type that parses itself: "100/minute" without the words.
struct Rate {
  uint64_t count = 100;
  static Result<Rate> parse(std::string_view text) {
    const auto slash = text.find("/s");
    const auto count = weir::parse_uint(text.substr(0, slash));
    if (!count || slash == std::string_view::npos || slash + 2 != text.size()) {
      return fail(Errc::invalid, "\"" + std::string(text) + "\" is not a rate; write it like \"10/s\"");
    }
    return Rate{*count};
  }
  std::string to_string() const { return std::to_string(count) + "/s"; }
  bool operator==(const Rate&) const = default;
};

struct Server {
  std::vector<Address> listen{Address::parse_listen("127.0.0.1:8080").value()};
  uint64_t workers = 0;
  Duration drain_timeout = 30s;
  Bytes max_body{1 << 20};
  double sampling = 0.25;
  bool verbose = false;
  int32_t niceness = 0;
  std::optional<Duration> idle_timeout;
};

struct Tls {
  std::string certificate;
  std::string password;
  std::vector<std::string> tokens;
};

struct Step {
  std::string name;
  std::vector<int64_t> weights;
};

struct Limit {
  std::string name;
  Rate rate;
  Algorithm algorithm = Algorithm::token_bucket;
  uint64_t burst = 0;
  std::vector<std::string> key{"ip"};
  std::vector<Algorithm> fallbacks;
  std::vector<Step> steps;
};

struct Upstream {
  std::vector<Address> servers;
  std::map<std::string, std::string> headers;
  std::optional<bool> reuse;
  Tls tls;
};

struct Config {
  std::string title = "example";
  std::vector<Cidr> trusted;
  Server server;
  std::optional<Tls> tls;
  std::vector<Limit> limits;
  std::map<std::string, Upstream> upstreams;
  std::vector<Step> steps{{"first", {1, 2}}};
};

inline Table<Tls> tls_table() {
  Table<Tls> t;
  t.key("certificate", &Tls::certificate).doc("The certificate's file.").example("cert.pem");
  t.key("password", &Tls::password).secret().doc("Of the private key.");
  t.key("tokens", &Tls::tokens).secret().at_most(3).doc("Who may ask.");
  return t;
}

inline Table<Step> step_table() {
  Table<Step> t;
  t.key("name", &Step::name).required().example("first").doc("The step.");
  t.key("weights", &Step::weights).bounds(-5, 5).example("3").doc("Its weights.");
  return t;
}

inline Table<Server> server_table() {
  Table<Server> t;
  t.text("listen", &Server::listen, Address::parse_listen, "an address such as \"127.0.0.1:8080\"")
      .at_least(1)
      .reload(false)
      .doc("Where to listen. Several addresses are fine.");
  t.key("workers", &Server::workers).bounds(0, 1024).reload(false).doc("Threads; 0 is one for each core.");
  t.key("drain_timeout", &Server::drain_timeout).bounds(1s, 1h).doc("How long requests may take to end.");
  t.key("max_body", &Server::max_body).bounds(Bytes{0}, Bytes{1 << 30}).doc("The largest body.");
  t.key("sampling", &Server::sampling).bounds(0, 1).doc("Which part of the requests is traced.");
  t.key("verbose", &Server::verbose).doc("Say more.");
  t.key("niceness", &Server::niceness).doc("As nice(1) takes it.");
  t.key("idle_timeout", &Server::idle_timeout).example("75s").doc("When to close; for ever if not set.");
  return t;
}

inline Table<Limit> limit_table() {
  Table<Limit> t;
  t.key("name", &Limit::name).required().unique().example("per-client").doc("The rule's name.");
  t.key("rate", &Limit::rate).example("10/s").doc("How many.");
  t.choice("algorithm", &Limit::algorithm,
           {{"token_bucket", Algorithm::token_bucket},
            {"leaky_bucket", Algorithm::leaky_bucket},
            {"fixed_window", Algorithm::fixed_window}})
      .doc("How to count.");
  t.key("burst", &Limit::burst).bounds(0, 1'000'000).doc("How many at once.");
  t.key("key", &Limit::key).at_least(1).at_most(4).doc("What is counted.");
  t.choice("fallbacks", &Limit::fallbacks, {{"token_bucket", Algorithm::token_bucket}})
      .doc("What comes next.");
  t.array("step", &Limit::steps, step_table()).doc("Steps of a rule.");
  return t;
}

inline Table<Upstream> upstream_table() {
  Table<Upstream> t;
  t.text("servers", &Upstream::servers, Address::parse_connect)
      .required()
      .at_least(1)
      .example("127.0.0.1:9000")
      .doc("Who answers.");
  t.key("headers", &Upstream::headers).at_most(8).example("{ \"X-From\" = \"weir\" }").doc("Headers to set.");
  t.key("reuse", &Upstream::reuse).doc("Keep connections.");
  t.table("tls", &Upstream::tls, tls_table()).doc("TLS to the servers.");
  return t;
}

inline Table<Config> table() {
  Table<Config> t;
  t.key("title", &Config::title).doc("What this is.\n.Dots, \"quotes\" and a back\\slash stay as they are.");
  t.key("trusted", &Config::trusted).example("10.0.0.0/8").doc("Whose word counts.");
  t.table("server", &Config::server, server_table()).doc("What is served.");
  t.table("tls", &Config::tls, tls_table()).doc("TLS to clients.");
  t.array("limit", &Config::limits, limit_table()).at_most(100).doc("Rules.");
  t.map("upstream", &Config::upstreams, upstream_table()).example("app").doc("Groups of servers.");
  t.array("step", &Config::steps, step_table()).doc("Steps of all.");
  t.check([](const Config& config, Report& report) {
    for (size_t i = 0; i < config.limits.size(); ++i) {
      if (config.limits[i].burst <= 1000 * config.limits[i].rate.count) continue;
      report.error("limit[" + std::to_string(i) + "].burst", "a burst of more than 1000 times the rate");
    }
  });
  return t;
}

class MemoryFiles final : public Files {
 public:
  explicit MemoryFiles(std::map<std::string, std::string> files) : files_(std::move(files)) {}

  Result<std::string> read(const std::string& path, size_t most, bool) const override {
    const auto found = files_.find(path);
    if (found == files_.end()) return fail(Errc::not_found, "cannot read " + path + ": no such file");
    if (found->second.size() > most) return fail(Errc::limit, "cannot read " + path + ": too large");
    return found->second;
  }
  // Understands one star, at the end of the name but for its suffix.
  Result<std::vector<std::string>> match(const std::string& directory,
                                         const std::string& pattern) const override {
    const std::string full = directory + pattern;
    const auto star = full.find('*');
    std::vector<std::string> found;
    for (const auto& [name, text] : files_) {
      const bool fits = star == std::string::npos
                            ? name == full
                            : name.starts_with(full.substr(0, star)) && name.ends_with(full.substr(star + 1));
      if (fits) found.push_back(name);
    }
    return found;
  }

 private:
  std::map<std::string, std::string> files_;
};

}  // namespace weir::config::example
