// What a schema table can show of itself and of a config.
#pragma once

#include <string>

#include "pkg/config/load.hh"
#include "pkg/config/table.hh"

namespace weir::config {

namespace detail {
std::string print(const Schema& schema, const void* object, const Origins& origins);
std::string sample(const Schema& schema);
std::string manual(const Schema& schema);
std::string json(const Schema& schema, const void* object);
}  // namespace detail

// The config in force as annotated TOML: each key with its doc, default and bounds, and where its value came
// from. Read again it gives the same config, but for secrets: they are "***", or the `x_file` they came from.
template <typename T>
std::string print(const Table<T>& table, const Loaded<T>& loaded) {
  return detail::print(*table.schema(), &loaded.value, loaded.origins);
}

// A file to start from: every key commented out at its default ("#key = value"; prose has a space after the
// #), and one commented element of each array and map, made of the keys' examples. Valid TOML, also when
// every
// "#key" line is uncommented.
template <typename T>
std::string sample(const Table<T>& table) {
  return detail::sample(*table.schema());
}

// The reference of all keys in mdoc, for the middle of a man page: one .Ss a table.
template <typename T>
std::string manual(const Table<T>& table) {
  return detail::manual(*table.schema());
}

// The values as one JSON object, in the form of the file; secrets are "***".
template <typename T>
std::string json(const Table<T>& table, const T& value) {
  return detail::json(*table.schema(), &value);
}

}  // namespace weir::config
