// What several of etcd's services show alike. Includes what is slow to compile: for the services' files only.
#pragma once

#include "cmd/weir-locker/engine.hh"
#include "pkg/etcd/rpc.pb.h"

namespace weir::locker {

// There is one member, and it is the whole cluster; so these need not tell anything apart.
constexpr uint64_t kEtcdCluster = 0x776569722d6c6f63;
constexpr uint64_t kEtcdMember = 0x6c6f636b65722d31;
constexpr uint64_t kEtcdTerm = 1;

inline void set_header(etcdserverpb::ResponseHeader* header, keyspace::Revision revision) {
  header->set_cluster_id(kEtcdCluster);
  header->set_member_id(kEtcdMember);
  header->set_revision(revision);
  header->set_raft_term(kEtcdTerm);
}
template <typename Response>
Response with_header(keyspace::Revision revision) {
  Response response;
  set_header(response.mutable_header(), revision);
  return response;
}

inline void show_key(const keyspace::KeyValue& key, mvccpb::KeyValue* out, bool with_value = true) {
  out->set_key(key.key);
  out->set_create_revision(key.created);
  out->set_mod_revision(key.modified);
  out->set_version(key.version);
  if (with_value) out->set_value(key.value);
  out->set_lease(key.lease);
}

}  // namespace weir::locker
