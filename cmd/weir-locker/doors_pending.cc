#include "cmd/weir-locker/etcd_door.hh"
#include "cmd/weir-locker/resp_door.hh"

namespace weir::locker {

aio::Task<> serve_resp(Engine&, aio::Stream, const RespSettings&) {
  co_return;
}
aio::Task<> serve_etcd(Engine&, aio::Stream, const EtcdSettings&) {
  co_return;
}

}  // namespace weir::locker
