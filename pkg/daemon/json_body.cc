#include "pkg/daemon/json_body.hh"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>
#include <set>

#include "pkg/base/text.hh"

namespace weir::daemon {
namespace {

using Json = nlohmann::json;

std::string place_of(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset > 0 ? offset - 1 : 0, text.size()));
  const size_t line_start = before.rfind('\n') + 1;  // 0 where there is none
  return "line " + std::to_string(std::ranges::count(before, '\n') + 1) + ", column " +
         std::to_string(before.size() - line_start + 1);
}

// What a parser would silently resolve one way or the other: a member that is there twice, depth.
class Strictness {
 public:
  bool accept(int depth, Json::parse_event_t event, const Json& parsed) {
    if (event == Json::parse_event_t::object_start) names_.emplace_back();
    if (event == Json::parse_event_t::object_end) names_.pop_back();
    if (depth > static_cast<int>(JsonBody::kMostDepth)) wrong_ = "it is nested too deep";
    if (event == Json::parse_event_t::key && !names_.back().insert(parsed.get<std::string>()).second)
      wrong_ = "\"" + parsed.get<std::string>() + "\" is there twice";
    return true;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  std::vector<std::set<std::string>> names_;
  std::string wrong_;
};

// RFC 6901: "~" and "/" in a name are written "~0" and "~1".
void append_pointer(std::string& out, std::string_view name) {
  out += '/';
  for (const char c : name) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
}

}  // namespace

struct JsonBody::Object {
  const Json& json;
  std::string pointer;
  std::set<std::string, std::less<>> asked = {};
  bool is_checked = false;

  std::string pointer_to(std::string_view name) const {
    std::string out = pointer;
    append_pointer(out, name);
    return out;
  }
};

struct JsonBody::Document {
  Json json;
  std::deque<Object> objects = {};
  std::vector<ApiProblem> problems = {};

  Object& add(const Json& object, std::string pointer) {
    return objects.emplace_back(Object{object, std::move(pointer)});
  }
  // Notes the members that nobody asked for, once.
  void check_unasked(Object& object) {
    if (std::exchange(object.is_checked, true)) return;
    const std::vector<std::string_view> known(object.asked.begin(), object.asked.end());
    for (const auto& [name, value] : object.json.items()) {
      if (object.asked.contains(name)) continue;
      std::string detail = "there is no such member";
      if (const auto meant = did_you_mean(name, known))
        detail += "; did you mean \"" + std::string(*meant) + "\"?";
      problems.push_back({object.pointer_to(name), std::move(detail)});
    }
  }
};

JsonBody::JsonBody() : document_(std::make_shared<Document>(Json::object())) {
  object_ = &document_->add(document_->json, "#");
}

Result<JsonBody> JsonBody::parse(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return JsonBody();
  Strictness strictness;
  auto document = std::make_shared<Document>();
  try {
    document->json = Json::parse(text, [&](int depth, Json::parse_event_t event, Json& parsed) {
      return strictness.accept(depth, event, parsed);
    });
  } catch (const Json::parse_error& error) {
    return weir::fail(Errc::invalid, "the body is not JSON: " + place_of(text, error.byte));
  } catch (const Json::out_of_range&) {
    return weir::fail(Errc::invalid, "the body has a number that is too large");
  }
  if (!strictness.wrong().empty()) return weir::fail(Errc::invalid, "the body: " + strictness.wrong());
  if (!document->json.is_object()) return weir::fail(Errc::invalid, "the body must be a JSON object");
  Object& object = document->add(document->json, "#");
  return JsonBody(std::move(document), object);
}

bool JsonBody::has(std::string_view name) const {
  return object_->json.contains(name);
}

std::vector<std::string> JsonBody::names() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : object_->json.items()) names.push_back(name);
  return names;
}

// `take` makes an optional of the member; nothing means that it is not what was expected.
template <typename Take>
auto JsonBody::read(std::string_view name, const char* expected, Take take) {
  object_->asked.emplace(name);
  const auto found = object_->json.find(name);
  decltype(take(*found)) value;
  if (found == object_->json.end()) return value;
  value = take(*found);
  if (!value) fail(name, std::string("must be ") + expected);
  return value;
}

