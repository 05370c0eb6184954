// Runs a coroutine on a loop of its own, for tests.
#pragma once

#include "pkg/aio/scope.hh"

// `make` is called with the loop and returns the Task to run to its end.
template <typename Make>
void run(Make make) {
  weir::aio::Loop loop;
  weir::aio::Scope scope(loop);
  const auto body = [](weir::aio::Loop& on, Make& function) -> weir::aio::Task<> {
    co_await function(on);
    on.stop();
  };
  loop.post([&] { scope.spawn(body(loop, make)); });
  loop.run();
}
