#include <cstdlib>

#include "pkg/base/json.hh"
#include "pkg/config/output.hh"
#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

// The fewest decimals that give the number back; a double needs no more than 17 after a 0.
int decimals_of(double value) {
  constexpr int kMost = 17;
  for (int decimals = 1; decimals < kMost; ++decimals) {
    std::string text;
    JsonWriter(text).number(value, decimals);
    if (std::strtod(text.c_str(), nullptr) == value) return decimals;
  }
  return kMost;
}

void write_value(const Entry& entry, const Raw& value, JsonWriter& out) {
  if (entry.secret) {
    out.string("***");
  } else if (entry.kind == Kind::boolean) {
    out.boolean(std::get<bool>(value));
  } else if (entry.kind == Kind::integer) {
    out.number(std::get<int64_t>(value));
  } else if (entry.kind == Kind::number) {
    out.number(std::get<double>(value), decimals_of(std::get<double>(value)));
  } else {
    out.string(plain_value(entry, value));
  }
}

void write_key(const Entry& entry, const void* object, JsonWriter& out) {
  const auto items = entry.access->get(entry.member(object), entry);
  switch (entry.shape) {
    case Shape::one:
    case Shape::optional:
      if (items.empty()) {
        out.null();
      } else {
        write_value(entry, items[0].value, out);
      }
      return;
    case Shape::list:
      out.begin_array();
      for (const Item& item : items) write_value(entry, item.value, out);
      out.end_array();
      return;
    case Shape::map:
      out.begin_object();
      for (const Item& item : items) {
        out.key(item.key);
        write_value(entry, item.value, out);
      }
      out.end_object();
      return;
  }
}

void write_table(const Schema& schema, const void* object, JsonWriter& out);

void write_tables(const Entry& entry, const void* object, JsonWriter& out) {
  const auto elements = entry.tables->elements(entry.member(object));
  if (entry.form == Form::array) out.begin_array();
  if (entry.form == Form::map) out.begin_object();
  if (entry.form == Form::optional_table && elements.empty()) out.null();
  for (const Element& element : elements) {
    if (entry.form == Form::map) out.key(element.name);
    write_table(*entry.schema, element.object, out);
  }
  if (entry.form == Form::array) out.end_array();
  if (entry.form == Form::map) out.end_object();
}

void write_table(const Schema& schema, const void* object, JsonWriter& out) {
  out.begin_object();
  for (const Entry& entry : schema.entries) {
    out.key(entry.name);
    if (entry.form == Form::key) {
      write_key(entry, object, out);
    } else {
      write_tables(entry, object, out);
    }
  }
  out.end_object();
}

}  // namespace

std::string json(const Schema& schema, const void* object) {
  std::string text;
  JsonWriter out(text);
  write_table(schema, object, out);
  return text;
}

}  // namespace weir::config::detail
