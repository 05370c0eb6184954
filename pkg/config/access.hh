// The functions behind KeyAccess and TableAccess: the only templates that exist once per member type.
#pragma once

#include <algorithm>

#include "pkg/config/schema.hh"

namespace weir::config::detail {

template <typename V>
using ParseFunction = Result<V> (*)(std::string_view);
template <typename V>
using FormatFunction = std::string (*)(const V&);

template <typename V>
Result<V> from_raw(const Entry& entry, const Raw& raw) {
  constexpr Kind kind = kind_of<V>();
  if constexpr (kind == Kind::boolean) return std::get<bool>(raw);
  if constexpr (kind == Kind::integer || kind == Kind::choice) return static_cast<V>(std::get<int64_t>(raw));
  if constexpr (kind == Kind::number) return static_cast<V>(std::get<double>(raw));
  if constexpr (kind == Kind::string) return std::get<std::string>(raw);
  if constexpr (kind == Kind::duration) return Duration{std::get<int64_t>(raw)};
  if constexpr (kind == Kind::bytes) return Bytes{static_cast<uint64_t>(std::get<int64_t>(raw))};
  if constexpr (kind == Kind::text) {
    return reinterpret_cast<ParseFunction<V>>(entry.parse)(std::get<std::string>(raw));
  }
}

// TOML's integers end at 2^63 - 1: a default above that is shown as that.
constexpr int64_t clamp_integer(auto value) {
  if (std::cmp_greater(value, std::numeric_limits<int64_t>::max()))
    return std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(value);
}

template <typename V>
Raw to_raw(const Entry& entry, const V& value) {
  constexpr Kind kind = kind_of<V>();
  if constexpr (kind == Kind::boolean) return Raw(bool{value});
  if constexpr (kind == Kind::integer) return Raw(clamp_integer(value));
  if constexpr (kind == Kind::choice) return Raw(static_cast<int64_t>(value));
  if constexpr (kind == Kind::number) return Raw(double{value});
  if constexpr (kind == Kind::string) return Raw(std::string(value));
  if constexpr (kind == Kind::duration) return Raw(int64_t{value.count()});
  if constexpr (kind == Kind::bytes) return Raw(clamp_integer(value.count));
  if constexpr (kind == Kind::text) {
    return Raw(reinterpret_cast<FormatFunction<V>>(entry.format)(value));
  }
}

template <typename M>
void clear_member(void* member) {
  auto& value = *static_cast<M*>(member);
  constexpr Shape shape = Unwrap<M>::shape;
  if constexpr (shape == Shape::optional) value.reset();
  if constexpr (shape == Shape::list || shape == Shape::map) value.clear();
}

template <typename M>
Result<> put_member(void* member, const Entry& entry, [[maybe_unused]] std::string_view key, const Raw& raw) {
  auto value = from_raw<ElementOf<M>>(entry, raw);
  if (!value) return std::unexpected(std::move(value).error());
  auto& target = *static_cast<M*>(member);
  constexpr Shape shape = Unwrap<M>::shape;
  if constexpr (shape == Shape::one || shape == Shape::optional) target = *std::move(value);
  if constexpr (shape == Shape::list) target.push_back(*std::move(value));
  if constexpr (shape == Shape::map) target.insert_or_assign(std::string(key), *std::move(value));
  return {};
}

template <typename M>
std::vector<Item> get_member(const void* member, const Entry& entry) {
  using V = ElementOf<M>;
  const auto& value = *static_cast<const M*>(member);
  constexpr Shape shape = Unwrap<M>::shape;
  std::vector<Item> items;
  if constexpr (shape == Shape::one) items.push_back({{}, to_raw<V>(entry, value)});
  if constexpr (shape == Shape::optional) {
    if (value) items.push_back({{}, to_raw<V>(entry, *value)});
  }
  if constexpr (shape == Shape::list) {
    for (const V& element : value) items.push_back({{}, to_raw<V>(entry, element)});
  }
  if constexpr (shape == Shape::map) {
    for (const auto& [key, element] : value) items.push_back({key, to_raw<V>(entry, element)});
  }
  return items;
}

template <typename M>
inline constexpr KeyAccess kKeyAccess{clear_member<M>, put_member<M>, get_member<M>};

template <typename M>
void* open_table(void* member, [[maybe_unused]] std::string_view name) {
  auto& value = *static_cast<M*>(member);
  constexpr Shape shape = Unwrap<M>::shape;
  if constexpr (shape == Shape::one) return &value;
  if constexpr (shape == Shape::optional) return value ? &*value : &value.emplace();
  if constexpr (shape == Shape::list) return &value.emplace_back();
  if constexpr (shape == Shape::map) return &value[std::string(name)];
}

template <typename M>
std::vector<Element> table_elements(const void* member) {
  const auto& value = *static_cast<const M*>(member);
  constexpr Shape shape = Unwrap<M>::shape;
  std::vector<Element> elements;
  if constexpr (shape == Shape::one) elements.push_back({{}, &value});
  if constexpr (shape == Shape::optional) {
    if (value) elements.push_back({{}, &*value});
  }
  if constexpr (shape == Shape::list) {
    for (const auto& element : value) elements.push_back({{}, &element});
  }
  if constexpr (shape == Shape::map) {
    for (const auto& [name, element] : value) elements.push_back({name, &element});
  }
  return elements;
}

template <typename M>
inline constexpr TableAccess kTableAccess{clear_member<M>, open_table<M>, table_elements<M>};

}  // namespace weir::config::detail
