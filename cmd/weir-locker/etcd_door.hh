// The door for etcd's clients: its version 3 API over gRPC, HTTP/2 in clear with prior knowledge.
//
// It shows the whole keyspace. A lock of another door is the key "NAME/LEASE" there, with a value in our own
// encoding (pkg/lock/claim.hh); and a key of that form which an etcd client puts, whatever its value, is an
// exclusive claim on that lock, as etcd's recipes for locks and elections mean it.
//
// What is not there says so (UNIMPLEMENTED): transactions within transactions, Compact (the history is
// bounded anyway), users and roles, snapshots, changes of members. Keys are as they are now: an older
// revision can be watched from, as far back as the history reaches, but not read.
#pragma once

#include "cmd/weir-locker/engine.hh"
#include "pkg/aio/stream.hh"

namespace weir::locker {

struct EtcdSettings {
  uint32_t streams = 256;       // calls of one connection at once, those that only wait too
  size_t watches = 1000;        // of one connection
  Bytes request{1536 << 10};    // the largest message that is taken
  Bytes answers{64 << 20};      // of one connection, made and not yet sent
  Bytes watch_answer{1 << 20};  // when changes are told in several messages; but a request's all at once
  Duration request_timeout = std::chrono::seconds(30);  // for all of a request to come in
  Duration send_timeout = std::chrono::minutes(1);      // while the client takes nothing
  // When a watch that wants to know is told that there is nothing new.
  Duration progress = std::chrono::minutes(10);
};

// Serves the connection until it is over, or until the task is cancelled.
aio::Task<> serve_etcd(Engine& engine, aio::Stream stream, const EtcdSettings& settings);

}  // namespace weir::locker
