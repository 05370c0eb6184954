// Copies of requests, sent to another upstream to see how it takes them. Their answers are thrown away, and
// nothing that becomes of them touches the request itself.
#pragma once

#include <memory>
#include <string>

#include "pkg/aio/task.hh"
#include "pkg/gateway/snapshot.hh"

namespace weir::gateway {

class Worker;

struct MirroredRequest {
  std::shared_ptr<const Snapshot> snapshot;  // keeps the upstream alive
  const Upstream* upstream = nullptr;
  http::Method method = http::Method::get;
  // As RequestTarget.
  std::string method_text;
  std::string scheme;
  std::string authority;
  std::string path;
  std::string head;
  std::string body;
  bool sends_chunks = false;
};

// Sends it and reads its answer to the end, under the upstream's timeouts; no retries.
aio::Task<> send_mirrored(Worker& worker, MirroredRequest request);

}  // namespace weir::gateway
