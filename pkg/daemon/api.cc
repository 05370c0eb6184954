#include "pkg/daemon/api.hh"

#include <algorithm>
#include <optional>

#include "pkg/base/json.hh"
#include "pkg/base/text.hh"
#include "pkg/http/query.hh"

namespace weir::daemon {
namespace {

using Parameters = std::map<std::string, std::string, std::less<>>;

std::string_view name_of(http::Method method) {
  switch (method) {
    case http::Method::get:
      return "GET";
    case http::Method::post:
      return "POST";
    case http::Method::put:
      return "PUT";
    case http::Method::delete_:
      return "DELETE";
    case http::Method::patch:
      return "PATCH";
    case http::Method::head:
      return "HEAD";
    case http::Method::options:
      return "OPTIONS";
    case http::Method::connect:
    case http::Method::trace:
    case http::Method::other:
      return "";
  }
  return "";
}

bool is_parameter(std::string_view segment) {
  return segment.starts_with('{');
}

// "/a/{b}" and "/a/{b}/" are the same.
std::vector<std::string_view> segments_of(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return {};
  return split(path, '/');
}

std::optional<Parameters> match(const std::vector<std::string>& pattern,
                                const std::vector<std::string_view>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  Parameters parameters;
  for (size_t i = 0; i < path.size(); ++i) {
    if (is_parameter(pattern[i]))
      parameters.emplace(pattern[i].substr(1, pattern[i].size() - 2), http::percent_decoded(path[i]));
    else if (pattern[i] != path[i])
      return std::nullopt;
  }
  return parameters;
}

}  // namespace

ApiResponse ApiResponse::problem(int status, std::string_view detail,
                                 const std::vector<ApiProblem>& problems) {
  ApiResponse response{.status = status, .json = {}, .is_problem = true};
  JsonWriter json(response.json);
  json.begin_object().key("type").string("about:blank");
  json.key("title").string(http::reason_phrase(status));
  json.key("status").number(static_cast<uint64_t>(status)).key("detail").string(detail);
  if (!problems.empty()) {
    json.key("errors").begin_array();
    for (const ApiProblem& problem : problems) {
      json.begin_object().key("detail").string(problem.detail);
      if (!problem.pointer.empty()) json.key("pointer").string(problem.pointer);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  return response;
}

void Api::add(ApiRoute route) {
  Route added{std::move(route), {}};
  for (const std::string_view segment : segments_of(added.route.path)) added.segments.emplace_back(segment);
  // A brace stands behind all letters, so that the order of bytes puts literals first.
  const auto behind = std::ranges::upper_bound(routes_, added.segments, {}, &Route::segments);
  routes_.insert(behind, std::move(added));
}

std::string Api::allowed(std::string_view path) const {
  const auto segments = segments_of(path);
  if (segments.empty()) return "GET, HEAD";
  std::string methods;
  for (const Route& route : routes_) {
    if (!match(route.segments, segments)) continue;
    if (!methods.empty()) methods += ", ";
    methods += name_of(route.route.method);
    if (route.route.method == http::Method::get) methods += ", HEAD";
  }
  return methods;
}

ApiResponse Api::answer(http::Method method, std::string_view path, std::string_view body) const {
  const auto segments = segments_of(path);
  const http::Method wanted = method == http::Method::head ? http::Method::get : method;
  if (segments.empty() && wanted == http::Method::get) return {.json = index()};
  for (const Route& route : routes_) {
    if (route.route.method != wanted) continue;
    auto parameters = match(route.segments, segments);
    if (!parameters) continue;
    auto parsed = JsonBody::parse(body);
    if (!parsed) return ApiResponse::problem(400, parsed.error().message);
    ApiRequest request{std::move(*parameters), std::move(*parsed)};
    return route.route.handler(request);
  }
  if (const std::string methods = allowed(path); !methods.empty())
    return ApiResponse::problem(405, "this takes " + methods);
  return ApiResponse::problem(404, "there is no such thing; GET /api lists what there is");
}

std::string Api::index() const {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("routes").begin_array();
  for (const Route& route : routes_) {
    json.begin_object().key("method").string(name_of(route.route.method));
    json.key("path").string("/api" + route.route.path);
    json.key("summary").string(route.route.summary).end_object();
  }
  json.end_array().end_object();
  return out;
}

}  // namespace weir::daemon
