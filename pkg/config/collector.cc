#include "pkg/config/collector.hh"

#include <algorithm>
#include <ranges>
#include <tuple>

#include "pkg/base/text.hh"
#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

constexpr size_t kExcerptWidth = 100;
constexpr size_t kSyntaxLinesAbove = 64;  // more than a PEM-encoded key of 4096 bits has

// Where the code point of column `column` (from 1) begins, at most the end.
size_t column_offset(std::string_view line, uint32_t column) {
  size_t at = 0;
  for (uint32_t i = 1; i < column && at < line.size(); ++i) {
    ++at;
    while (at < line.size() && (static_cast<uint8_t>(line[at]) & 0xc0) == 0x80) ++at;
  }
  return at;
}

// The table that a key of this path stands in.
std::string_view parent_path(std::string_view path) {
  const size_t end = path.find_last_of(".[");
  return end == std::string_view::npos ? std::string_view() : path.substr(0, end);
}

bool is_below(std::string_view path, std::string_view ancestor) {
  if (!path.starts_with(ancestor)) return false;
  path.remove_prefix(ancestor.size());
  return ancestor.empty() || path.empty() || path.front() == '.' || path.front() == '[';
}

}  // namespace

void Collector::note_secrets(const Schema& schema) {
  for (const Entry& entry : schema.entries) {
    if (entry.secret) secrets_.push_back(entry.name);
    if (entry.schema) note_secrets(*entry.schema);
  }
}

void Collector::add_text(const std::string& source, std::string content) {
  Text text{texts_.size(), std::move(content), {0}};
  for (size_t at = text.content.find('\n'); at != std::string::npos; at = text.content.find('\n', at + 1)) {
    text.lines.push_back(at + 1);
  }
  texts_.emplace(source, std::move(text));
}

// Also a misspelt name: the line `pasword = "..."` must not be shown because it is wrong.
bool Collector::names_secret(std::string_view text) const {
  size_t begin = 0;
  const auto is_word = [](char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-'; };
  while (begin < text.size()) {
    size_t end = begin;
    while (end < text.size() && is_word(text[end])) ++end;
    const std::string_view word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word.size() >= 2 && !suggest(word, secrets_).empty()) return true;
    if (word.ends_with("_file") && !suggest(word.substr(0, word.size() - 5), secrets_).empty()) return true;
  }
  return false;
}

void Collector::show_line(Problem& problem, size_t lines_above) const {
  const auto found = texts_.find(problem.place.source);
  const uint32_t number = problem.place.line;
  if (found == texts_.end() || number == 0 || number > found->second.lines.size()) return;
  const Text& text = found->second;
  const size_t begin = text.lines[number - 1];
  const size_t end = std::min(text.content.find('\n', begin), text.content.size());
  const size_t first = text.lines[number - 1 - std::min<size_t>(lines_above, number - 1)];
  if (!secrets_.empty() && names_secret(std::string_view(text.content).substr(first, end - first))) return;
  const std::string line = printable(std::string_view(text.content).substr(begin, end - begin));
  uint32_t column = std::max(problem.place.column, 1u);
  // A long line is shown around the place in question.
  uint32_t from = 1;
  if (column > kExcerptWidth * 3 / 4) from = column - kExcerptWidth / 2;
  const size_t cut = column_offset(line, from);
  const size_t stop = column_offset(line, from + kExcerptWidth);
  problem.excerpt = line.substr(cut, stop - cut);
  problem.caret = column - from + 1;
  if (trim(problem.excerpt).empty()) problem.excerpt.clear();
}

void Collector::add(const Place& place, std::string_view path, std::string message, std::string suggestion,
                    bool shows_line) {
  if (problems_.size() == kMaxProblems) {
    overflowed_ = true;
    return;
  }
  Problem problem{place, std::string(path), std::move(message), std::move(suggestion), {}, 0};
  if (shows_line) show_line(problem, 0);
  problems_.push_back(std::move(problem));
}

void Collector::add_syntax(const Place& place, std::string message) {
  Problem problem{place, {}, std::move(message), {}, {}, 0};
  show_line(problem, kSyntaxLinesAbove);
  problems_.push_back(std::move(problem));
}

bool Collector::has_below(std::string_view path) const {
  return std::ranges::any_of(problems_, [&](const Problem& problem) { return is_below(problem.path, path); });
}

bool Collector::has_near(std::string_view path) const {
  return std::ranges::any_of(problems_ | std::views::take(decoded_), [&](const Problem& problem) {
    return is_below(problem.path, path) || parent_path(problem.path) == parent_path(path);
  });
}

size_t Collector::rank(const Place& place) const {
  const auto found = texts_.find(place.source);
  return found == texts_.end() ? texts_.size() : found->second.rank;
}

Problems Collector::take() {
  std::ranges::stable_sort(problems_, {}, [this](const Problem& problem) {
    return std::tuple(rank(problem.place), problem.place.line, problem.place.column);
  });
  if (overflowed_) problems_.push_back({{}, {}, "and more problems than are shown", {}, {}, 0});
  return std::move(problems_);
}

}  // namespace weir::config::detail
