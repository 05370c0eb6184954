// Opening connections, and finding the addresses behind a name.
#pragma once

#include <vector>

#include "pkg/aio/socket.hh"
#include "pkg/aio/stream.hh"

namespace weir::aio {

// Who sends first on a new connection. We: and at once, so that what we send can carry the ACK that ends
// TCP's handshake; it would otherwise go in a segment of its own.
enum class FirstToSend { peer, we };

// Connects to an ip:port or a Unix socket (a name must be resolved first). The stream receives from then on.
// Errors: timed_out, cancelled, refused, closed, not_found (no such Unix socket).
Task<Result<Stream>> connect(Loop& loop, Address address, Deadline deadline,
                             FirstToSend first = FirstToSend::peer);

// The stream of a connected TCP or Unix socket that came from elsewhere: from another process, say. It
// receives from then on. Errors: invalid (not a connection of these kinds).
Result<Stream> adopt(Loop& loop, Descriptor socket);

// All stream addresses of a name, by the system's resolver, on a thread of libuv's.
// Errors: not_found, timed_out, cancelled.
Task<Result<std::vector<Address>>> resolve(Loop& loop, std::string name, uint16_t port, Deadline deadline);

}  // namespace weir::aio
