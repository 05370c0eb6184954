// Which route a request takes: an exact host before a wildcard before any host, then the longest path prefix,
// then the order in which the routes were given. Built once, then only read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/http/message.hh"

namespace weir::http {

struct RoutePattern {
  std::vector<std::string> hosts;  // "example.com" or "*.example.com"; none: any
  std::string path = "/";  // prefix on slash boundaries: "/api" takes "/api" and "/api/x", not "/apix"
  std::vector<std::string> methods;  // none: any
};

class Router {
 public:
  static constexpr size_t kNone = SIZE_MAX;

  // Routes are known by their index in `patterns`.
  explicit Router(std::vector<RoutePattern> patterns);

  struct Match {
    size_t route = kNone;
    bool path_known = false;  // some route takes the path, though none the method: 405
  };
  // `host` may have a port and a final dot; `path` is normalised. Allocates nothing.
  Match find(std::string_view host, std::string_view path, std::string_view method) const;
  // The methods that routes of this host and path take, as an Allow field's value.
  std::string allowed_methods(std::string_view host, std::string_view path) const;

 private:
  using Candidates = std::vector<size_t>;  // best first

  // Calls `use` with each route that takes host and path, best first, until it returns true.
  template <typename Use>
  void each_match(std::string_view host, std::string_view path, Use use) const;

  std::vector<RoutePattern> patterns_;
  std::map<std::string, Candidates, std::less<>> exact_;
  std::map<std::string, Candidates, std::less<>> wildcards_;  // by what follows the "*"
  Candidates any_host_;
};

}  // namespace weir::http
