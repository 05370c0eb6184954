#include "pkg/resp/request.hh"

#include <algorithm>
#include <charconv>

#include "pkg/base/text.hh"

namespace weir::resp {

namespace {

// The longest line before an array or an argument: a sign of what is to come and a number.
constexpr size_t kMostHeadBytes = 32;

// A number as Redis writes it: no plus, no leading zeros, nothing around it.
std::optional<int64_t> parse_count(std::string_view digits) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value);
  if (error != std::errc() || end != digits.end()) return std::nullopt;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
  return value;
}

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Reads one word at `at` of a line, quoted in places, onto `out`. False: a quote is not closed, or something
// stands right behind a closing one.
bool take_word(std::string_view line, size_t& at, std::string& out) {
  char quote = 0;
  for (; at < line.size(); ++at) {
    const char c = line[at];
    if (quote == 0) {
      if (is_blank(c)) return true;
      if (c == '"' || c == '\'') {
        quote = c;
      } else {
        out += c;
      }
    } else if (c == quote) {
      ++at;
      return at == line.size() || is_blank(line[at]);
    } else if (c == '\\' && quote == '\'' && line.substr(at + 1).starts_with('\'')) {
      out += line[++at];
    } else if (c == '\\' && quote == '"' && at + 1 < line.size()) {
      const auto byte =
          line[at + 1] == 'x' && at + 3 < line.size() ? parse_hex(line.substr(at + 2, 2)) : std::nullopt;
      out += byte ? static_cast<char>(*byte) : unescaped(line[at + 1]);
      at += byte ? 3 : 1;
    } else {
      out += c;
    }
  }
  return quote == 0;
}

}  // namespace

RequestParser::Progress RequestParser::parse(std::string_view text) {
  for (;;) {
    Progress progress = Progress::need_more;
    const size_t before = at_;
    const State state = state_;
    switch (state_) {
      case State::begin:
        if (!text.empty()) progress = text[0] == '*' ? begin_array(text) : take_inline(text);
        break;
      case State::length:
        progress = begin_argument(text);
        break;
      case State::bytes:
        progress = take_argument(text);
        break;
    }
    if (progress == Progress::complete && !parts_.empty()) {
      arguments_.clear();
      for (const Part& part : parts_) arguments_.push_back(text.substr(part.begin, part.size));
      parts_.clear();
    }
    if (progress != Progress::need_more || (before == at_ && state == state_)) return progress;
  }
}

RequestParser::Progress RequestParser::refuse(std::string_view problem) {
  problem_ = problem;
  return Progress::refused;
}

RequestParser::Progress RequestParser::finish(size_t end) {
  size_ = end;
  state_ = State::begin;
  at_ = scanned_ = 0;
  return Progress::complete;
}

RequestParser::Line RequestParser::take_line(std::string_view text, std::string_view& line) {
  const size_t end = text.find('\n', std::max(at_, scanned_));
  if (std::min(end, text.size()) - at_ > kMostHeadBytes) return Line::too_long;
  if (end == std::string_view::npos) {
    scanned_ = text.size();
    return Line::cut;
  }
  line = text.substr(at_, end - at_);
  at_ = end + 1;
  return Line::whole;
}

RequestParser::Progress RequestParser::begin_array(std::string_view text) {
  std::string_view line;
  const Line taken = take_line(text, line);
  if (taken == Line::cut) return Progress::need_more;
  if (taken == Line::too_long) return refuse("too big mbulk count string");
  const auto count = line.ends_with('\r') ? parse_count(line.substr(1, line.size() - 2)) : std::nullopt;
  if (!count || *count > static_cast<int64_t>(limits_.arguments)) return refuse("invalid multibulk length");
  arguments_.clear();
  parts_.clear();
  if (*count <= 0) return finish(at_);
  missing_ = static_cast<size_t>(*count);
  state_ = State::length;
  return Progress::need_more;
}

RequestParser::Progress RequestParser::begin_argument(std::string_view text) {
  if (at_ == text.size()) return Progress::need_more;
  if (text[at_] != '$') {
    const char c = text[at_];
    return refuse(std::string("expected '$', got '") + (c > ' ' && c < 0x7f ? c : '?') + "'");
  }
  std::string_view line;
  const Line taken = take_line(text, line);
  if (taken == Line::cut) return Progress::need_more;
  if (taken == Line::too_long) return refuse("too big bulk count string");
  const auto length = line.ends_with('\r') ? parse_count(line.substr(1, line.size() - 2)) : std::nullopt;
  if (!length || *length < 0 || *length > static_cast<int64_t>(limits_.argument_bytes))
    return refuse("invalid bulk length");
  length_ = static_cast<size_t>(*length);
  if (at_ + length_ + 2 > limits_.command_bytes) return refuse("too big command");
  state_ = State::bytes;
  return Progress::need_more;
}

RequestParser::Progress RequestParser::take_argument(std::string_view text) {
  const size_t end = at_ + length_;
  if (text.size() > end && text[end] != '\r') return refuse("no line end behind an argument");
  if (text.size() < end + 2) return Progress::need_more;
  if (text[end + 1] != '\n') return refuse("no line end behind an argument");
  parts_.push_back({at_, length_});
  at_ = end + 2;
  state_ = State::length;
  return --missing_ == 0 ? finish(at_) : Progress::need_more;
}

RequestParser::Progress RequestParser::take_inline(std::string_view text) {
  const size_t end = text.find('\n', scanned_);
  if (std::min(end, text.size()) > limits_.argument_bytes) return refuse("too big inline request");
  if (end == std::string_view::npos) {
    scanned_ = text.size();
    return Progress::need_more;
  }
  if (!split_words(text.substr(0, end))) return refuse("unbalanced quotes in request");
  if (arguments_.size() > limits_.arguments) return refuse("invalid multibulk length");
  return finish(end + 1);
}

bool RequestParser::split_words(std::string_view line) {
  arguments_.clear();
  words_.clear();
  words_.reserve(line.size());  // no word is longer than its spelling, so none moves
  for (size_t at = 0;;) {
    while (at < line.size() && is_blank(line[at])) ++at;
    if (at == line.size()) return true;
    const size_t begin = words_.size();
    if (!take_word(line, at, words_)) return false;
    arguments_.push_back(std::string_view(words_).substr(begin));
  }
}

}  // namespace weir::resp
