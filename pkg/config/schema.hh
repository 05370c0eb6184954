// What a Table<T> is without its type: the form in which the engine (decode, print, sample, manual) sees
// every schema. A daemon includes table.hh and never names what stands here.
//
// A key knows where its member lies by the offset from the start of the struct, measured on a default-made
// object, and reads and writes it through a table of functions of which there is one per member type, not one
// per key: a daemon with a hundred keys compiles as fast as one with ten.
#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "pkg/base/result.hh"
#include "pkg/config/value.hh"

namespace weir::config {

class Report;

namespace detail {

// One value on its way between TOML and a member. Durations are nanoseconds, sizes bytes, enums their
// underlying number; a type that parses itself is its text.
using Raw = std::variant<bool, int64_t, double, std::string>;

constexpr size_t kMaxItems = 65'536;  // in one list, array of tables or map, unless a key says less

struct Entry;
struct Schema;

struct Item {
  std::string key;  // in a map; empty elsewhere
  Raw value;
};

// How a key's member is read and written; `member` points at it.
struct KeyAccess {
  void (*clear)(void* member);  // to empty: lists, maps, optionals
  Result<> (*put)(void* member, const Entry& entry, std::string_view key, const Raw& value);
  std::vector<Item> (*get)(const void* member, const Entry& entry);
};

struct Element {
  std::string name;  // in a map; empty elsewhere
  const void* object;
};

// The same for a member that holds tables.
struct TableAccess {
  void (*clear)(void* member);
  void* (*open)(void* member, std::string_view name);  // adds one, or finds the one that is always there
  std::vector<Element> (*elements)(const void* member);
};

enum class Form { key, table, optional_table, array, map };

struct Entry {
  std::string name;
  std::string doc;
  std::string example;
  Form form = Form::key;
  size_t offset = 0;
  bool required = false;
  bool secret = false;
  bool unique = false;
  bool reload = true;
  size_t at_least = 0;
  size_t at_most = kMaxItems;

  // Form::key
  Kind kind = Kind::string;
  Shape shape = Shape::one;
  std::string expected;  // Kind::text: what to say when something else is found
  std::variant<std::monostate, int64_t, double> low, high;
  int64_t type_low = std::numeric_limits<int64_t>::min();  // what the C++ integer can hold
  int64_t type_high = std::numeric_limits<int64_t>::max();
  std::vector<std::pair<std::string, int64_t>> choices;
  // Kind::text: Result<V> (*)(std::string_view) and std::string (*)(const V&), kept without their type.
  void (*parse)() = nullptr;
  void (*format)() = nullptr;
  const KeyAccess* access = nullptr;

  // all other forms
  const TableAccess* tables = nullptr;
  std::shared_ptr<const Schema> schema;

  void* member(void* object) const { return static_cast<char*>(object) + offset; }
  const void* member(const void* object) const { return static_cast<const char*>(object) + offset; }
};

struct Schema {
  std::deque<Entry> entries;  // in the order they are documented; a deque so that references stay good
  std::shared_ptr<const void> prototype;  // an object with every default
  std::vector<std::function<void(const void* object, Report& report)>> checks;

  const Entry* find(std::string_view name) const;
  // The entry `x` of which `name` is the file form, "x_file".
  const Entry* find_file_form(std::string_view name) const;
};

}  // namespace detail
}  // namespace weir::config
