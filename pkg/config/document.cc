#include "pkg/config/document.hh"

#include <algorithm>
#include <utility>

namespace weir::config::detail {
namespace {

auto lower_bound(auto& members, std::string_view key) {
  return std::lower_bound(members.begin(), members.end(), key,
                          [](const Member& member, std::string_view name) { return member.key < name; });
}

}  // namespace

const Member* Node::find(std::string_view key) const {
  const auto at = lower_bound(members, key);
  return at != members.end() && at->key == key ? &*at : nullptr;
}

Member* Node::find(std::string_view key) {
  return const_cast<Member*>(std::as_const(*this).find(key));
}

Member& Node::insert(std::string_view key, Node value, const Place& key_place) {
  const auto at = lower_bound(members, key);
  if (at != members.end() && at->key == key) {
    at->place = key_place;
    at->value = std::move(value);
    return *at;
  }
  return *members.insert(at, Member{std::string(key), key_place, std::move(value)});
}

void Node::erase(std::string_view key) {
  const auto at = lower_bound(members, key);
  if (at != members.end() && at->key == key) members.erase(at);
}

std::string_view describe(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::boolean:
      return "a boolean";
    case Node::Kind::integer:
      return "an integer";
    case Node::Kind::number:
      return "a number";
    case Node::Kind::string:
      return "a string";
    case Node::Kind::array:
      return "an array";
    case Node::Kind::table:
      return "a table";
    case Node::Kind::date:
      return "a date or time";
  }
  return "";
}

}  // namespace weir::config::detail
