#include "pkg/gateway/split_api.hh"

#include <algorithm>

#include "pkg/base/json.hh"

namespace weir::gateway {
namespace {

using daemon::ApiRequest;
using daemon::ApiResponse;

constexpr int kShareDigits = 4;

void append_split(JsonWriter& json, const Split& split) {
  const auto weights = split.state->weights.current().get();
  json.begin_object().key("name").string(split.name).key("upstreams").begin_array();
  for (size_t i = 0; i < weights->parts().size(); ++i) {
    const balance::SplitPart& part = weights->parts()[i];
    json.begin_object().key("name").string(part.pool);
    json.key("weight").number(uint64_t{part.weight}).key("share").number(weights->share(i), kShareDigits);
    json.end_object();
  }
  json.end_array();
  if (!split.settings.canary.empty()) {
    json.key("canary").string(split.settings.canary).key("verdict").string(split.state->verdict);
    json.key("rolled_back").boolean(split.state->rolled_back);
  }
  json.end_object();
}

ApiResponse split_response(const Split& split) {
  ApiResponse response{.json = {}};
  JsonWriter json(response.json);
  append_split(json, split);
  return response;
}

// "blue 0, green 100"
std::string say_weights(const Split& split) {
  std::string words;
  for (const balance::SplitPart& part : split.state->weights.current().get()->parts())
    words += (words.empty() ? "" : ", ") + part.pool + " " + std::to_string(part.weight);
  return words;
}

ApiResponse no_split(const ApiRequest& request) {
  return ApiResponse::problem(
      404, "there is no split \"" + request.parameter("split") + "\"; GET /api/splits lists them");
}

}  // namespace

void SplitApi::add_routes(std::vector<daemon::ApiRoute>& routes) {
  using http::Method;
  routes.push_back({Method::get, "/splits", "All splits of traffic, with weights and shares.",
                    [this](ApiRequest&) { return get_all(); }});
  routes.push_back({Method::get, "/splits/{split}", "A split of traffic.",
                    [this](ApiRequest& request) { return get_split(request); }});
  routes.push_back({Method::put, "/splits/{split}",
                    "Sets the \"weights\" of all upstreams of a split, in one step.",
                    [this](ApiRequest& request) { return set_weights(request); }});
  routes.push_back({Method::post, "/splits/{split}/switch",
                    "Sends everything \"to\" one upstream of a split.",
                    [this](ApiRequest& request) { return switch_to(request); }});
  routes.push_back({Method::post, "/splits/{split}/rollback",
                    "Puts back the weights from before the last change.",
                    [this](ApiRequest& request) { return roll_back(request); }});
}

const Split* SplitApi::find(const ApiRequest& request) const {
  const auto found = snapshot_->splits.find(request.parameter("split"));
  return found == snapshot_->splits.end() ? nullptr : found->second.get();
}

ApiResponse SplitApi::get_all() const {
  ApiResponse response{.json = {}};
  JsonWriter json(response.json);
  json.begin_object().key("splits").begin_array();
  for (const auto& [name, split] : snapshot_->splits) append_split(json, *split);
  json.end_array().end_object();
  return response;
}

ApiResponse SplitApi::get_split(const ApiRequest& request) const {
  const Split* split = find(request);
  return split ? split_response(*split) : no_split(request);
}

ApiResponse SplitApi::set_weights(ApiRequest& request) {
  const Split* split = find(request);
  if (!split) return no_split(request);
  std::map<std::string, uint64_t> wanted;
  auto weights = request.body.object("weights");
  request.body.require("weights");
  if (weights) {
    for (const auto& [name, upstream] : split->upstreams) {
      wanted[name] = weights->integer(name, 0, balance::Split::kMostWeight).value_or(0);
      weights->require(name);
    }
  }
  if (!request.body.is_fine()) return request.body.refusal();
  auto made = make_weights(wanted);
  if (!made) return ApiResponse::problem(400, made.error().message);
  const std::string before = say_weights(*split);
  split->state->weights.set(std::move(*made));
  return tell(*split, "set", before);
}

ApiResponse SplitApi::switch_to(ApiRequest& request) {
  const Split* split = find(request);
  if (!split) return no_split(request);
  std::vector<std::string> names;
  for (const auto& [name, upstream] : split->upstreams) names.push_back(name);
  const auto upstream = request.body.choice("to", names);
  request.body.require("to");
  if (!request.body.is_fine()) return request.body.refusal();
  const std::string before = say_weights(*split);
  if (auto done = split->state->weights.switch_to(*upstream); !done)
    return ApiResponse::problem(409, done.error().message);
  return tell(*split, "switched", before);
}

ApiResponse SplitApi::roll_back(ApiRequest& request) {
  const Split* split = find(request);
  if (!split) return no_split(request);
  if (!request.body.is_fine()) return request.body.refusal();
  if (const auto previous = split->state->weights.previous()) {
    const bool is_known = std::ranges::all_of(
        previous->parts(), [&](const auto& part) { return split->upstreams.contains(part.pool); });
    if (!is_known || previous->parts().size() != split->upstreams.size())
      return ApiResponse::problem(409, "the config has other upstreams for this split since its last change");
  }
  const std::string before = say_weights(*split);
  if (auto done = split->state->weights.roll_back(); !done)
    return ApiResponse::problem(409, done.error().message);
  return tell(*split, "rolled_back", before);
}

ApiResponse SplitApi::tell(const Split& split, std::string_view action, const std::string& before) {
  split.state->on_weights_set();
  const std::string after = say_weights(split);
  events_.publish("split", {{"split", split.name}, {"action", action}, {"weights", after}});
  ApiResponse response = split_response(split);
  response.done = "split " + split.name + " from " + before + " to " + after;
  return response;
}

}  // namespace weir::gateway
