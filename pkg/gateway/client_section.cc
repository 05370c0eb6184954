#include "pkg/gateway/client_section.hh"

namespace weir::gateway {

config::Table<ClientSection> client_table() {
  config::Table<ClientSection> t;
  t.key("header_timeout", &ClientSection::header_timeout)
      .bounds(10ms, 1h)
      .doc(
          "How long a client may take to send a request's head, from its first byte; then the answer is "
          "408.");
  t.key("body_timeout", &ClientSection::body_timeout)
      .bounds(10ms, 1h)
      .doc("The longest pause between two pieces of a request's body; then the answer is 408.");
  t.key("idle_timeout", &ClientSection::idle_timeout)
      .bounds(10ms, 24h)
      .doc("How long a connection is kept open between requests.");
  t.key("write_timeout", &ClientSection::write_timeout)
      .bounds(10ms, 1h)
      .doc("How long a client may take to receive a piece of an answer (64 KiB at most).");
  t.key("max_request_line", &ClientSection::max_request_line)
      .bounds(Bytes{64}, Bytes{32 * 1024})
      .doc("The longest request line; beyond it the answer is 414.");
  t.key("max_header_bytes", &ClientSection::max_header_bytes)
      .bounds(Bytes{256}, Bytes{32 * 1024})
      .doc("The most bytes of all header fields together; beyond it the answer is 431.");
  t.key("max_headers", &ClientSection::max_headers)
      .bounds(1, 200)
      .doc("The most header fields; beyond it the answer is 431.");
  t.key("max_body", &ClientSection::max_body)
      .doc(
          "The largest body of a request; beyond it the answer is 413. 0 means any size: bodies are passed "
          "on "
          "as they come and never held in memory.");
  t.key("trusted_proxies", &ClientSection::trusted_proxies)
      .example("10.0.0.0/8")
      .doc(
          "Peers whose X-Forwarded-* and Forwarded fields are believed. From anyone else they are dropped, "
          "and "
          "the client is the peer itself.");
  t.key("abort_when_client_leaves", &ClientSection::abort_when_client_leaves)
      .doc(
          "Whether a request is given up when its client closes (or finishes sending on) the connection "
          "before "
          "the answer has begun.");
  t.key("shed_lag", &ClientSection::shed_lag)
      .bounds(0ms, 10s)
      .doc(
          "When a worker is so busy that a request has waited for its turn longer than this, it is answered "
          "503 at once: some are turned away so that the others are served in time. 0 turns this off; the "
          "clock is good to some 5 milliseconds.");
  return t;
}

config::Table<AccessLogSection> access_log_table() {
  config::Table<AccessLogSection> t;
  t.key("to", &AccessLogSection::to)
      .doc(
          "Where one JSON object for each request goes: stdout, off, file:PATH, unix:PATH or "
          "kafka://HOST:PORT/TOPIC.");
  t.key("headers", &AccessLogSection::headers)
      .example("X-Tenant")
      .doc("Request header fields to put into the events. Name none that bears a secret.");
  return t;
}

}  // namespace weir::gateway
