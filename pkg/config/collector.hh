// Gathers problems while a config is loaded, each with the line it is about.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/config/report.hh"
#include "pkg/config/schema.hh"

namespace weir::config::detail {

class Collector {
 public:
  explicit Collector(const Schema& schema) { note_secrets(schema); }

  // Lets problems in `source` show their line. Sources are reported in the order they were added, settings
  // last.
  void add_text(const std::string& source, std::string text);

  // `shows_line`: whether the line may be shown; it never is when it names a secret.
  void add(const Place& place, std::string_view path, std::string message, std::string suggestion = {},
           bool shows_line = true);
  // A syntax error may stand in a string of many lines that a secret began: those above count too.
  void add_syntax(const Place& place, std::string message);

  bool empty() const { return problems_.empty(); }
  // Whether `path` or something below it has a problem already; near: also beside it in the same table.
  bool has_below(std::string_view path) const;
  // Among those that decoding found, which must have ended.
  bool has_near(std::string_view path) const;
  void end_decoding() { decoded_ = problems_.size(); }
  Problems take();  // in the order of place

 private:
  void note_secrets(const Schema& schema);
  bool names_secret(std::string_view text) const;
  void show_line(Problem& problem, size_t lines_above) const;
  size_t rank(const Place& place) const;

  struct Text {
    size_t rank;
    std::string content;
    std::vector<size_t> lines;  // where each begins
  };

  std::map<std::string, Text, std::less<>> texts_;
  std::vector<std::string> secrets_;  // names of secret keys, wherever they stand
  Problems problems_;
  size_t decoded_ = 0;  // how many of them decoding found
  bool overflowed_ = false;
};

}  // namespace weir::config::detail
