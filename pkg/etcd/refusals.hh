// What etcd says when it refuses something, in its words: its clients compare them.
#pragma once

#include "pkg/etcd/grpc.hh"

namespace weir::etcd {

struct Refusal {
  Code code;
  std::string_view text;

  Status status() const { return {code, std::string(text)}; }
  std::unexpected<Status> operator()() const { return std::unexpected(status()); }  // return kEmptyKey();
};

constexpr Refusal kEmptyKey{Code::invalid_argument, "etcdserver: key is not provided"};
constexpr Refusal kKeyNotFound{Code::invalid_argument, "etcdserver: key not found"};
constexpr Refusal kValueProvided{Code::invalid_argument, "etcdserver: value is provided"};
constexpr Refusal kLeaseProvided{Code::invalid_argument, "etcdserver: lease is provided"};
constexpr Refusal kTooManyOperations{Code::invalid_argument,
                                     "etcdserver: too many operations in txn request"};
constexpr Refusal kDuplicateKey{Code::invalid_argument, "etcdserver: duplicate key given in txn request"};
constexpr Refusal kInvalidSort{Code::invalid_argument, "etcdserver: invalid sort option"};
constexpr Refusal kCompacted{Code::out_of_range, "etcdserver: mvcc: required revision has been compacted"};
constexpr Refusal kFutureRevision{Code::out_of_range,
                                  "etcdserver: mvcc: required revision is a future revision"};
constexpr Refusal kLeaseNotFound{Code::not_found, "etcdserver: requested lease not found"};
constexpr Refusal kLeaseExists{Code::failed_precondition, "etcdserver: lease already exists"};
constexpr Refusal kTtlTooLarge{Code::out_of_range, "etcdserver: too large lease TTL"};
constexpr Refusal kNotLeader{Code::unknown, "election: not leader"};
constexpr Refusal kNoLeader{Code::unknown, "election: no leader"};

}  // namespace weir::etcd
