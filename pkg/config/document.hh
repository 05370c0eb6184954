// A TOML document as plain values with places: what toml.cc makes of a file, so that nothing else needs
// toml++, and what merging and settings work on.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/config/report.hh"

namespace weir::config::detail {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxDepth = 16;  // of nested values, and of parts in a dotted key

struct Member;

struct Node {
  enum class Kind { boolean, integer, number, string, array, table, date };

  Kind kind = Kind::table;
  Place place;
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  std::string text;
  std::vector<Node> items;      // array
  std::vector<Member> members;  // table: sorted by key, each once

  const Member* find(std::string_view key) const;
  Member* find(std::string_view key);
  Member& insert(std::string_view key, Node value, const Place& key_place);  // or replaces
  void erase(std::string_view key);
};

struct Member {
  std::string key;
  Place place;  // of the key; a table made by a header has the header's
  Node value;
};

std::string_view describe(Node::Kind kind);  // "a string", "an integer"

// Why a text cannot be read. Line and column are 0 where the whole file is at fault.
struct SyntaxError {
  uint32_t line = 0;
  uint32_t column = 0;
  std::string message;
};

// Parses a whole document. `source` is what places say.
std::expected<Node, SyntaxError> parse_document(std::string_view text, const std::string& source);
// Refuses what toml++ 3.3 must not see: see guard.cc. Nothing: the text may be parsed.
std::expected<void, SyntaxError> guard(std::string_view text);

}  // namespace weir::config::detail
