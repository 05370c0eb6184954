#include "pkg/http/router.hh"

#include <algorithm>
#include <catch2/catch.hpp>

#include "pkg/base/random.hh"
#include "pkg/base/text.hh"

using namespace weir;
using namespace weir::http;

TEST_CASE("an exact host comes before a wildcard before any, then the longest path") {
  const Router router({{{}, "/", {}},
                       {{"*.example.com"}, "/", {}},
                       {{"*.b.example.com"}, "/", {}},
                       {{"a.example.com"}, "/api", {}},
                       {{"a.example.com"}, "/api/v2/", {}},
                       {{}, "/only", {"GET", "HEAD"}}});
  CHECK(router.find("a.example.com", "/api/x", "GET").route == 3);
  CHECK(router.find("A.EXAMPLE.com:80", "/api", "GET").route == 3);
  CHECK(router.find("a.example.com", "/api/v2/x", "GET").route == 4);
  CHECK(router.find("a.example.com", "/api/v2", "GET").route == 3);
  CHECK(router.find("a.example.com", "/apix", "GET").route == 1);
  CHECK(router.find("x.b.example.com", "/", "GET").route == 2);
  CHECK(router.find("a.example.com.", "/api", "GET").route == 3);
  CHECK(router.find("a.example.com.:80", "/api", "GET").route == 3);
  CHECK(router.find("example.com", "/", "GET").route == 0);
  CHECK(router.find(std::string(244, 'x') + ".example.com.evil", "/", "GET").route == 0);
  CHECK(router.find("[::1]:80", "/", "GET").route == 0);
  CHECK(router.find("other", "/only/x", "GET").route == 5);
  CHECK(router.find("other", "/only/x", "POST").route == 0);
}

TEST_CASE("a known path with another method is told apart from an unknown path") {
  const Router router({{{}, "/a", {"GET"}}, {{}, "/a/b", {"PUT", "GET"}}});
  CHECK_FALSE(router.find("h", "/x", "GET").path_known);
  const auto match = router.find("h", "/a/b", "POST");
  CHECK(match.route == Router::kNone);
  CHECK(match.path_known);
  CHECK(router.allowed_methods("h", "/a/b") == "PUT, GET");
}

namespace {

// The rule in its plainest form: rank every route that fits.
size_t find_naively(const std::vector<RoutePattern>& patterns, const std::string& host,
                    const std::string& path) {
  size_t best = Router::kNone;
  std::pair<size_t, size_t> best_rank;
  for (size_t i = 0; i < patterns.size(); ++i) {
    const std::string& prefix = patterns[i].path;
    const bool fits =
        path == prefix || (path.starts_with(prefix) && (prefix.ends_with('/') || path[prefix.size()] == '/'));
    size_t host_rank = patterns[i].hosts.empty() ? 1 : 0;
    for (const std::string& pattern : patterns[i].hosts) {
      if (pattern == host) host_rank = 1000;
      const bool wild =
          pattern.starts_with("*.") && host.size() > pattern.size() - 1 && host.ends_with(pattern.substr(1));
      if (wild) host_rank = std::max(host_rank, 1 + pattern.size());
    }
    const std::pair rank{host_rank, prefix.size()};
    if (fits && host_rank > 0 && (best == Router::kNone || rank > best_rank)) {
      best = i;
      best_rank = rank;
    }
  }
  return best;
}

}  // namespace

TEST_CASE("the router agrees with the plain rule on random routes") {
  const uint64_t seed = Random().next();
  INFO("seed " << seed);
  Random random(seed);
  const std::vector<std::string> hosts{"a.x", "b.x", "c.a.x", "x"};
  const std::vector<std::string> patterns_of_hosts{"a.x", "b.x", "*.x", "*.a.x"};
  const auto random_path = [&] {
    std::string path = "/";
    for (uint64_t n = random.below(3); n > 0; --n)
      path += std::string(1, static_cast<char>('a' + random.below(2))) + (random.below(2) ? "/" : "");
    return path;
  };
  for (int round = 0; round < 2000; ++round) {
    std::vector<RoutePattern> patterns(1 + random.below(6));
    for (auto& pattern : patterns) {
      pattern.path = random_path();
      if (random.below(2)) pattern.hosts = {patterns_of_hosts[random.below(patterns_of_hosts.size())]};
    }
    const Router router(patterns);
    for (int i = 0; i < 10; ++i) {
      const std::string host = hosts[random.below(hosts.size())];
      const std::string path = random_path();
      INFO(host << " " << path);
      REQUIRE(router.find(host, path, "GET").route == find_naively(patterns, host, path));
    }
  }
}
