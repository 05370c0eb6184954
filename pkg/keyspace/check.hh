// Whether a request can be carried out, asked before any of it is: so that nothing of one that cannot
// happens.
#pragma once

#include <set>
#include <string_view>
#include <vector>

#include "pkg/keyspace/keyspace.hh"

namespace weir::keyspace {

// Goes through the operations of one request, in order, and keeps in mind what those before have done.
class RequestCheck {
 public:
  RequestCheck(const Keyspace& keys, const Limits& limits) : keys_(keys), limits_(limits) {}

  Result<> operator()(const Range&) { return {}; }
  Result<> operator()(const Put& put);
  Result<> operator()(const Erase& erase);
  Result<> operator()(const Grant& grant);
  Result<> operator()(const Revoke& revoke);

 private:
  bool has_lease(LeaseId id) const;
  bool has_key(const std::string& key) const;

  const Keyspace& keys_;
  const Limits& limits_;
  LeaseId last_granted_ = 0;
  std::set<LeaseId> granted_;
  std::set<LeaseId> revoked_;
  std::set<std::string_view> written_;
  std::vector<const KeyRange*> erased_;
};

}  // namespace weir::keyspace
