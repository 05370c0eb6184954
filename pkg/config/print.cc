// The annotated TOML of a config in force, and the sample that a new installation starts from: one walk,
// since what a config doesn't have is shown as the sample shows it.
#include <algorithm>

#include "pkg/base/text.hh"
#include "pkg/config/describe.hh"
#include "pkg/config/output.hh"
#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

constexpr size_t kWidth = 98;
constexpr std::string_view kMask = "***";

class Printer {
 public:
  // Without origins a sample is written.
  explicit Printer(const Origins* origins) : origins_(origins) {}

  struct View {
    std::string path;   // as in origins: limit[0]
    std::string title;  // as in headers: limit
    bool is_commented;  // headers and keys
    bool is_example;    // values are examples, for want of a real element
  };

  void table(const Schema& schema, const void* object, const View& view) {
    for (const Entry& entry : schema.entries) {
      if (entry.form == Form::key) key(schema, entry, object, view);
    }
    for (const Entry& entry : schema.entries) {
      if (entry.form != Form::key) emptied(schema, entry, object, view);
    }
    for (const Entry& entry : schema.entries) {
      if (entry.form != Form::key) tables(schema, entry, object, view);
    }
  }

  void include() {
    prose(kIncludeDoc);
    out_ += "#include = [\"conf.d/*.toml\"]\n";
  }

  std::string take() { return std::move(out_); }

 private:
  bool is_sample() const { return origins_ == nullptr; }

  void prose(std::string_view text) {
    if (!out_.empty()) out_ += '\n';
    comment(text);
  }

  void comment(std::string_view text) {
    if (text.empty()) return;
    for (const std::string& line : fill(printable_lines(text), kWidth)) {
      out_ += line.empty() ? "#" : "# " + line;
      out_ += '\n';
    }
  }

  static std::string printable_lines(std::string_view text) {
    std::string out;
    for (const std::string_view line : split(text, '\n')) {
      if (line.data() != text.data()) out += '\n';
      out += printable(line);
    }
    return out;
  }

  void explain(const Schema& owner, const Entry& entry) {
    prose(entry.doc);
    comment(join(facts(owner, entry), " "));
  }

  void key(const Schema& owner, const Entry& entry, const void* object, const View& view) {
    explain(owner, entry);
    const auto items = entry.access->get(entry.member(object), entry);
    const bool example = view.is_example || (is_sample() && entry.required);
    const std::string text = toml_values(entry, items);
    if (text.empty() || (example && !entry.example.empty())) {
      return line(true, entry.name, example_text(entry), {});
    }
    const bool as_sample = is_sample() || view.is_example;
    if (as_sample && !can_be_written(entry, items)) return line(true, entry.name, example_text(entry), {});
    if (as_sample) {
      return line(true, entry.name, entry.secret ? example_text(entry) : text, {});
    }
    const auto found = origins_->find(key_path(view.path, entry.name));
    const Origin origin = found == origins_->end() ? Origin{} : found->second;
    if (!entry.secret) {
      const bool is_inexpressible = origin.is_default() && !can_be_written(entry, items);
      return line(view.is_commented || is_inexpressible, entry.name, text, origin.to_string());
    }
    if (!origin.secret_file.empty()) {
      return line(view.is_commented, entry.name + "_file", toml_string(origin.secret_file),
                  origin.to_string());
    }
    const bool is_unset = origin.is_default() && text == default_text(owner, entry);
    line(view.is_commented || is_unset, entry.name, masked(entry, items), origin.to_string());
  }

  static std::string masked(const Entry& entry, std::vector<Item> items) {
    for (Item& item : items) item.value = std::string(kMask);
    return toml_values(entry, items);
  }

  void line(bool is_commented, const std::string& name, const std::string& value, const std::string& origin) {
    if (is_commented) out_ += '#';
    out_ += toml_key(name) + " = " + value;
    if (!origin.empty()) out_ += origin == "default" ? "  # default" : "  # from " + origin;
    out_ += '\n';
  }

  // Elements that the struct has by default and the file took away: only an empty value says so.
  void emptied(const Schema& owner, const Entry& entry, const void* object, const View& view) {
    if (is_sample() || view.is_commented || (entry.form != Form::array && entry.form != Form::map)) return;
    const bool is_empty = entry.tables->elements(entry.member(object)).empty();
    if (!is_empty || entry.tables->elements(entry.member(owner.prototype.get())).empty()) return;
    const auto origin = origins_->find(key_path(view.path, entry.name));
    prose(entry.doc);
    line(false, entry.name, entry.form == Form::array ? "[]" : "{}",
         origin == origins_->end() ? std::string() : origin->second.to_string());
  }

  void tables(const Schema& owner, const Entry& entry, const void* object, const View& view) {
    const auto elements = entry.tables->elements(entry.member(object));
    const std::string path = key_path(view.path, entry.name);
    const std::string title = key_path(view.title, entry.name);
    const bool map = entry.form == Form::map;
    explain(owner, entry);
    if (elements.empty()) {
      const std::string name = map ? key_path(title, example_name(entry)) : title;
      header(entry, name, true);
      return table(*entry.schema, entry.schema->prototype.get(), {name, name, true, true});
    }
    const bool commented = view.is_commented || (is_sample() && entry.form != Form::table);
    size_t index = 0;
    for (const Element& element : elements) {
      const std::string name = map ? key_path(title, element.name) : title;
      std::string inner = map ? key_path(path, element.name) : path;
      if (entry.form == Form::array) inner = index_path(path, index);
      if (index++ > 0) out_ += '\n';
      header(entry, name, commented);
      table(*entry.schema, element.object, {inner, name, commented, view.is_example});
    }
  }

  void header(const Entry& entry, const std::string& title, bool is_commented) {
    const bool array = entry.form == Form::array;
    if (is_commented) out_ += '#';
    out_ += (array ? "[[" : "[") + title + (array ? "]]" : "]") + "\n";
  }

  const Origins* origins_;
  std::string out_;
};

}  // namespace

std::string print(const Schema& schema, const void* object, const Origins& origins) {
  Printer printer(&origins);
  printer.table(schema, object, {{}, {}, false, false});
  return printer.take();
}

std::string sample(const Schema& schema) {
  Printer printer(nullptr);
  printer.include();
  printer.table(schema, schema.prototype.get(), {{}, {}, false, false});
  return printer.take();
}

}  // namespace weir::config::detail
