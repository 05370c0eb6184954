// plain_form_of_lua(): as much of Lua's lexical rules as tells two spellings of one script from two scripts.

#include "cmd/weir-locker/redis_scripts.hh"
#include "pkg/base/text.hh"

namespace weir::locker {

namespace {

bool is_word(char c) {
  return is_alpha(c) || is_digit(c) || c == '_';
}

// Behind a comment that begins at `at`: to the end of its line, or of its long brackets.
size_t comment_end(std::string_view text, size_t at) {
  const bool is_long = text.substr(at).starts_with("--[[");
  const size_t end = text.find(is_long ? "]]" : "\n", at);
  if (end == std::string_view::npos) return text.size();
  return end + (is_long ? 2 : 1);
}

// Behind a text in quotes that begins at `at`.
size_t quoted_end(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && text[end] != text[at]) end += text[end] == '\\' ? 2 : 1;
  return std::min(end + 1, text.size());
}

// Behind a word, a number or an operator.
size_t token_end(std::string_view text, size_t at) {
  size_t end = at + 1;
  if (is_word(text[at])) {
    while (end < text.size() && is_word(text[end])) ++end;
    return end;
  }
  const std::string_view pair = text.substr(at, 2);
  return pair == "==" || pair == "~=" || pair == "<=" || pair == ">=" || pair == ".." ? at + 2 : end;
}

}  // namespace

std::string plain_form_of_lua(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == ' ' || c == ';' || (c >= '\t' && c <= '\r')) {
      ++at;
      continue;
    }
    if (text.substr(at).starts_with("--")) {
      at = comment_end(text, at);
      continue;
    }
    const bool is_quoted = c == '"' || c == '\'';
    const size_t end = is_quoted ? quoted_end(text, at) : token_end(text, at);
    std::string token(text.substr(at, end - at));
    if (is_quoted) {
      token = to_lower(token);
      token.front() = token.back() = '"';
    }
    if (!out.empty()) out += ' ';
    out += token;
    at = end;
  }
  return out;
}

}  // namespace weir::locker
