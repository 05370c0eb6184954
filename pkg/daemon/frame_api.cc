// What every daemon can be asked and told through its admin API.

#include "pkg/base/json.hh"
#include "pkg/daemon/lifecycle.hh"
#include "pkg/daemon/log.hh"
#include "pkg/daemon/version.hh"

namespace weir::daemon {
namespace {

ApiResponse get_log() {
  ApiResponse response{.json = {}};
  JsonWriter json(response.json);
  json.begin_object().key("level").string(log::to_string(log::least_level()));
  json.key("format").string(log::to_string(log::format())).end_object();
  return response;
}

}  // namespace

void Lifecycle::add_api_routes(Api& api) {
  using http::Method;
  api.add({Method::get, "/status", "The daemon's state, version and uptime.",
           [this](ApiRequest&) { return get_status(); }});
  api.add({Method::post, "/reload",
           "Reads the config again, as SIGHUP does, and tells what is wrong with it.",
           [this](ApiRequest& request) { return post_reload(request); }});
  api.add({Method::get, "/log", "The level and format of the log.", [](ApiRequest&) { return get_log(); }});
  api.add({Method::put, "/log",
           "Sets \"level\" (debug, info, warn, error) until the next reload, which puts back the config's.",
           [this](ApiRequest& request) { return put_log(request); }});
  for (ApiRoute& route : service_->api_routes()) api.add(std::move(route));
}

ApiResponse Lifecycle::get_status() const {
  const std::chrono::duration<double> uptime = MonotonicTime::clock::now() - started_;
  ApiResponse response{.json = {}};
  JsonWriter json(response.json);
  json.begin_object().key("program").string(program_.name).key("version").string(version());
  json.key("state").string(state_name()).key("uptime_seconds").number(uptime.count(), 1);
  json.key("workers").number(static_cast<uint64_t>(workers_.size()));
  json.key("connections").number(counts_.open->value()).end_object();
  return response;
}

ApiResponse Lifecycle::post_reload(ApiRequest& request) {
  if (!request.body.is_fine()) return request.body.refusal();
  config::Problems problems;
  const auto reloaded = reload(&problems);
  if (reloaded) return {.json = "{\"reloaded\":true}", .done = "config reloaded"};
  const int status = reloaded.error().code == Errc::unavailable ? 503 : 422;
  std::vector<ApiProblem> errors;
  for (const config::Problem& problem : problems) errors.push_back({{}, config::render(problem)});
  ApiResponse response =
      ApiResponse::problem(status, "the old config stays in force: " + reloaded.error().message, errors);
  response.done = "config not reloaded";
  return response;
}

ApiResponse Lifecycle::put_log(ApiRequest& request) {
  const auto word = request.body.choice("level", {"debug", "info", "warn", "error"});
  request.body.require("level");
  if (!request.body.is_fine()) return request.body.refusal();
  const std::string before(log::to_string(log::least_level()));
  for (const auto level : {log::Level::debug, log::Level::info, log::Level::warn, log::Level::error}) {
    if (log::to_string(level) == *word) log::configure(log::format(), level);
  }
  events_.publish("log_level", {{"level", *word}});
  ApiResponse response = get_log();
  response.done = "log level " + before + " to " + *word;
  return response;
}

}  // namespace weir::daemon
