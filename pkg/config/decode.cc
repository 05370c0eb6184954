#include "pkg/config/decode.hh"

#include "pkg/base/text.hh"
#include "pkg/config/decode_value.hh"
#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

constexpr size_t kMaxSecretBytes = 64 * 1024;

// What a table is called in a message: "[server]", "[[limit]]", nothing for the top.
std::string in_table(const std::string& title) {
  return title.empty() ? std::string() : " in " + title;
}

std::string directory_of(const std::string& file) {
  const size_t slash = file.rfind('/');
  return slash == std::string::npos ? std::string() : file.substr(0, slash + 1);
}

class Decoder {
 public:
  Decoder(const Input& input, Origins& origins, Collector& problems)
      : input_(input), origins_(origins), problems_(problems) {}

  struct At {
    std::string path;
    std::string title;
    Place place;                 // of the nearest table that is in the file
    bool given_in_code = false;  // an element the struct has by default: it has what it requires
  };

  // `node` may be null: then every key has its default.
  void table(const Schema& schema, const Node* node, void* object, const At& at) {
    if (node != nullptr) refuse_unknown(schema, *node, at);
    for (const Entry& entry : schema.entries) {
      const Member* member = node == nullptr ? nullptr : node->find(entry.name);
      if (entry.form == Form::key) {
        key(entry, member, node, object, at);
      } else {
        tables(entry, member, object, at);
      }
    }
  }

  void checks(const Schema& schema, const void* object, const std::string& path) {
    for (const Entry& entry : schema.entries) {
      if (entry.form == Form::key) continue;
      size_t index = 0;
      for (const Element& element : entry.tables->elements(entry.member(object))) {
        checks(*entry.schema, element.object,
               element_path(entry, key_path(path, entry.name), element, index++));
      }
    }
    Report report(path, [this](std::string at, std::string message, std::string suggestion) {
      // What a check finds beside a value that could not be read is likely due to that.
      if (!problems_.has_near(at)) problems_.add(nearest(at), at, std::move(message), std::move(suggestion));
    });
    for (const auto& check : schema.checks) check(object, report);
  }

 private:
  static std::string element_path(const Entry& entry, const std::string& path, const Element& element,
                                  size_t index) {
    if (entry.form == Form::array) return index_path(path, index);
    return entry.form == Form::map ? key_path(path, element.name) : path;
  }

  // The place of `path`, or of the closest thing around it that was in a source.
  Place nearest(std::string_view path) const {
    for (;;) {
      const auto found = origins_.find(path);
      if (found != origins_.end() && !found->second.is_default()) return found->second.place;
      if (path.empty()) return {input_.file, 0, 0};
      const size_t end = path.find_last_of(".[");
      path = end == std::string_view::npos ? std::string_view() : path.substr(0, end);
    }
  }

  void refuse_unknown(const Schema& schema, const Node& node, const At& at) {
    for (const Member& member : node.members) {
      if (schema.find(member.key) != nullptr || schema.find_file_form(member.key) != nullptr) continue;
      std::vector<std::string> names;
      for (const Entry& entry : schema.entries) {
        names.push_back(entry.name);
        if (entry.secret && entry.shape != Shape::map) names.push_back(entry.name + "_file");
      }
      if (at.path.empty()) names.emplace_back("include");
      const bool table = member.value.kind == Node::Kind::table;
      problems_.add(member.place, key_path(at.path, member.key),
                    (table ? "unknown table " : "unknown key ") + quoted(member.key) + in_table(at.title),
                    suggest(member.key, names));
    }
  }

  void missing(const Entry& entry, const At& at) {
    if (at.given_in_code) return;
    const bool is_key = entry.form == Form::key;
    const std::string what = is_key ? "key " + quoted(entry.name) : "table " + title(entry, at.path, "NAME");
    problems_.add(at.place, key_path(at.path, entry.name),
                  "missing required " + what + (is_key ? in_table(at.title) : std::string()));
  }

  void key(const Entry& entry, const Member* member, const Node* node, void* object, const At& at) {
    const std::string path = key_path(at.path, entry.name);
    const Member* file = nullptr;
    const bool has_file_form = entry.secret && entry.shape != Shape::map;
    if (has_file_form && node != nullptr) file = node->find(entry.name + "_file");
    if (member != nullptr && file != nullptr) {
      problems_.add(file->place, path,
                    "both " + quoted(entry.name) + " and " + quoted(file->key) + " are set", {}, false);
    } else if (file != nullptr) {
      secret_file(entry, *file, object, path);
    } else if (member != nullptr) {
      origins_[path].place = member->value.place;
      values(entry, member->value, object, path);
    } else {
      origins_[path] = {};
      if (entry.required) missing(entry, at);
    }
  }

