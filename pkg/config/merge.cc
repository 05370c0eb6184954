#include "pkg/config/merge.hh"

#include <algorithm>
#include <iterator>

#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

bool holds_only_tables(const Node& node) {
  return std::ranges::all_of(node.items, [](const Node& item) { return item.kind == Node::Kind::table; });
}

// Whether two values are parts of one array of tables ([] in one of them is a part without elements).
bool are_arrays_of_tables(const Node& a, const Node& b) {
  const bool arrays = a.kind == Node::Kind::array && b.kind == Node::Kind::array;
  return arrays && holds_only_tables(a) && holds_only_tables(b) && !(a.items.empty() && b.items.empty());
}

void merge_member(Member& into, Member&& from, const std::string& parent, Collector& problems) {
  const std::string path = key_path(parent, into.key);
  if (into.value.kind == Node::Kind::table && from.value.kind == Node::Kind::table) {
    merge(into.value, std::move(from.value), path, problems);
  } else if (are_arrays_of_tables(into.value, from.value)) {
    std::ranges::move(from.value.items, std::back_inserter(into.value.items));
  } else {
    const Place& first = into.place;
    problems.add(from.place, path,
                 quoted(into.key) + " is set already, at " + first.source + ":" + std::to_string(first.line) +
                     ":" + std::to_string(first.column));
  }
}

}  // namespace

void merge(Node& into, Node&& from, const std::string& path, Collector& problems) {
  // Both are sorted: one pass, whatever their size.
  std::vector<Member> merged;
  merged.reserve(into.members.size() + from.members.size());
  auto left = into.members.begin();
  auto right = from.members.begin();
  while (left != into.members.end() || right != from.members.end()) {
    if (right == from.members.end() || (left != into.members.end() && left->key < right->key)) {
      merged.push_back(std::move(*left++));
    } else if (left == into.members.end() || right->key < left->key) {
      merged.push_back(std::move(*right++));
    } else {
      merge_member(*left, std::move(*right++), path, problems);
      merged.push_back(std::move(*left++));
    }
  }
  into.members = std::move(merged);
}

}  // namespace weir::config::detail