std::optional<std::string> JsonBody::string(std::string_view name) {
  return read(name, "a string", [](const Json& member) -> std::optional<std::string> {
    if (!member.is_string()) return std::nullopt;
    return member.get<std::string>();
  });
}

std::optional<std::string> JsonBody::choice(std::string_view name, const std::vector<std::string>& words) {
  std::string expected = "one of ";
  expected += join(words, ", ");
  return read(name, expected.c_str(), [&words](const Json& member) -> std::optional<std::string> {
    if (!member.is_string()) return std::nullopt;
    const auto word = member.get<std::string>();
    if (std::ranges::find(words, word) == words.end()) return std::nullopt;
    return word;
  });
}

std::optional<uint64_t> JsonBody::integer(std::string_view name, uint64_t low, uint64_t high) {
  const std::string expected = "a whole number from " + std::to_string(low) + " to " + std::to_string(high);
  return read(name, expected.c_str(), [low, high](const Json& member) -> std::optional<uint64_t> {
    if (!member.is_number_unsigned()) return std::nullopt;
    const auto value = member.get<uint64_t>();
    if (value < low || value > high) return std::nullopt;
    return value;
  });
}

std::optional<double> JsonBody::number(std::string_view name, double low, double high) {
  char expected[80];
  snprintf(expected, sizeof expected, "a number from %g to %g", low, high);
  return read(name, expected, [low, high](const Json& member) -> std::optional<double> {
    if (!member.is_number()) return std::nullopt;
    const auto value = member.get<double>();
    if (value < low || value > high) return std::nullopt;
    return value;
  });
}

std::optional<bool> JsonBody::boolean(std::string_view name) {
  return read(name, "true or false", [](const Json& member) -> std::optional<bool> {
    if (!member.is_boolean()) return std::nullopt;
    return member.get<bool>();
  });
}

std::optional<std::vector<std::string>> JsonBody::strings(std::string_view name) {
  using Strings = std::vector<std::string>;
  return read(name, "a list of strings", [](const Json& member) -> std::optional<Strings> {
    const auto is_string = [](const Json& item) { return item.is_string(); };
    if (!member.is_array() || !std::ranges::all_of(member, is_string)) return std::nullopt;
    return member.get<Strings>();
  });
}

std::optional<JsonBody> JsonBody::object(std::string_view name) {
  return read(name, "an object", [this, name](const Json& member) -> std::optional<JsonBody> {
    if (!member.is_object()) return std::nullopt;
    return JsonBody(document_, document_->add(member, object_->pointer_to(name)));
  });
}

std::vector<JsonBody> JsonBody::objects(std::string_view name) {
  std::vector<JsonBody> out;
  const auto is_object = [](const Json& item) { return item.is_object(); };
  const auto list = read(name, "a list of objects", [&](const Json& member) -> std::optional<const Json*> {
    if (!member.is_array() || !std::ranges::all_of(member, is_object)) return std::nullopt;
    return &member;
  });
  if (!list) return out;
  for (const Json& item : **list) {
    const std::string at = object_->pointer_to(name) + "/" + std::to_string(out.size());
    out.push_back(JsonBody(document_, document_->add(item, at)));
  }
  return out;
}

void JsonBody::require(std::string_view name) {
  object_->asked.emplace(name);
  if (!has(name)) fail(name, "is missing");
}

void JsonBody::fail(std::string_view name, std::string detail) {
  document_->problems.push_back({object_->pointer_to(name), std::move(detail)});
}

bool JsonBody::is_fine() {
  return problems().empty();
}

const std::vector<ApiProblem>& JsonBody::problems() {
  for (Object& object : document_->objects) document_->check_unasked(object);
  return document_->problems;
}

ApiResponse JsonBody::refusal() {
  const auto& all = problems();
  std::string detail = "the body is wrong";
  if (!all.empty()) detail += ": " + all.front().pointer.substr(1) + " " + all.front().detail;
  return ApiResponse::problem(400, detail, all);
}

}  // namespace weir::daemon
