// Who stands in line for one lock, first come first, and who of them holds it.
//
// The rule: the first holds it; whoever is behind holds it too if all before it do and it can hold it
// together with them. So nobody is overtaken, and a writer that waits is not starved by readers that come
// after it. A claim's fencing token is the revision that created it: claims are granted in their order, so of
// two grants of one name the later one has the greater token, for ever.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pkg/lock/claim.hh"

namespace weir::lock {

// A place in the order of all that ever came. The token alone tells, but for what one request of a foreign
// client has put into a queue.
struct Ticket {
  Revision token = 0;
  LeaseId lease = 0;
  auto operator<=>(const Ticket&) const = default;
};

struct Claimant {
  std::string key;
  Claim claim = {};
  bool is_granted = false;
  int64_t since = 0;  // when it was granted, or else when it was made
};

class Queue {
 public:
  const std::map<Ticket, Claimant>& claimants() const { return claimants_; }
  size_t granted() const { return granted_; }
  bool is_empty() const { return claimants_.empty(); }
  const Claimant* find(Ticket ticket) const;
  const Claimant* find_token(Revision token) const;

  // What is there already is changed where it stands.
  void put(Ticket ticket, Claimant claimant);
  // Nothing: it was not there.
  std::optional<Claimant> remove(Ticket ticket);
  // Grants what can be granted now; those that were, in order. `since`: 0 leaves when they were made.
  std::vector<Ticket> grant(int64_t since);

  // Whether all who hold it now would let this one hold it too.
  bool admits(const Claim& claim) const;

 private:
  std::map<Ticket, Claimant> claimants_;
  size_t granted_ = 0;
};

}  // namespace weir::lock
