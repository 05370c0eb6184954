#include "pkg/config/settings.hh"

#include <set>

#include "pkg/base/text.hh"
#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

// One part of a path: `limit[]`, `limit[-1]`, `limit[2]`, `burst`, `"a.b"`.
struct Step {
  enum class Index { none, append, last, number };
  std::string key;
  Index index = Index::none;
  size_t number = 0;
};

Node place_everywhere(Node node, const Place& place) {
  node.place = place;
  for (Node& item : node.items) item = place_everywhere(std::move(item), place);
  for (Member& member : node.members) {
    member.place = place;
    member.value = place_everywhere(std::move(member.value), place);
  }
  return node;
}

std::optional<Node> parse_value(const std::string& text, const Place& place) {
  auto document = parse_document("x = " + text, place.source);
  // More than one key: the text held a line break and a key of its own.
  if (!document || document->members.size() != 1 || document->members[0].key != "x") return std::nullopt;
  return place_everywhere(std::move(document->members[0].value), place);
}

Node text_node(const std::string& text, const Place& place) {
  Node node;
  node.kind = Node::Kind::string;
  node.place = place;
  node.text = text;
  return node;
}

bool take_index(std::string_view& path, Step& step) {
  const size_t end = path.find(']');
  if (end == std::string_view::npos) return false;
  const std::string_view inside = path.substr(1, end - 1);
  path.remove_prefix(end + 1);
  step.index = inside.empty() ? Step::Index::append : Step::Index::last;
  if (inside.empty() || inside == "-1") return true;
  const auto number = parse_uint(inside);
  step.index = Step::Index::number;
  step.number = number.value_or(0);
  return number.has_value();
}

std::optional<std::vector<Step>> parse_path(std::string_view path) {
  std::vector<Step> steps;
  while (steps.size() < kMaxDepth) {
    Step& step = steps.emplace_back();
    const bool has_quotes = path.starts_with('"');
    if (has_quotes) path.remove_prefix(1);
    const size_t end = std::min(path.find_first_of(has_quotes ? "\"" : ".["), path.size());
    step.key = path.substr(0, end);
    path.remove_prefix(end);
    if (has_quotes && path.empty()) return std::nullopt;
    if (has_quotes) path.remove_prefix(1);
    if (step.key.empty() || (path.starts_with('[') && !take_index(path, step))) return std::nullopt;
    if (path.empty()) return steps;
    if (!path.starts_with('.')) return std::nullopt;
    path.remove_prefix(1);
  }
  return std::nullopt;
}

class Applier {
 public:
  Applier(Node& root, Collector& problems) : root_(root), problems_(problems) {}

  void apply(const Schema& schema, const Setting& setting) {
    place_ = {setting.origin, 0, 0};
    path_ = setting.path;
    if (valid_utf8(setting.value) < setting.value.size() || valid_utf8(path_) < path_.size()) {
      return refuse("not valid UTF-8");
    }
    const auto steps = parse_path(setting.path);
    if (!steps) return refuse(quoted(setting.path) + " is not the path of a key");
    descend(schema, *steps, root_, {}, setting.value);
  }

  static Node interpret_one(const Entry& entry, const std::string& text, const Place& place) {
    auto node = parse_value(text, place);
    const bool wants_text =
        entry.kind != Kind::boolean && entry.kind != Kind::integer && entry.kind != Kind::number;
    if (!node || (wants_text && node->kind != Node::Kind::string)) return text_node(text, place);
    return *std::move(node);
  }

 private:
  using Steps = std::span<const Step>;

  // Sets what `steps`, of which there is at least one, name below `table`.
  void descend(const Schema& schema, Steps steps, Node& table, const std::string& parent,
               const std::string& text) {
    const Step& step = steps.front();
    const Entry* entry = schema.find(step.key);
    const Entry* secret = schema.find_file_form(step.key);
    if (entry == nullptr && secret == nullptr) return refuse_unknown(schema, step.key, parent);
    steps = steps.subspan(1);
    if (steps.empty() && step.index == Step::Index::none) {
      return assign(entry != nullptr ? *entry : *secret, entry == nullptr, table, parent, text);
    }
    std::string path = key_path(parent, step.key);
    if (entry == nullptr || (entry->form == Form::key && entry->shape != Shape::map)) {
      return refuse(quoted(path) + " is a key, not a table");
    }
    Node* below = entry->form == Form::array ? element(table, step, path) : inner(table, step, path);
    if (below == nullptr) return;
    if (steps.empty()) {
      *below = interpret(*entry, text, place_);
    } else if (entry->form == Form::map || entry->form == Form::key) {
      named(*entry, steps, *below, path, text);
    } else {
      descend(*entry->schema, steps, *below, path, text);
    }
  }

