#include "pkg/gateway/h1_client.hh"

#include "pkg/gateway/chunks.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {

H1Client::H1Client(aio::Stream& stream, size_t head_size)
    : stream_(stream),
      head_size_(head_size),
      bytes_in_before_(stream.bytes_in() - stream.buffered().size()),
      bytes_out_before_(stream.bytes_out()) {}

H1Client::~H1Client() {
  if (body_) body_->release();  // one that was sent whole was kept until now, to be sent again if need be
  stream_.unpin();
}

std::optional<http::Refusal> H1Client::read_head(http::RequestHead& out) {
  auto refusal = http::parse_request_head(stream_.text().substr(0, head_size_), out);
  stream_.pin(head_size_);
  if (refusal) {
    out.keep_alive = false;  // who knows where the next request begins
    return refusal;
  }
  body_.emplace(stream_, out.framing);
  is_http_1_0_ = out.is_http_1_0;
  return std::nullopt;
}

void H1Client::begin_head(std::string& out, int status, std::string_view reason) {
  http::append_status_line(out, status, reason);
}

void H1Client::end_head(std::string& out, Ending ending) {
  writes_chunks_ = !ending.length_known && !is_http_1_0_;
  if (writes_chunks_) out += "Transfer-Encoding: chunked\r\n";
  if (!ending.keep_alive) out += "Connection: close\r\n";
  if (ending.keep_alive && is_http_1_0_) out += "Connection: keep-alive\r\n";
  out += "\r\n";
}

// HTTP/1.0 knows no interim answers (RFC 9110 15.2).
aio::Task<Result<>> H1Client::send_interim(std::string_view head, aio::Deadline deadline) {
  if (is_http_1_0_) co_return Result<>{};
  const std::string_view parts[] = {head, "\r\n"};
  auto sent = co_await stream_.write(parts, deadline);
  co_return sent;
}

aio::Task<Result<>> H1Client::send(Outgoing out, aio::Deadline deadline) {
  if (!writes_chunks_) {
    const std::string_view parts[] = {out.head, out.piece};
    auto sent = co_await stream_.write(parts, deadline);
    co_return sent;
  }
  const ChunkFrame chunk(out);
  auto sent = co_await stream_.write(chunk.parts(), deadline);
  co_return sent;
}

uint64_t H1Client::bytes_in() const {
  return stream_.bytes_in() - stream_.buffered().size() - bytes_in_before_;
}

uint64_t H1Client::bytes_out() const {
  return stream_.bytes_out() - bytes_out_before_;
}

}  // namespace weir::gateway
