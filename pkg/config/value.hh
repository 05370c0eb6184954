// How a C++ type stands in a config file. Built in: bool, integers, double, std::string, Duration, Bytes, and
// std::vector and std::optional of these, and std::map<std::string, V> (an inline table). Any other type
// comes in as a TOML string, in one of three ways:
//
//   - it has `static Result<T> parse(std::string_view)` and `std::string to_string() const`: nothing to do;
//   - Value<T> is specialised with `parse` and `format` (and, for better messages, `expected`, a phrase such
//   as
//     "an address such as \"127.0.0.1:80\"");
//   - Table::text() is given the parse function of that one key.
//
// What format() writes, parse() must read back as an equal value: printed configs rely on it.
#pragma once

#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "pkg/base/result.hh"
#include "pkg/base/units.hh"

namespace weir::config {

template <typename T>
struct Value;

template <typename T>
concept ParsesItself = requires(std::string_view text, const T& value) {
  { T::parse(text) } -> std::same_as<Result<T>>;
  { value.to_string() } -> std::convertible_to<std::string>;
};

template <ParsesItself T>
struct Value<T> {
  static Result<T> parse(std::string_view text) { return T::parse(text); }
  static std::string format(const T& value) { return value.to_string(); }
};

namespace detail {

enum class Kind { boolean, integer, number, string, duration, bytes, choice, text };
enum class Shape { one, optional, list, map };

template <typename V>
constexpr Kind kind_of() {
  if constexpr (std::is_same_v<V, bool>) return Kind::boolean;
  if constexpr (std::is_enum_v<V>) return Kind::choice;
  if constexpr (std::is_integral_v<V>) return Kind::integer;
  if constexpr (std::is_floating_point_v<V>) return Kind::number;
  if constexpr (std::is_same_v<V, std::string>) return Kind::string;
  if constexpr (std::is_same_v<V, Duration>) return Kind::duration;
  if constexpr (std::is_same_v<V, Bytes>) return Kind::bytes;
  return Kind::text;
}

// The shape of a member's type and the type of one value in it.
template <typename M>
struct Unwrap {
  static constexpr Shape shape = Shape::one;
  using Element = M;
};
template <typename V>
struct Unwrap<std::optional<V>> {
  static constexpr Shape shape = Shape::optional;
  using Element = V;
};
template <typename V>
struct Unwrap<std::vector<V>> {
  static constexpr Shape shape = Shape::list;
  using Element = V;
};
template <typename V>
struct Unwrap<std::map<std::string, V>> {
  static constexpr Shape shape = Shape::map;
  using Element = V;
};
template <typename M>
using ElementOf = typename Unwrap<M>::Element;

}  // namespace detail
}  // namespace weir::config