  void values(const Entry& entry, const Node& node, void* object, const std::string& path) {
    const bool list = entry.shape == Shape::list;
    if (!list && entry.shape != Shape::map) return value(entry, node, object, path, {});
    if (node.kind != (list ? Node::Kind::array : Node::Kind::table)) {
      const std::string found(describe(node.kind));
      const bool lone = list && node.kind != Node::Kind::table;
      return problems_.add(node.place, path,
                           (list ? "expected an array, found " : "expected a table, found ") + found,
                           lone ? "put it in brackets: [...]" : "", !entry.secret);
    }
    const size_t count = list ? node.items.size() : node.members.size();
    if (!count_fits(entry, count, node.place, path)) return;
    entry.access->clear(entry.member(object));
    for (size_t i = 0; i < node.items.size(); ++i) {
      const std::string item = index_path(path, i);
      origins_[item].place = node.items[i].place;
      value(entry, node.items[i], object, item, {});
    }
    for (const Member& member : node.members) {
      const std::string item = key_path(path, member.key);
      if (member.key.find('\0') != std::string::npos) {
        problems_.add(member.place, item, "a key must not hold a NUL character");
        continue;
      }
      origins_[item].place = member.value.place;
      value(entry, member.value, object, item, member.key);
    }
  }

  bool count_fits(const Entry& entry, size_t count, const Place& place, const std::string& path) {
    if (count >= entry.at_least && count <= entry.at_most) return true;
    const bool few = count < entry.at_least;
    problems_.add(place, path,
                  "expected at " + std::string(few ? "least " : "most ") +
                      std::to_string(few ? entry.at_least : entry.at_most) + " of " + quoted(entry.name) +
                      ", found " + std::to_string(count),
                  {}, !entry.secret);
    return false;
  }

  void value(const Entry& entry, const Node& node, void* object, const std::string& path,
             std::string_view map_key) {
    auto raw = decode_value(entry, node);
    if (!raw) {
      return problems_.add(node.place, path, raw.error().message, raw.error().suggestion, !entry.secret);
    }
    const auto put = entry.access->put(entry.member(object), entry, map_key, *raw);
    if (!put) problems_.add(node.place, path, put.error().message, {}, !entry.secret);
  }

  void secret_file(const Entry& entry, const Member& member, void* object, const std::string& path) {
    const Node& node = member.value;
    auto contents = read_secret(node);
    if (!contents) return problems_.add(node.place, path, contents.error().message, {}, false);
    Origin& origin = origins_[path];
    origin.place = node.place;
    origin.secret_file = node.text;
    if (entry.shape != Shape::list) {
      if (contents->ends_with('\n')) contents->pop_back();
      return put(entry, Raw(*std::move(contents)), object, path, node.place);
    }
    std::vector<std::string_view> lines = split(*contents, '\n');
    std::erase(lines, std::string_view());
    if (!count_fits(entry, lines.size(), node.place, path)) return;
    entry.access->clear(entry.member(object));
    for (const std::string_view line : lines) put(entry, Raw(std::string(line)), object, path, node.place);
  }

  void put(const Entry& entry, const Raw& value, void* object, const std::string& path, const Place& place) {
    const auto done = entry.access->put(entry.member(object), entry, {}, value);
    if (!done) problems_.add(place, path, done.error().message, {}, false);
  }

  Result<std::string> read_secret(const Node& node) const {
    constexpr std::string_view kExpected = "expected the path of a file, found ";
    std::string wrong;
    if (node.kind != Node::Kind::string) wrong = describe(node.kind);
    if (node.kind == Node::Kind::string && node.text.empty()) wrong = "\"\"";
    if (node.text.contains('\0')) wrong = "one with a NUL character";
    if (!wrong.empty()) return fail(Errc::invalid, std::string(kExpected) + wrong);
    std::string file = node.text;
    const bool in_file = node.place.line > 0;  // a setting has no line
    if (file.front() != '/' && !input_.credentials.empty()) {
      file = input_.credentials + "/" + file;
    } else if (file.front() != '/' && in_file) {
      file = directory_of(node.place.source) + file;
    }
    auto contents = input_.files->read(file, kMaxSecretBytes, false);
    if (contents && (valid_utf8(*contents) < contents->size() || contents->contains('\0'))) {
      return fail(Errc::invalid, quoted(file) + " is not text");
    }
    return contents;
  }

  static std::string title(const Entry& entry, const std::string& path, std::string_view name) {
    const std::string full = key_path(path, entry.name);
    if (entry.form == Form::array) return "[[" + full + "]]";
    return "[" + (entry.form == Form::map ? key_path(full, name) : full) + "]";
  }

