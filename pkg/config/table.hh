// The schema table: one description of a struct's keys, from which Weir reads it, checks it, prints it and
// documents it. Defaults are the struct's member initialisers and are written nowhere else.
//
//   struct Limit { std::string name; Rate rate{100, 60s}; uint64_t burst = 0; std::vector<std::string>
//   key{"ip"}; }; struct Config { Server server; std::vector<Limit> limits; std::map<std::string, Upstream>
//   upstreams; };
//
//   config::Table<Limit> limit_table() {
//     config::Table<Limit> t;
//     t.key("name", &Limit::name).required().unique().example("per-client").doc("Name of the rule in logs.");
//     t.key("burst", &Limit::burst).bounds(0, 1'000'000).doc("Requests that may come at once.");
//     return t;
//   }
//   config::Table<Config> t;
//   t.table("server", &Config::server, server_table()).doc("...");        // [server]
//   t.array("limit", &Config::limits, limit_table()).doc("...");          // [[limit]]
//   t.map("upstream", &Config::upstreams, upstream_table()).doc("...");   // [upstream.NAME]
//   t.check([](const Config& c, config::Report& r) { ... });
//
// Docs are plain sentences; a line break in them starts a new paragraph. A Table is cheap to copy: copies
// share one schema. The struct must be default-constructible and have no virtual bases.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "pkg/config/access.hh"
#include "pkg/config/report.hh"
#include "pkg/config/schema.hh"
#include "pkg/config/value.hh"

namespace weir::config {

// Says more about a key that was just named. V is the type of one value: of the key, or of each in its list.
template <typename V>
class Key {
 public:
  explicit Key(detail::Entry& entry) : entry_(entry) {}

  Key& doc(std::string text) { return entry_.doc = std::move(text), *this; }
  // Shown in the sample of a table that has no defaults. As on a command line: TOML, or the bare text of a
  // string.
  Key& example(std::string text) { return entry_.example = std::move(text), *this; }
  // The file must set it; a table without it is an error.
  Key& required() { return entry_.required = true, *this; }
  // Both ends belong to the range.
  Key& bounds(V low, V high) requires(std::is_arithmetic_v<V> || std::is_same_v<V, Duration> ||
                                      std::is_same_v<V, Bytes>) {
    set_bound(entry_.low, low);
    set_bound(entry_.high, high);
    return *this;
  }
  // How many values a list or a map may hold where it is given; required() says that it must be.
  Key& at_least(size_t count) { return entry_.at_least = count, *this; }
  Key& at_most(size_t count) { return entry_.at_most = count, *this; }
  // Never shown; and `x` may be given as `x_file = "path"` instead: its contents without one newline at the
  // end; of a list, its lines. A relative path is looked up in $CREDENTIALS_DIRECTORY where that is set, else
  // beside the config file.
  Key& secret() requires std::is_same_v<V, std::string> { return entry_.secret = true, *this; }
  // No two tables of one array may have the same value here. Elements that leave it at its default don't
  // count.
  Key& unique() { return entry_.unique = true, *this; }
  // reload(false): a change needs a restart; changed_restart_keys() finds it.
  Key& reload(bool applies) { return entry_.reload = applies, *this; }

 private:
  void set_bound(auto& bound, V value) {
    detail::Raw raw = detail::to_raw<V>(entry_, value);
    if (const auto* number = std::get_if<double>(&raw)) {
      bound = *number;
    } else if (const auto* integer = std::get_if<int64_t>(&raw)) {
      bound = *integer;
    }
  }

  detail::Entry& entry_;
};

// The same for a key that holds a table or tables.
class TableKey {
 public:
  explicit TableKey(detail::Entry& entry) : entry_(entry) {}

  TableKey& doc(std::string text) { return entry_.doc = std::move(text), *this; }
  // A map's: the name under which the sample shows an element.
  TableKey& example(std::string name) { return entry_.example = std::move(name), *this; }
  TableKey& required() { return entry_.required = true, *this; }
  TableKey& at_least(size_t count) { return entry_.at_least = count, *this; }
  TableKey& at_most(size_t count) { return entry_.at_most = count, *this; }
  TableKey& reload(bool applies) { return entry_.reload = applies, *this; }

 private:
  detail::Entry& entry_;
};

template <typename T>
class Table {
 public:
  Table() : Table(T{}) {}
  // With other defaults than the struct's own: what the struct that holds this one initialises it with.
  explicit Table(T defaults)
      : prototype_(std::make_shared<T>(std::move(defaults))), schema_(std::make_shared<detail::Schema>()) {
    schema_->prototype = prototype_;
  }

  template <typename M>
  Key<detail::ElementOf<M>> key(std::string name, M T::*member) {
    using V = detail::ElementOf<M>;
    static_assert(detail::kind_of<V>() != detail::Kind::choice, "an enum's key is described by choice()");
    detail::Entry& entry = add_key(std::move(name), member);
    if constexpr (detail::kind_of<V>() == detail::Kind::text) {
      static_assert(
          requires { &Value<V>::parse; }, "specialise config::Value, or use text()");
      set_text<V>(entry, &Value<V>::parse);
    }
    return Key<V>(entry);
  }

