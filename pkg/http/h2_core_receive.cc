// What nghttp2 has understood, as changes of streams.

#include <nghttp2/nghttp2.h>

#include "pkg/http/h2_core.hh"

namespace weir::http {

void H2Core::charge(int64_t points) {
  guard_.charge(points, now_ms_);
}

bool H2Core::on_begin_headers(int32_t id) {
  H2Stream* stream = find(id);
  if (stream == nullptr) {
    if (role_ == Role::client) return false;
    // The slots of those that were reset count until their work has ended, whatever nghttp2 thinks.
    if (occupied_ >= settings_.max_concurrent_streams) {
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, H2Code::kRefusedStream);
      charge(H2Budget::kRefused);
      return false;
    }
    incoming_ = owner_.make_stream(*this);
    stream = incoming_.get();
    stream->id_ = id;
    nghttp2_session_set_stream_user_data(session_, id, stream);
  }
  if (stream->head_done_) {
    fields_.begin(H2FieldReader::Block::trailers, stream->arena_, stream->trailers_);
  } else {
    stream->begin_head(fields_);
  }
  return true;
}

bool H2Core::on_field(int32_t id, std::string_view name, std::string_view value) {
  if (fields_.add(name, value)) return true;
  reject(id, fields_.is_hopeless() ? H2Code::kEnhanceYourCalm : H2Code::kProtocolError);
  return false;
}

void H2Core::reject(int32_t id, uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
  charge(H2Budget::kReset);
  H2Stream* stream = find(id);
  if (stream == nullptr) return;
  stream->is_closed_ = true;
  nghttp2_session_set_stream_user_data(session_, id, nullptr);
  if (role_ == Role::client) vacate(*stream);
  stream->end_as(H2End::reset, code);
  if (stream == incoming_.get()) incoming_.reset();
}

void H2Core::on_frame(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
      if (H2Stream* stream = find(frame.hd.stream_id)) {
        stream->bytes_in_ += H2Guard::kFrameHead + frame.hd.length;
        on_stream_frame(*stream, frame);
      }
      break;
    case NGHTTP2_RST_STREAM:
      // One that is over costs nothing; one that is not makes a server's work one in vain.
      if (role_ == Role::server && find(frame.hd.stream_id) != nullptr) charge(H2Budget::kReset);
      break;
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) has_peer_settings_ = true;
      break;
    case NGHTTP2_GOAWAY:
      peer_leaves_ = true;
      break;
    case NGHTTP2_PING:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0 && leaving_) end_now();
      break;
    default:
      break;
  }
}

void H2Core::on_stream_frame(H2Stream& stream, const nghttp2_frame& frame) {
  const bool end_of_stream = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (frame.hd.type == NGHTTP2_HEADERS) {
    const bool is_head = !stream.head_done_;
    H2Verdict verdict = is_head ? stream.take_head(fields_, end_of_stream) : fields_.finish_trailers();
    // RFC 9113 8.1: nothing follows trailers.
    if (!is_head && !end_of_stream) verdict.kind = H2Verdict::Kind::malformed;
    if (verdict.kind == H2Verdict::Kind::malformed) return reject(stream.id_, H2Code::kProtocolError);
  }
  // RFC 9113 8.1.1: as much content as content-length says, and no more.
  const uint64_t promised = stream.promised_.value_or(stream.received_);
  if (stream.received_ > promised || (end_of_stream && stream.received_ < promised))
    return reject(stream.id_, H2Code::kProtocolError);
  stream.remote_done_ = end_of_stream;
  if (incoming_.get() == &stream) owner_.on_request(std::move(incoming_));
  stream.fresh_ += H2Guard::kFrameHead;
  stream.input_.set();
}

void H2Core::on_data(int32_t id, std::string_view data) {
  H2Stream* stream = find(id);
  if (stream == nullptr || stream->end_ != H2End::open) {
    nghttp2_session_consume_connection(session_, data.size());
    return;
  }
  stream->received_ += data.size();
  // A head that is still to come, or content beyond what it says: nothing of it is to be seen.
  if (!stream->head_done_ || stream->received_ > stream->promised_.value_or(stream->received_)) {
    nghttp2_session_consume_connection(session_, data.size());
    return reject(id, H2Code::kProtocolError);
  }
  stream->incoming_ += data;
  stream->fresh_ += data.size();
}

void H2Core::on_stream_close(int32_t id, uint32_t code) {
  H2Stream* stream = find(id);
  if (stream == nullptr) return;
  stream->is_closed_ = true;
  const bool is_complete = code == H2Code::kNoError && stream->remote_done_;
  if (is_complete) guard_.budget().earn(H2Budget::kEarned);
  // A client's slot is free when the server says so; a server's, when a cut-off request's work has ended.
  if (is_complete || role_ == Role::client) vacate(*stream);
  H2End how = H2End::reset;
  if (is_complete) how = H2End::complete;
  if (code == H2Code::kRefusedStream) how = H2End::refused;
  stream->end_as(how, code);
  if (stream == incoming_.get()) incoming_.reset();
}

void H2Core::on_frame_sent(const nghttp2_frame& frame) {
  H2Stream* stream = nullptr;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) guard_.opened(static_cast<uint32_t>(frame.hd.stream_id));
      stream = find(frame.hd.stream_id);
      break;
    case NGHTTP2_DATA:
      // A peer that takes what we send says so with two WINDOW_UPDATE at most.
      guard_.budget().earn(2 * H2Budget::kControlFrame);
      stream = find(frame.hd.stream_id);
      break;
    case NGHTTP2_RST_STREAM:
      guard_.discard(static_cast<uint32_t>(frame.hd.stream_id));
      break;
    case NGHTTP2_GOAWAY:
      // Behind the notice, for nghttp2 would send a PING before it: who answers has read the notice.
      if (leaving_ && !end_announced_) nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
      // nghttp2 finds faults too.
      if (frame.goaway.error_code != H2Code::kNoError && !fault_)
        fault_ = {frame.goaway.error_code, h2_code_name(frame.goaway.error_code)};
      break;
    default:
      break;
  }
  if (stream != nullptr) stream->bytes_out_ += H2Guard::kFrameHead + frame.hd.length;
}

}  // namespace weir::http
