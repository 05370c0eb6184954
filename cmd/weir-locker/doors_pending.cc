#include "cmd/weir-locker/etcd_door.hh"

namespace weir::locker {

aio::Task<> serve_etcd(Engine&, aio::Stream, const EtcdSettings&) {
  co_return;
}

}  // namespace weir::locker
