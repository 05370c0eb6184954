// From sources to a typed config. In rising priority: the struct's defaults; the file; the files matched by
// its top-level `include = ["conf.d/*.toml"]`; settings from the command line.
//
// Included files add to each other and to the file that includes them: arrays of tables append in order,
// tables and maps merge, and one key set in two files is an error that names both places. Patterns are
// relative to the including file and matched in sorted order; a pattern that matches nothing is fine, a plain
// name that is not there is an error. Included files include nothing.
//
// Bounds: 1 MiB a file, 256 included files, nesting and dotted keys 16 deep, 65,536 items in a list.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pkg/base/result.hh"
#include "pkg/config/report.hh"
#include "pkg/config/table.hh"

namespace weir::config {

// One value from the command line: {"server.workers", "4", "--workers"}. The value is read as TOML, and taken
// as text where that fails or where the key wants text; a list also takes a single value. A setting replaces
// what the file says for that key; further settings of the same list append to the first.
//
// "limit[].rate" appends an element to the array [[limit]] and sets its rate; "limit[-1].burst" sets a key of
// the last element, so that several keys make one element; "limit[0].rate" changes an element of the file.
// "upstream.default.servers" needs no preparation: tables are made as they are named.
struct Setting {
  std::string path;
  std::string value;
  std::string origin;  // what the user wrote, for messages: "--listen"
};

// The file system, as far as loading needs it; a test or a fuzzer brings its own.
class Files {
 public:
  virtual ~Files() = default;
  // The whole file; Errc::limit where it has more than `most` bytes. A directory is an error. Devices, pipes
  // and sockets are read only when `special` says so: the main file may be /dev/stdin, an included one may
  // not.
  virtual Result<std::string> read(const std::string& path, size_t most, bool special) const = 0;
  // Paths that match, sorted.
  virtual Result<std::vector<std::string>> match(const std::string& directory,
                                                 const std::string& pattern) const = 0;
};
const Files& real_files();

struct Input {
  std::string file;  // empty: no file, only defaults and settings
  std::vector<Setting> settings;
  std::string credentials = credentials_directory();  // for secrets' files; empty: none
  const Files* files = &real_files();                 // not owned

  static std::string credentials_directory();  // $CREDENTIALS_DIRECTORY
};

template <typename T>
struct Loaded {
  T value;
  Origins origins;                 // of every key, also of those at their default
  std::vector<std::string> files;  // what was read, the main file first
};

namespace detail {
struct Provenance {
  Origins origins;
  std::vector<std::string> files;
};
// Fills `object`, which holds the defaults. Its contents mean nothing when there are problems.
std::expected<Provenance, Problems> load_into(const Schema& schema, void* object, const Input& input);
std::vector<std::string> changed_restart_keys(const Schema& schema, const void* before, const void* after);
}  // namespace detail

// The config, or everything that is wrong with it, in the order of place.
template <typename T>
std::expected<Loaded<T>, Problems> load(const Table<T>& table, const Input& input) {
  Loaded<T> loaded;
  auto provenance = detail::load_into(*table.schema(), &loaded.value, input);
  if (!provenance) return std::unexpected(std::move(provenance).error());
  loaded.origins = std::move(provenance->origins);
  loaded.files = std::move(provenance->files);
  return loaded;
}

// The paths of changed keys that were marked reload(false).
template <typename T>
std::vector<std::string> changed_restart_keys(const Table<T>& table, const T& before, const T& after) {
  return detail::changed_restart_keys(*table.schema(), &before, &after);
}

}  // namespace weir::config
