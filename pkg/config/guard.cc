// What toml++ 3.3.0 must not see, found by fuzzing it:
//
//   - a key of 200,000 dotted parts, or brackets as deep: it recurses, also when it frees the result;
//   - a character beyond ASCII where it looks for white space: its table of that then runs into a
//     __builtin_unreachable (the bytes c7 a1 do). It looks outside of strings and comments and after a
//     backslash, where TOML allows none, and after a line that ends in a backslash, where TOML would. It also
//     looks ahead over a number or date up to a space, comma, closing bracket or "#", before it finds fault
//     with a quote or an opening bracket in it: so those are refused here;
//   - bytes that are not UTF-8, whose handling nothing pins down.
//
// The scan follows TOML's lexical structure (strings, comments, brackets) and no more. Where a text isn't
// TOML the scan may lose its way, but toml++ stops at that very place, so what comes after does no harm.
#include "pkg/base/text.hh"
#include "pkg/config/document.hh"
#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  std::expected<void, SyntaxError> run() {
    while (at_ < text_.size() && message_.empty()) step(text_[at_]);
    if (message_.empty()) return {};
    const auto [line, column] = position(text_, at_);
    return std::unexpected(SyntaxError{line, column, message_});
  }

 private:
  void step(char c) {
    constexpr std::string_view kNeverInsideBareValues = "\"'[{=";
    if (is_inside_bare_value_ && kNeverInsideBareValues.contains(c)) {
      return refuse("a character that may not stand inside a value without quotes");
    }
    if (static_cast<uint8_t>(c) >= 0x80) {
      return refuse("a character that may stand only in a string or a comment");
    }
    switch (c) {
      case '#':
        at_ = std::min(text_.find('\n', at_), text_.size());
        is_inside_bare_value_ = false;
        return;
      case '"':
      case '\'':
        return skip_string(c);
      case '.':
        if (++dots_ >= kMaxDepth) return refuse("a dotted key of more than 16 parts");
        is_inside_bare_value_ = is_in_value_;
        break;
      case ' ':
      case '\t':
      case '\r':
        is_inside_bare_value_ = false;
        break;
      case '[':
      case ']':
      case '{':
      case '}':
      case '=':
      case ',':
      case '\n':
        if (!cross(c)) return refuse("nested more than 16 deep");
        break;
      default:
        is_inside_bare_value_ = is_in_value_;
    }
    ++at_;
  }

  // Keeps track of where values stand: after "=", and in an array after "[" and ",". False: too deep.
  bool cross(char c) {
    dots_ = 0;
    is_inside_bare_value_ = false;
    if (c == '[' || c == '{') {
      if (open_.size() == kMaxDepth) return false;
      const bool is_array = c == '[' && is_in_value_;  // else a table's header
      open_ += is_array ? 'a' : c;
      is_in_value_ = is_array;
    } else if (c == ']' || c == '}') {
      is_in_value_ = !open_.ends_with('[');
      if (!open_.empty()) open_.pop_back();
    } else if (c == '=') {
      is_in_value_ = true;
    } else if (c == ',') {
      is_in_value_ = !open_.ends_with('{');
    } else if (open_.empty()) {
      is_in_value_ = false;  // the end of a line
    }
    return true;
  }

  bool at(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  void skip_string(char quote) {
    const std::string triple(3, quote);
    const bool multi_line = at(triple);
    const bool escapes = quote == '"';
    at_ += multi_line ? 3 : 1;
    while (at_ < text_.size()) {
      if (escapes && text_[at_] == '\\') {
        if (!skip_escape(multi_line)) return;
      } else if (multi_line && at(triple)) {
        at_ += 3;
        // Up to two quotes may stand directly before the closing three.
        for (int more = 0; more < 2 && at(triple.substr(2)); ++more) ++at_;
        return;
      } else if (!multi_line && (text_[at_] == quote || text_[at_] == '\n')) {
        if (text_[at_] == quote) ++at_;
        return;
      } else {
        ++at_;
      }
    }
  }

  // A backslash and the character after it; or, in a string of several lines, all white space that follows.
  bool skip_escape(bool multi_line) {
    ++at_;
    const size_t next = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    const bool skips_space = multi_line && next > at_;
    if (skips_space) at_ = next;
    if (at_ < text_.size() && static_cast<uint8_t>(text_[at_]) >= 0x80) {
      refuse(skips_space ? "a line after one that ends in a backslash must begin with an ASCII character"
                         : "a backslash before a character that needs none");
      return false;
    }
    if (!skips_space) at_ = std::min(at_ + 1, text_.size());
    return true;
  }

  void refuse(std::string_view message) { message_ = message; }

  std::string_view text_;
  size_t at_ = 0;
  size_t dots_ = 0;
  std::string open_;  // the brackets around this place: '[' of a header, 'a' of an array, '{'
  bool is_in_value_ = false;
  bool is_inside_bare_value_ = false;
  std::string message_;
};

}  // namespace

std::expected<void, SyntaxError> guard(std::string_view text) {
  if (text.size() > kMaxFileBytes) return std::unexpected(SyntaxError{0, 0, "larger than 1 MiB"});
  if (const size_t valid = valid_utf8(text); valid < text.size()) {
    const auto [line, column] = position(text, valid);
    return std::unexpected(SyntaxError{line, column, "not valid UTF-8"});
  }
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return Scan(text).run();
}

}  // namespace weir::config::detail
