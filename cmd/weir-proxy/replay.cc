#include "cmd/weir-proxy/replay.hh"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>

#include "cmd/weir-proxy/logged_request.hh"
#include "pkg/base/json.hh"
#include "pkg/base/text.hh"
#include "pkg/gateway/limits.hh"
#include "pkg/gateway/snapshot.hh"
#include "pkg/http/path.hh"

namespace weir::proxy {
namespace {

using namespace gateway;

struct Tally {
  uint64_t requests = 0;
  uint64_t limited = 0;
  WallTime first;
  WallTime last;
};

// One rule at work on a log.
struct ReplayedRule {
  std::unique_ptr<LimitRule> rule;
  const LimitSection* section;
  uint64_t requests = 0;
  uint64_t limited = 0;
  uint64_t without_key = 0;  // the log lacks the header that the key is made of
  std::map<std::string, Tally> keys;
};

class Replay {
 public:
  explicit Replay(const Config& config)
      : config_(with_default_routes(config)),
        state_(config.limits.table_size, config.limits.log_size),
        router_(make_router(config_, "", routes_)) {}

  Result<> prepare() {
    for (const LimitSection& section : config_.limit_rules) {
      auto rule = LimitRule::make(section, state_, registry_);
      if (!rule) return std::unexpected(std::move(rule.error()));
      rules_.push_back({std::move(*rule), &section, 0, 0, 0, {}});
    }
    return {};
  }

  void read_line(std::string_view line, const std::string& place) {
    const auto request = parse_logged_request(line);
    if (request) return decide(*request);
    if (request.error().code == Errc::not_found) {
      ++passed_over_;
      return;
    }
    constexpr uint64_t kMostShown = 5;
    if (++bad_lines_ <= kMostShown)
      std::cerr << "weir-proxy replay: " << place << ": " << request.error().message << "\n";
  }

  void write_records(std::ostream& out) const;
  void write_summary(std::ostream& out) const;
  bool all_understood() const { return bad_lines_ == 0; }

 private:
  // The route's name; nothing where no route takes the request: no rule sees it.
  std::optional<std::string_view> route_of(const LoggedRequest& request) {
    if (config_.routes.empty()) return "";
    const auto path = http::normalise_path(request.path, storage_);
    if (!path) return std::nullopt;
    const auto match = router_.find(request.host, *path, request.method);
    if (match.route == http::Router::kNone) return std::nullopt;
    return config_.routes[match.route].name;
  }

  void decide(const LoggedRequest& request) {
    ++requests_;
    const auto route = route_of(request);
    if (!route) {
      ++unrouted_;
      return;
    }
    http::FieldList fields;
    for (const auto& [name, value] : request.headers) fields.add({name, value, http::field_id(name)});
    const RequestFacts facts{request.client, *route, fields};
    // A day ahead of the epoch, so that a log from 1970 has a past too.
    const auto now = static_cast<limit::Time>(request.time.time_since_epoch().count()) + 86'400'000'000'000;
    for (ReplayedRule& replayed : rules_) {
      const auto& routes = replayed.section->routes;
      if (!routes.empty() && std::ranges::find(routes, *route) == routes.end()) continue;
      decide_rule(replayed, facts, request, now);
    }
  }

  static void decide_rule(ReplayedRule& replayed, const RequestFacts& facts, const LoggedRequest& request,
                          limit::Time now) {
    const std::string key = replayed.rule->describe_key(facts);
    const auto parts = split(key, ' ');
    if (std::ranges::find(parts, "-") != parts.end()) ++replayed.without_key;
    ++replayed.requests;
    Tally& tally = replayed.keys[key];
    ++tally.requests;
    const auto decision = replayed.rule->limiter().decide(replayed.rule->key_of(facts), now);
    if (decision.allowed) return;
    ++replayed.limited;
    if (tally.limited++ == 0) tally.first = request.time;
    tally.last = request.time;
  }

  const Config config_;
  LimitState state_;
  std::vector<size_t> routes_;  // of the config, by the router's index
  http::Router router_;
  metrics::Registry registry_;
  std::vector<ReplayedRule> rules_;
  std::string storage_;
  uint64_t requests_ = 0;
  uint64_t unrouted_ = 0;
  uint64_t passed_over_ = 0;
  uint64_t bad_lines_ = 0;
};

void Replay::write_records(std::ostream& out) const {
  std::string line;
  std::string time;
  const auto add_time = [&](JsonWriter& json, const char* name, WallTime at) {
    time.clear();
    append_rfc3339(time, at);
    json.key(name).string(time);
  };
  for (const ReplayedRule& replayed : rules_) {
    std::vector<std::pair<std::string_view, const Tally*>> limited;
    for (const auto& [key, tally] : replayed.keys) {
      if (tally.limited > 0) limited.push_back({key, &tally});
    }
    std::ranges::stable_sort(limited, std::greater(),
                             [](const auto& entry) { return entry.second->limited; });
    for (const auto& [key, tally] : limited) {
      line.clear();
      JsonWriter json(line);
      json.begin_object().key("rule").string(replayed.rule->name()).key("key").string(key);
      json.key("requests").number(tally->requests).key("limited").number(tally->limited);
      add_time(json, "first", tally->first);
      add_time(json, "last", tally->last);
      json.end_object();
      out << line << '\n';
    }
  }
}

void Replay::write_summary(std::ostream& out) const {
  out << "replayed " << requests_ << " requests";
  if (unrouted_ > 0) out << ", " << unrouted_ << " without a route";
  if (passed_over_ > 0) out << ", " << passed_over_ << " lines passed over";
  if (bad_lines_ > 0) out << ", " << bad_lines_ << " lines not understood";
  out << "\n";
  for (const ReplayedRule& replayed : rules_) {
    const auto limited_keys =
        std::ranges::count_if(replayed.keys, [](const auto& entry) { return entry.second.limited > 0; });
    out << "  " << replayed.rule->name() << " (" << replayed.section->rate.to_string() << ", "
        << limit::to_string(replayed.section->algorithm) << "): " << replayed.limited << " of "
        << replayed.requests << " requests limited, " << limited_keys << " of " << replayed.keys.size()
        << " keys\n";
    if (replayed.without_key > 0) {
      out << "    " << replayed.without_key
          << " requests had no value for this key; the log may lack it (access_log.headers)\n";
    }
  }
}

bool read_all(std::istream& in, const std::string& name, Replay& replay) {
  std::string line;
  for (uint64_t number = 1; std::getline(in, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) replay.read_line(line, name + ":" + std::to_string(number));
  }
  return !in.bad();
}

}  // namespace

int replay(const Config& config, const std::vector<std::string>& files) {
  constexpr int kUsage = 64;
  constexpr int kConfig = 78;
  if (files.empty()) {
    std::cerr << "weir-proxy replay: name the logs to read, or - for standard input\n";
    return kUsage;
  }
  Replay run(config);
  if (const auto prepared = run.prepare(); !prepared) {
    std::cerr << "weir-proxy replay: " << prepared.error().message << "\n";
    return kConfig;
  }
  bool all_read = true;
  for (const std::string& file : files) {
    if (file == "-") {
      all_read = read_all(std::cin, "standard input", run) && all_read;
      continue;
    }
    std::ifstream in(file);
    if (!in || !read_all(in, file, run)) {
      std::cerr << "weir-proxy replay: cannot read " << file << "\n";
      all_read = false;
    }
  }
  run.write_records(std::cout);
  run.write_summary(std::cerr);
  return all_read && run.all_understood() ? 0 : 1;
}

}  // namespace weir::proxy
