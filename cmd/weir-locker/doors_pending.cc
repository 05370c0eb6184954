#include "cmd/weir-locker/resp_door.hh"

namespace weir::locker {

aio::Task<> serve_resp(Engine&, aio::Stream, const RespSettings&) {
  co_return;
}

}  // namespace weir::locker
