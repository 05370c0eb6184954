// The door for etcd clients.
#pragma once

#include "cmd/weir-locker/engine.hh"
#include "pkg/aio/stream.hh"

namespace weir::locker {

struct EtcdSettings {};

aio::Task<> serve_etcd(Engine& engine, aio::Stream stream, const EtcdSettings& settings);

}  // namespace weir::locker