  void tables(const Entry& entry, const Member* member, void* object, const At& at) {
    const std::string path = key_path(at.path, entry.name);
    if (member == nullptr) {
      if (entry.required) missing(entry, at);
      return defaulted(entry, object, path, at);
    }
    const Node& node = member->value;
    origins_[path].place = node.place;
    const bool array = entry.form == Form::array;
    if (node.kind != (array ? Node::Kind::array : Node::Kind::table)) {
      return problems_.add(member->place, path,
                           "expected " + std::string(array ? "an array of tables " : "a table ") +
                               title(entry, at.path, "NAME") + ", found " + std::string(describe(node.kind)));
    }
    if (entry.form == Form::table || entry.form == Form::optional_table) {
      void* inner = entry.tables->open(entry.member(object), {});
      return table(*entry.schema, &node, inner, {path, title(entry, at.path, {}), node.place});
    }
    if (!count_fits(entry, array ? node.items.size() : node.members.size(), node.place, path)) return;
    entry.tables->clear(entry.member(object));
    if (array) {
      elements(entry, node, object, path, title(entry, at.path, {}));
    } else {
      named(entry, node, object, path, at.path);
    }
  }

  // A table that no source mentions: its keys' origins are noted, and what it requires is missing.
  void defaulted(const Entry& entry, void* object, const std::string& path, const At& at) {
    size_t index = 0;
    for (const Element& element : entry.tables->elements(entry.member(object))) {
      const std::string inner = element_path(entry, path, element, index++);
      const bool in_code = at.given_in_code || entry.form != Form::table;
      const At there{inner, title(entry, at.path, element.name), at.place, in_code};
      // Element points into `object`, which is ours to write.
      table(*entry.schema, nullptr, const_cast<void*>(element.object), there);
    }
  }

  void elements(const Entry& entry, const Node& node, void* object, const std::string& path,
                const std::string& name) {
    for (size_t i = 0; i < node.items.size(); ++i) {
      const Node& item = node.items[i];
      const std::string inner = index_path(path, i);
      origins_[inner].place = item.place;
      void* element = entry.tables->open(entry.member(object), {});
      if (item.kind == Node::Kind::table) {
        table(*entry.schema, &item, element, {inner, name, item.place});
      } else {
        problems_.add(item.place, inner,
                      "expected a table " + name + ", found " + std::string(describe(item.kind)));
      }
    }
    for (const Entry& key : entry.schema->entries) {
      if (key.unique) refuse_duplicates(entry, key, object, path);
    }
  }

  void refuse_duplicates(const Entry& entry, const Entry& key, const void* object, const std::string& path) {
    std::map<std::string, Place> seen;
    size_t index = 0;
    for (const Element& element : entry.tables->elements(entry.member(object))) {
      const std::string inner = key_path(index_path(path, index++), key.name);
      const auto origin = origins_.find(inner);
      if (origin == origins_.end() || origin->second.is_default()) continue;
      const auto values = key.access->get(key.member(element.object), key);
      if (values.empty() || problems_.has_below(inner)) continue;
      const Place& place = origin->second.place;
      const std::string value = toml_values(key, values);
      const auto [first, is_new] = seen.try_emplace(value, place);
      if (is_new) continue;
      problems_.add(place, inner,
                    "duplicate " + key.name + " " +
                        (key.secret ? std::string("\"***\"") : quoted_value(value)) + "; the first is at " +
                        place_of(first->second),
                    {}, !key.secret);
    }
  }

  static std::string quoted_value(const std::string& toml) { return toml.size() > 80 ? "value" : toml; }

  static std::string place_of(const Place& place) {
    return Origin{place, {}}.to_string() + (place.column == 0 ? "" : ":" + std::to_string(place.column));
  }

  void named(const Entry& entry, const Node& node, void* object, const std::string& path,
             const std::string& parent) {
    for (const Member& member : node.members) {
      const std::string inner = key_path(path, member.key);
      const std::string name = title(entry, parent, member.key);
      origins_[inner].place = member.value.place;
      if (member.key.empty() || member.key.find('\0') != std::string::npos) {
        problems_.add(member.place, inner, "a name must not be empty or hold a NUL character");
      } else if (member.value.kind != Node::Kind::table) {
        problems_.add(member.place, inner,
                      "expected a table " + name + ", found " + std::string(describe(member.value.kind)));
      } else {
        void* element = entry.tables->open(entry.member(object), member.key);
        table(*entry.schema, &member.value, element, {inner, name, member.value.place});
      }
    }
  }

  const Input& input_;
  Origins& origins_;
  Collector& problems_;
};

}  // namespace

const Entry* Schema::find(std::string_view name) const {
  for (const Entry& entry : entries) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

const Entry* Schema::find_file_form(std::string_view name) const {
  constexpr std::string_view kSuffix = "_file";
  if (!name.ends_with(kSuffix)) return nullptr;
  const Entry* entry = find(name.substr(0, name.size() - kSuffix.size()));
  return entry != nullptr && entry->secret && entry->shape != Shape::map ? entry : nullptr;
}

void decode(const Schema& schema, const Node& root, void* object, const Input& input, Origins& origins,
            Collector& problems) {
  Decoder decoder(input, origins, problems);
  decoder.table(schema, &root, object, {{}, {}, {input.file, 0, 0}});
  problems.end_decoding();
  decoder.checks(schema, object, {});
}

}  // namespace weir::config::detail