  // The first of `steps` is a name of the user's choice, in a map of tables or of values.
  void named(const Entry& entry, Steps steps, Node& map, const std::string& path, const std::string& text) {
    const Step& name = steps.front();
    const std::string here = key_path(path, name.key);
    if (name.index != Step::Index::none) return refuse(quoted(here) + " is not an array");
    if (steps.size() == 1) {
      const bool is_value = entry.form == Form::key;
      map.insert(name.key, is_value ? interpret_one(entry, text, place_) : interpret(entry, text, place_),
                 place_);
    } else if (entry.form == Form::key) {
      refuse(quoted(path) + " holds no tables");
    } else if (Node* below = inner(map, name, here)) {
      descend(*entry.schema, steps.subspan(1), *below, here, text);
    }
  }

  void refuse(std::string message, std::string suggestion = {}) {
    problems_.add(place_, path_, std::move(message), std::move(suggestion));
  }

  void refuse_unknown(const Schema& schema, const std::string& key, const std::string& path) {
    std::vector<std::string> names;
    for (const Entry& entry : schema.entries) names.push_back(entry.name);
    refuse("unknown key " + quoted(key) + (path.empty() ? "" : " in [" + path + "]"), suggest(key, names));
  }

  // The table at `step`, made where there is none. Null where something else is in its place: the decoder
  // will say so.
  Node* inner(Node& table, const Step& step, const std::string& path) {
    if (step.index != Step::Index::none) return refuse(quoted(path) + " is not an array"), nullptr;
    Member* member = table.find(step.key);
    if (member == nullptr) {
      Node empty;
      empty.place = place_;
      member = &table.insert(step.key, std::move(empty), place_);
    }
    return member->value.kind == Node::Kind::table ? &member->value : nullptr;
  }

  // The element that `step` names; `path` gets its index.
  Node* element(Node& table, const Step& step, std::string& path) {
    Member* member = table.find(step.key);
    if (member == nullptr) {
      Node array;
      array.kind = Node::Kind::array;
      array.place = place_;
      member = &table.insert(step.key, std::move(array), place_);
    }
    std::vector<Node>& items = member->value.items;
    if (member->value.kind != Node::Kind::array) return nullptr;
    if (step.index == Step::Index::append) {
      if (items.size() == kMaxItems) return refuse("too many elements"), nullptr;
      items.emplace_back().place = place_;
    }
    const size_t index = step.index == Step::Index::number ? step.number : items.size() - 1;
    const bool named = step.index != Step::Index::none;
    if (!named || index >= items.size()) {
      refuse(quoted(path) + (named ? " has no such element"
                                   : " is an array; name an element, as in " + quoted(path + "[]")));
      return nullptr;
    }
    path = index_path(path, index);
    return items[index].kind == Node::Kind::table ? &items[index] : nullptr;
  }

  void assign(const Entry& entry, bool file_form, Node& table, const std::string& parent,
              const std::string& text) {
    const std::string other = entry.name + "_file";
    // The command line outranks the file also where each uses its own form of a secret.
    if (entry.secret) table.erase(file_form ? entry.name : other);
    if (file_form) {
      table.insert(other, text_node(text, place_), place_);
      return;
    }
    Node value = interpret(entry, text, place_);
    const bool is_list = entry.form == Form::key && entry.shape == Shape::list;
    const bool is_first = set_.insert(key_path(parent, entry.name)).second;
    Member* before = table.find(entry.name);
    if (is_list && !is_first && before != nullptr && before->value.kind == Node::Kind::array) {
      for (Node& item : value.items) before->value.items.push_back(std::move(item));
      return;
    }
    table.insert(entry.name, std::move(value), place_);
  }

  Node& root_;
  Collector& problems_;
  std::set<std::string> set_;  // what a setting has set already
  Place place_;
  std::string path_;
};

}  // namespace

Node interpret(const Entry& entry, const std::string& text, const Place& place) {
  if (entry.form == Form::key && entry.shape != Shape::list && entry.shape != Shape::map) {
    return Applier::interpret_one(entry, text, place);
  }
  const bool is_list = entry.form == Form::key && entry.shape == Shape::list;
  auto node = parse_value(text, place);
  if (!is_list) return node ? *std::move(node) : text_node(text, place);
  if (node && node->kind == Node::Kind::array) return *std::move(node);
  Node array;
  array.kind = Node::Kind::array;
  array.place = place;
  array.items.push_back(Applier::interpret_one(entry, text, place));
  return array;
}

void apply_settings(const Schema& schema, std::span<const Setting> settings, Node& root,
                    Collector& problems) {
  Applier applier(root, problems);
  for (const Setting& setting : settings) applier.apply(schema, setting);
}

}  // namespace weir::config::detail
