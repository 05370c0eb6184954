// The seam to toml++: the only file that includes it, and where its exceptions end.
#include <toml++/toml.h>

#include "pkg/config/document.hh"

namespace weir::config::detail {
namespace {

struct Converter {
  const std::string& source;

  Place place(const toml::source_region& region) const {
    return {source, region.begin.line, region.begin.column};
  }

  // As deep as guard() lets a document nest.
  Node convert(const toml::node& from) const {
    Node node;
    node.place = place(from.source());
    switch (from.type()) {
      case toml::node_type::table:
        return convert_table(*from.as_table(), std::move(node));
      case toml::node_type::array:
        node.kind = Node::Kind::array;
        for (const toml::node& item : *from.as_array()) node.items.push_back(convert(item));
        return node;
      case toml::node_type::string:
        node.kind = Node::Kind::string;
        node.text = from.as_string()->get();
        return node;
      case toml::node_type::integer:
        node.kind = Node::Kind::integer;
        node.integer = from.as_integer()->get();
        return node;
      case toml::node_type::floating_point:
        node.kind = Node::Kind::number;
        node.number = from.as_floating_point()->get();
        return node;
      case toml::node_type::boolean:
        node.kind = Node::Kind::boolean;
        node.boolean = from.as_boolean()->get();
        return node;
      case toml::node_type::none:
      case toml::node_type::date:
      case toml::node_type::time:
      case toml::node_type::date_time:
        node.kind = Node::Kind::date;
        return node;
    }
    return node;
  }

  Node convert_table(const toml::table& from, Node node) const {
    node.kind = Node::Kind::table;
    node.members.reserve(from.size());
    for (const auto& [key, value] : from) {  // toml++ keeps them sorted, as we do
      node.members.push_back({std::string(key.str()), place(key.source()), convert(value)});
    }
    return node;
  }
};

std::string syntax_message(std::string_view description) {
  constexpr std::string_view kPrefix = "Error while ";
  if (description.starts_with(kPrefix)) description.remove_prefix(kPrefix.size());
  return "syntax error " + std::string(description);
}

}  // namespace

std::expected<Node, SyntaxError> parse_document(std::string_view text, const std::string& source) {
  if (auto fit = guard(text); !fit) return std::unexpected(std::move(fit).error());
  try {
    const toml::table table = toml::parse(text);
    return Converter{source}.convert(table);
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    return std::unexpected(SyntaxError{at.line, at.column, syntax_message(error.description())});
  }
}

}  // namespace weir::config::detail
