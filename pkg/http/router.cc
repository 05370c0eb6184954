#include "pkg/http/router.hh"

#include <algorithm>
#include <array>

#include "pkg/base/text.hh"

namespace weir::http {
namespace {

std::string_view without_port(std::string_view host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  return has_port ? host.substr(0, colon) : host;
}

// The name that routes know a Host by: without the port and the dot of an absolute DNS name (RFC 1034 3.1).
std::string_view routed_name(std::string_view host) {
  std::string_view name = without_port(host);
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool takes_path(const RoutePattern& pattern, std::string_view path) {
  const std::string_view prefix = pattern.path;
  if (!path.starts_with(prefix)) return false;
  return path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/';
}

bool takes_method(const RoutePattern& pattern, std::string_view method) {
  if (pattern.methods.empty()) return true;
  return std::ranges::find(pattern.methods, method) != pattern.methods.end();
}

}  // namespace

Router::Router(std::vector<RoutePattern> patterns) : patterns_(std::move(patterns)) {
  for (size_t i = 0; i < patterns_.size(); ++i) {
    if (patterns_[i].hosts.empty()) any_host_.push_back(i);
    for (const std::string& host : patterns_[i].hosts) {
      if (host.starts_with("*.")) {
        wildcards_[to_lower(host.substr(1))].push_back(i);
      } else {
        exact_[to_lower(host)].push_back(i);
      }
    }
  }
  const auto longest_first = [this](Candidates& candidates) {
    std::ranges::stable_sort(candidates, std::greater(),
                             [this](size_t i) { return patterns_[i].path.size(); });
  };
  for (auto& [host, candidates] : exact_) longest_first(candidates);
  for (auto& [host, candidates] : wildcards_) longest_first(candidates);
  longest_first(any_host_);
}

template <typename Use>
void Router::each_match(std::string_view host, std::string_view path, Use use) const {
  const auto try_all = [&](const Candidates& candidates) {
    return std::ranges::any_of(candidates,
                               [&](size_t i) { return takes_path(patterns_[i], path) && use(i); });
  };
  if (!exact_.empty() || !wildcards_.empty()) {
    std::array<char, 253> lower;  // the longest name there is (RFC 1035 2.3.4); a longer one is nobody's
    std::string_view name = routed_name(host);
    if (name.size() > lower.size()) name = {};
    std::ranges::transform(name, lower.begin(), ascii_lower);
    name = {lower.data(), name.size()};
    if (const auto exact = exact_.find(name); exact != exact_.end() && try_all(exact->second)) return;
    // The longest suffix first: a.b.example.com tries ".b.example.com" before ".example.com".
    for (size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
      const auto wildcard = wildcards_.find(name.substr(dot));
      if (wildcard != wildcards_.end() && dot > 0 && try_all(wildcard->second)) return;
    }
  }
  try_all(any_host_);
}

Router::Match Router::find(std::string_view host, std::string_view path, std::string_view method) const {
  Match match;
  each_match(host, path, [&](size_t i) {
    match.path_known = true;
    if (!takes_method(patterns_[i], method)) return false;
    match.route = i;
    return true;
  });
  return match;
}

std::string Router::allowed_methods(std::string_view host, std::string_view path) const {
  std::vector<std::string> methods;
  each_match(host, path, [&](size_t i) {
    for (const std::string& method : patterns_[i].methods) {
      if (std::ranges::find(methods, method) == methods.end()) methods.push_back(method);
    }
    return false;
  });
  return join(methods, ", ");
}

}  // namespace weir::http
