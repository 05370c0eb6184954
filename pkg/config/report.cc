#include "pkg/config/report.hh"

#include "pkg/base/json.hh"
#include "pkg/base/text.hh"
#include "pkg/config/text.hh"

namespace weir::config {
namespace {

std::string place_text(const Place& place) {
  std::string out = detail::printable(place.source);
  if (place.line == 0) return out;
  out += ':';
  append_uint(out, place.line);
  if (place.column == 0) return out;
  out += ':';
  append_uint(out, place.column);
  return out;
}

}  // namespace

std::string Origin::to_string() const {
  if (is_default()) return "default";
  return place_text({place.source, place.line, 0});
}

std::string render(const Problem& problem) {
  std::string out = place_text(problem.place);
  if (!out.empty()) out += ": ";
  out += detail::printable(problem.message);
  if (!problem.suggestion.empty()) out += "; " + detail::printable(problem.suggestion);
  if (problem.excerpt.empty()) return out;
  out += "\n  " + problem.excerpt + "\n  ";
  out.append(problem.caret - 1, ' ');
  return out += '^';
}

std::string to_json(std::span<const Problem> problems) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const Problem& problem : problems) {
    json.begin_object();
    json.key("file").string(problem.place.source);
    json.key("line").number(uint64_t{problem.place.line});
    json.key("column").number(uint64_t{problem.place.column});
    json.key("path").string(problem.path);
    json.key("message").string(problem.message);
    json.key("suggestion").string(problem.suggestion);
    json.end_object();
  }
  json.end_array();
  return out;
}

std::string suggest(std::string_view word, std::span<const std::string> names) {
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const auto meant = did_you_mean(word, candidates);
  return meant ? "did you mean " + detail::quoted(*meant) + "?" : std::string();
}

std::string key_path(std::string_view parent, std::string_view key) {
  std::string out(parent);
  if (!out.empty()) out += '.';
  return out += detail::toml_key(key);
}

std::string index_path(std::string_view parent, size_t index) {
  return std::string(parent) + "[" + std::to_string(index) + "]";
}

void Report::error(std::string_view path, std::string message, std::string suggestion) {
  std::string full = prefix_;
  if (!full.empty() && !path.empty() && path.front() != '[') full += '.';
  full += path;
  sink_(std::move(full), std::move(message), std::move(suggestion));
}

}  // namespace weir::config
