// What needs no command to run: to take a lock and give it back in two steps, to wait, to list, to follow.
#pragma once

#include "cmd/weir-lock/options.hh"

namespace weir::locking {

// All return our exit status.
aio::Task<int> take_only(aio::Loop& loop, const Options& options);
aio::Task<int> release(aio::Loop& loop, const Options& options);
aio::Task<int> wait_until_free(aio::Loop& loop, const Options& options);
aio::Task<int> list(aio::Loop& loop, const Options& options);
aio::Task<int> watch(aio::Loop& loop, const Options& options);

}  // namespace weir::locking
