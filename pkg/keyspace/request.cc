#include "pkg/keyspace/request.hh"

namespace weir::keyspace {

bool KeyRange::contains(std::string_view other) const {
  if (is_single()) return other == key;
  return other >= key && (is_open_ended() || other < end);
}

KeyRange range_of_prefix(std::string prefix) {
  std::string end = prefix;
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) return {std::move(prefix), std::string(1, '\0')};
  end.back() = static_cast<char>(end.back() + 1);
  return {std::move(prefix), std::move(end)};
}

}  // namespace weir::keyspace
