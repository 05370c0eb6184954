// The reference of a schema in mdoc(7).
#include "pkg/base/text.hh"
#include "pkg/config/describe.hh"
#include "pkg/config/output.hh"
#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

// For a line of running text: a backslash begins an escape, and a dot or apostrophe in front a request.
std::string escape_line(std::string_view line) {
  std::string out;
  if (line.starts_with('.') || line.starts_with('\'')) out += "\\&";
  for (const char c : line) {
    if (c == '\\') {
      out += "\\e";
    } else {
      out += c;
    }
  }
  return out;
}

// For an argument of a macro, always as one: "Ad" would be a macro, a lone "." a delimiter, `"` an end.
std::string escape_argument(std::string_view text) {
  std::string out = "\"\\&";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '"') {
      out += "\\(dq";
    } else {
      out += c;
    }
  }
  return out += '"';
}

class Manual {
 public:
  void table(const Schema& schema, const std::string& path) {
    keys(schema, path);
    for (const Entry& entry : schema.entries) {
      if (entry.form == Form::key) continue;
      std::string inner = key_path(path, entry.name);
      if (entry.form == Form::map) inner += ".NAME";
      const bool array = entry.form == Form::array;
      section((array ? "[[" : "[") + inner + (array ? "]]" : "]"));
      text(entry.doc);
      sentences(facts(schema, entry));
      table(*entry.schema, inner);
    }
  }

  void section(const std::string& title) { out_ += ".Ss " + escape_argument(title) + "\n"; }
  std::string take() { return std::move(out_); }

 private:
  void keys(const Schema& schema, const std::string& path) {
    bool is_open = false;
    const auto open = [&] {
      if (!is_open) out_ += ".Bl -tag -width Ds\n";
      is_open = true;
    };
    if (path.empty()) {
      open();
      item("include", std::string(kIncludeDoc), {"Default: []."});
    }
    for (const Entry& entry : schema.entries) {
      if (entry.form != Form::key) continue;
      open();
      item(entry.name, entry.doc, facts(schema, entry));
    }
    if (is_open) out_ += ".El\n";
  }

  void item(const std::string& name, const std::string& doc, const std::vector<std::string>& more) {
    out_ += ".It Ic " + escape_argument(name) + "\n";
    text(doc);
    sentences(more);
  }

  void sentences(const std::vector<std::string>& all) {
    for (const std::string& sentence : all) text(sentence);
  }

  // A new sentence begins a new line, as mdoc asks, and a line break in the doc a new paragraph.
  void text(std::string_view doc) {
    if (doc.empty()) return;
    bool is_first = true;
    for (std::string_view paragraph : split(doc, '\n')) {
      paragraph = trim(paragraph);
      if (paragraph.empty()) continue;
      if (!is_first) out_ += ".Pp\n";
      is_first = false;
      size_t begin = 0;
      for (size_t at = 0; at + 2 < paragraph.size(); ++at) {
        const char next = paragraph[at + 2];
        const bool ends = paragraph[at] == '.' && paragraph[at + 1] == ' ' && next >= 'A' && next <= 'Z';
        if (!ends) continue;
        lines(paragraph.substr(begin, at + 1 - begin));
        begin = at + 2;
      }
      lines(paragraph.substr(begin));
    }
  }

  void lines(std::string_view sentence) {
    for (const std::string& line : fill(printable(sentence), 78)) out_ += escape_line(line) + "\n";
  }

  std::string out_;
};

}  // namespace

std::string manual(const Schema& schema) {
  Manual manual;
  manual.section("Top level");
  manual.table(schema, {});
  return manual.take();
}

}  // namespace weir::config::detail
