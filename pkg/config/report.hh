// What is wrong with a config, each problem with its place, for people and for editors.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

// Where something was said. Lines and columns count from 1, columns in code points; 0 is "not known".
struct Place {
  std::string source;  // the file's name as it was given, or a setting's origin ("--listen"); empty: nowhere
  uint32_t line = 0;
  uint32_t column = 0;
};

// Where the value in force came from.
struct Origin {
  Place place;              // of the value; an empty source is a default
  std::string secret_file;  // the path that `x_file` named, where a secret came from a file

  bool is_default() const { return place.source.empty(); }
  std::string to_string() const;  // "default", "proxy.toml:12", "--listen"
};

// By dotted path: "server.listen", "limit[0].rate" (counting from 0), "upstream.app.servers[1]".
using Origins = std::map<std::string, Origin, std::less<>>;

struct Problem {
  Place place;
  std::string path;        // dotted, as above; empty where there is none
  std::string message;     // unknown key "lisen" in [server]
  std::string suggestion;  // did you mean "listen"?
  std::string excerpt;     // the line in question, fit for a terminal; empty where none, or near a secret
  uint32_t caret = 0;      // column of the excerpt to point at, from 1
};

// At most kMaxProblems are kept; one more then says that there are others.
constexpr size_t kMaxProblems = 100;
using Problems = std::vector<Problem>;

// proxy.toml:12:7: unknown key "lisen" in [server]; did you mean "listen"?
//   lisen = "127.0.0.1:80"
//   ^
// Without a newline at the end.
std::string render(const Problem& problem);
// An array of objects {"file","line","column","path","message","suggestion"}, on one line.
std::string to_json(std::span<const Problem> problems);

// `did you mean "x"?` for the nearest of `names`, or nothing when none is near.
std::string suggest(std::string_view word, std::span<const std::string> names);

// "parent.key", with quotes around a key that needs them; and "parent[index]".
std::string key_path(std::string_view parent, std::string_view key);
std::string index_path(std::string_view parent, size_t index);

// What a Table's check() reports to.
class Report {
 public:
  // `path` is relative to the table being checked, in the form above; "" is the table itself. The message
  // stands at that key's place, or at that of the nearest table around it when the key is not in the file.
  void error(std::string_view path, std::string message, std::string suggestion = {});

  using Sink = std::function<void(std::string path, std::string message, std::string suggestion)>;
  Report(std::string prefix, Sink sink) : prefix_(std::move(prefix)), sink_(std::move(sink)) {}

 private:
  std::string prefix_;
  Sink sink_;
};

}  // namespace weir::config
