// What streams want to say, as frames that nghttp2 is to send.

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

#include "pkg/http/h2_core.hh"

namespace weir::http {

ssize_t H2Core::offer_content(int32_t id, size_t room, uint32_t& flags) {
  H2Stream* stream = find(id);
  if (stream == nullptr) return NGHTTP2_ERR_DEFERRED;
  const H2Stream::Content& staged = stream->staged_;
  const size_t size = std::min(room, staged.piece.size());
  const bool is_end = staged.last && size == staged.piece.size();
  if (size == 0 && !is_end) return NGHTTP2_ERR_DEFERRED;
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (!is_end) return static_cast<ssize_t>(size);
  flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!staged.trailer_lines.empty()) {
    flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    lines_.assign({}, staged.trailer_lines);
    nghttp2_submit_trailer(session_, id, lines_.data(), lines_.size());
  }
  return static_cast<ssize_t>(size);
}

void H2Core::take_content(int32_t id, std::string_view frame_head, size_t size) {
  output_ += frame_head;
  H2Stream* stream = find(id);
  H2Stream::Content& staged = stream->staged_;
  output_ += staged.piece.substr(0, size);
  staged.piece.remove_prefix(size);
  if (!staged.piece.empty()) return;
  stream->local_done_ = std::exchange(staged.last, false);
  if (auto* sender = std::exchange(stream->sender_, nullptr)) sender->resume_later();
}

Result<> H2Core::submit_answer(H2Stream& stream, int status, std::string_view lines, Head kind) {
  std::array<char, 4> digits;
  digits[0] = static_cast<char>('0' + status / 100 % 10);
  digits[1] = static_cast<char>('0' + status / 10 % 10);
  digits[2] = static_cast<char>('0' + status % 10);
  const Field pseudo[] = {{":status", {digits.data(), 3}, FieldId::other}};
  lines_.assign(pseudo, lines);
  int error = 0;
  switch (kind) {
    case Head::interim:
      error = nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id_, nullptr, lines_.data(),
                                     lines_.size(), nullptr);
      break;
    case Head::with_content:
      error =
          nghttp2_submit_response(session_, stream.id_, lines_.data(), lines_.size(), &content_provider());
      break;
    case Head::last:
      error = nghttp2_submit_response(session_, stream.id_, lines_.data(), lines_.size(), nullptr);
      break;
  }
  if (error != 0) return failure_of(error);
  return {};
}

Result<> H2Core::submit_request(H2Stream& stream, std::span<const Field> pseudo, std::string_view lines,
                                Head kind) {
  lines_.assign(pseudo, lines);
  const int32_t id = nghttp2_submit_request(session_, nullptr, lines_.data(), lines_.size(),
                                            kind == Head::last ? nullptr : &content_provider(), &stream);
  if (id < 0) return failure_of(id);
  stream.id_ = id;
  return {};
}

std::unexpected<Error> H2Core::failure_of(int error) {
  return weir::fail(Errc::internal, std::string("HTTP/2: ") + nghttp2_strerror(error));
}

void H2Core::resume(H2Stream& stream) {
  nghttp2_session_resume_data(session_, stream.id_);
}

void H2Core::submit_reset(H2Stream& stream, uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_, code);
  stream.is_closed_ = true;
  owner_.on_output();
}

void H2Core::credit(const H2Stream& stream, size_t bytes) {
  nghttp2_session_consume(session_, stream.id_, bytes);
  if (nghttp2_session_want_write(session_) != 0) owner_.on_output();
}

}  // namespace weir::http