  // A key whose type has more than one way to be read: t.text("listen", &Server::listen,
  // Address::parse_listen, "an address such as \"127.0.0.1:8080\""). Written back by its Value or its
  // to_string().
  template <typename M>
  Key<detail::ElementOf<M>> text(std::string name, M T::*member,
                                 Result<detail::ElementOf<M>> (*parse)(std::string_view),
                                 std::string expected = {}) {
    detail::Entry& entry = add_key(std::move(name), member);
    entry.kind = detail::Kind::text;
    set_text<detail::ElementOf<M>>(entry, parse);
    if (!expected.empty()) entry.expected = std::move(expected);
    return Key<detail::ElementOf<M>>(entry);
  }

  // A key of an enum, by the names its values have in the file.
  template <typename M>
  Key<detail::ElementOf<M>> choice(
      std::string name, M T::*member,
      std::initializer_list<std::pair<const char*, std::type_identity_t<detail::ElementOf<M>>>> choices) {
    static_assert(std::is_enum_v<detail::ElementOf<M>>);
    detail::Entry& entry = add_key(std::move(name), member);
    for (const auto& [text, value] : choices) {
      entry.choices.emplace_back(text, static_cast<int64_t>(value));
    }
    return Key<detail::ElementOf<M>>(entry);
  }

  // [name]. A std::optional member is a table that need not be there.
  template <typename M>
  TableKey table(std::string name, M T::*member, const Table<detail::ElementOf<M>>& inner) {
    constexpr detail::Shape shape = detail::Unwrap<M>::shape;
    static_assert(shape == detail::Shape::one || shape == detail::Shape::optional);
    return add_tables(shape == detail::Shape::one ? detail::Form::table : detail::Form::optional_table,
                      std::move(name), member, inner);
  }

  // [[name]]. Elements in the file replace those the struct has by default.
  template <typename U>
  TableKey array(std::string name, std::vector<U> T::*member, const Table<U>& inner) {
    return add_tables(detail::Form::array, std::move(name), member, inner);
  }

  // [name.NAME]. As above.
  template <typename U>
  TableKey map(std::string name, std::map<std::string, U> T::*member, const Table<U>& inner) {
    return add_tables(detail::Form::map, std::move(name), member, inner);
  }

  // The keys and checks of `inner` as this table's own, for a member that groups what the file does not.
  template <typename U>
  void embed(U T::*member, const Table<U>& inner) {
    const size_t offset = offset_of(member);
    for (const detail::Entry& entry : inner.schema()->entries) {
      schema_->entries.emplace_back(entry).offset += offset;
    }
    for (const auto& function : inner.schema()->checks) {
      schema_->checks.push_back([function, offset](const void* object, Report& report) {
        function(static_cast<const char*>(object) + offset, report);
      });
    }
  }

  // What no single key can tell. Runs after everything is decoded, also when there were errors (values that
  // were wrong are then at their defaults); paths in the report are relative to this table.
  template <typename Check>
  void check(Check function) {
    schema_->checks.push_back([function = std::move(function)](const void* object, Report& report) {
      function(*static_cast<const T*>(object), report);
    });
  }

  const std::shared_ptr<detail::Schema>& schema() const { return schema_; }

 private:
  template <typename M>
  size_t offset_of(M T::*member) const {
    const T& object = *prototype_;
    return static_cast<size_t>(reinterpret_cast<const char*>(&(object.*member)) -
                               reinterpret_cast<const char*>(&object));
  }

  template <typename M>
  detail::Entry& add_key(std::string name, M T::*member) {
    using V = detail::ElementOf<M>;
    detail::Entry& entry = schema_->entries.emplace_back();
    entry.name = std::move(name);
    entry.offset = offset_of(member);
    entry.kind = detail::kind_of<V>();
    entry.shape = detail::Unwrap<M>::shape;
    entry.access = &detail::kKeyAccess<M>;
    if constexpr (detail::kind_of<V>() == detail::Kind::integer) {
      entry.type_low = static_cast<int64_t>(std::numeric_limits<V>::min());
      entry.type_high = detail::clamp_integer(std::numeric_limits<V>::max());
    }
    return entry;
  }

  template <typename V>
  static void set_text(detail::Entry& entry, Result<V> (*parse)(std::string_view)) {
    entry.parse = reinterpret_cast<void (*)()>(parse);
    detail::FormatFunction<V> format = nullptr;
    if constexpr (requires { &Value<V>::format; }) {
      format = &Value<V>::format;
    } else {
      format = [](const V& value) { return std::string(value.to_string()); };
    }
    entry.format = reinterpret_cast<void (*)()>(format);
    if constexpr (requires { Value<V>::expected; }) entry.expected = Value<V>::expected;
  }

  template <typename M, typename U>
  TableKey add_tables(detail::Form form, std::string name, M T::*member, const Table<U>& inner) {
    detail::Entry& entry = schema_->entries.emplace_back();
    entry.form = form;
    entry.name = std::move(name);
    entry.offset = offset_of(member);
    entry.tables = &detail::kTableAccess<M>;
    entry.schema = inner.schema();
    return TableKey(entry);
  }

  std::shared_ptr<const T> prototype_;
  std::shared_ptr<detail::Schema> schema_;
};

}  // namespace weir::config
