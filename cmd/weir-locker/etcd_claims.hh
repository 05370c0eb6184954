// Claims as etcd's services for locks and elections make them: the recipe that its clients otherwise carry
// out themselves, so that both stand in the same queue.
#pragma once

#include "cmd/weir-locker/etcd_call.hh"

namespace weir::locker {

struct EtcdClaim {
  std::string name;
  keyspace::LeaseId lease = 0;  // 0: one of its own, which ends with the claim or when nobody keeps it alive
  // As the key shall have it; nothing: as it is, or empty. To the queue it is an exclusive claim, as any that
  // others have written.
  std::optional<std::string> value = {};
};

struct EtcdGranted {
  std::string key;
  keyspace::Revision created = 0;
  keyspace::LeaseId lease = 0;
  keyspace::Revision revision = 0;  // of the keyspace, for the answer
};

// Waits until the claim is granted, as long as the client does. A lease's second claim on a name is its first
// one. After an error, and when the client has left, what was claimed here is withdrawn.
aio::Task<etcd::Reply<EtcdGranted>> etcd_claim(EtcdCall& call, EtcdClaim claim);

}  // namespace weir::locker
