#include "pkg/config/describe.hh"

#include <algorithm>

#include "pkg/config/decode_value.hh"
#include "pkg/config/settings.hh"
#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

// The least that a key accepts, for want of anything better to show.
Raw placeholder(const Entry& entry) {
  const auto* low = std::get_if<int64_t>(&entry.low);
  switch (entry.kind) {
    case Kind::boolean:
      return Raw(false);
    case Kind::integer:
    case Kind::duration:
    case Kind::bytes:
      return Raw(low == nullptr ? int64_t{0} : *low);
    case Kind::number: {
      const auto* number = std::get_if<double>(&entry.low);
      return Raw(number == nullptr ? 0.0 : *number);
    }
    case Kind::choice:
      return Raw(entry.choices.empty() ? int64_t{0} : entry.choices.front().second);
    case Kind::string:
    case Kind::text:
      break;
  }
  return Raw(std::string());
}

void append_item(const Entry& entry, const Node& node, const std::string& key, std::vector<Item>& items) {
  if (auto raw = decode_value(entry, node)) items.push_back({key, *std::move(raw)});
}

// The values of `text` that the key takes.
std::vector<Item> decode_items(const Entry& entry, const std::string& text) {
  std::vector<Item> items;
  const Node node = interpret(entry, text, {});
  if (node.kind != Node::Kind::array && node.kind != Node::Kind::table) append_item(entry, node, {}, items);
  for (const Node& item : node.items) append_item(entry, item, {}, items);
  for (const Member& member : node.members) append_item(entry, member.value, member.key, items);
  return items;
}

std::string count_text(const Entry& entry) {
  const std::string least = std::to_string(entry.at_least);
  const std::string most = std::to_string(entry.at_most);
  const std::string what = entry.form == Form::key ? " values." : " tables.";
  if (entry.at_least > 0 && entry.at_most < kMaxItems) return "Between " + least + " and " + most + what;
  if (entry.at_least == 1) return entry.form == Form::key ? "At least one value." : "At least one table.";
  if (entry.at_least > 0) return "At least " + least + what;
  return entry.at_most < kMaxItems ? "At most " + most + what : std::string();
}

std::string sentence(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 0x20);
  return text + ".";
}

}  // namespace

bool can_be_written(const Entry& entry, const std::vector<Item>& items) {
  if (items.size() < entry.at_least) return entry.shape == Shape::one;
  if (decode_items(entry, toml_values(entry, items)).size() != items.size()) return false;
  return entry.kind != Kind::text || std::ranges::none_of(items, [](const Item& item) {
           return std::get<std::string>(item.value).empty();
         });
}

std::string default_text(const Schema& owner, const Entry& entry) {
  return toml_values(entry, entry.access->get(entry.member(owner.prototype.get()), entry));
}

std::string example_text(const Entry& entry) {
  if (entry.example.empty()) {
    std::vector<Item> items;
    const bool single = entry.shape == Shape::one || entry.shape == Shape::optional;
    if (single) items.push_back({{}, placeholder(entry)});
    return toml_values(entry, items);
  }
  return toml_values(entry, decode_items(entry, entry.example));
}

std::vector<std::string> facts(const Schema& owner, const Entry& entry) {
  std::vector<std::string> out;
  if (entry.required) out.emplace_back("Required.");
  if (entry.form == Form::key) {
    if (entry.kind == Kind::choice) out.push_back("One of " + choice_list(entry) + ".");
    const bool bounded = !std::holds_alternative<std::monostate>(entry.low);
    if (bounded && !range_text(entry).empty()) {
      std::string range = range_text(entry);
      if (range.starts_with("of ")) range.erase(0, 3);
      out.push_back(sentence(std::move(range)));
    }
  }
  if (const std::string count = count_text(entry); !count.empty()) out.push_back(count);
  if (entry.unique) out.emplace_back("No two may be the same.");
  if (entry.secret) {
    out.push_back("A secret, never shown.");
    if (entry.shape == Shape::list) {
      out.push_back("It may stand in a file named by " + entry.name + "_file, one a line.");
    } else if (entry.shape != Shape::map) {
      out.push_back("It may stand in a file named by " + entry.name + "_file.");
    }
  } else if (entry.form == Form::key && !entry.required) {
    const std::string text = default_text(owner, entry);
    out.push_back(text.empty() ? "Not set by default." : "Default: " + text + ".");
  }
  if (!entry.reload) out.emplace_back("A change needs a restart.");
  return out;
}

std::string example_name(const Entry& entry) {
  return entry.example.empty() ? "example" : entry.example;
}

}  // namespace weir::config::detail
