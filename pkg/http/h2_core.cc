#include "pkg/http/h2_core.hh"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

#include "pkg/http/h2_lines.hh"
#include "pkg/http/h2_memory.hh"

namespace weir::http {
namespace {

// Behind this much no further frame is produced; the last one may go beyond it by its size.
constexpr size_t kEnough = H2Core::kOutputBytes - H2Guard::kMaxFrame - H2Guard::kFrameHead;

std::string_view text_of(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

// Of what nghttp2 cannot go on after.
H2Fault fault_of(int error) {
  const bool is_flood = error == NGHTTP2_ERR_FLOODED;
  return {is_flood ? H2Code::kEnhanceYourCalm : H2Code::kInternalError, nghttp2_strerror(error)};
}

}  // namespace

// nghttp2's view of a core. None of these may call nghttp2 to receive or to send.
struct H2Core::Callbacks {
  static H2Core& core(void* user_data) { return *static_cast<H2Core*>(user_data); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    return core(user_data).on_begin_headers(frame->hd.stream_id) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
                    uint8_t, void* user_data) {
    return core(user_data).on_field(frame->hd.stream_id, text_of(name), text_of(value))
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    core(user_data).on_frame(*frame);
    return 0;
  }
  static int invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* user_data) {
    core(user_data).charge(H2Budget::kReset);
    return 0;
  }
  static int data_chunk(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size,
                        void* user_data) {
    core(user_data).on_data(id, {reinterpret_cast<const char*>(data), size});
    return 0;
  }
  static int stream_closed(nghttp2_session*, int32_t id, uint32_t code, void* user_data) {
    core(user_data).on_stream_close(id, code);
    return 0;
  }
  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    core(user_data).on_frame_sent(*frame);
    return 0;
  }
  static int frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user_data) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (H2Stream* stream = core(user_data).find(frame->hd.stream_id)) stream->reset(H2Code::kInternalError);
    return 0;
  }
  static ssize_t read_content(nghttp2_session*, int32_t id, uint8_t*, size_t size, uint32_t* flags,
                              nghttp2_data_source*, void* user_data) {
    return core(user_data).offer_content(id, size, *flags);
  }
  static int send_content(nghttp2_session*, nghttp2_frame* frame, const uint8_t* head, size_t size,
                          nghttp2_data_source*, void* user_data) {
    core(user_data).take_content(frame->hd.stream_id,
                                 {reinterpret_cast<const char*>(head), H2Guard::kFrameHead}, size);
    return 0;
  }

  static const nghttp2_session_callbacks* table() {
    static const auto callbacks = [] {
      nghttp2_session_callbacks* made = nullptr;
      if (nghttp2_session_callbacks_new(&made) != 0) throw std::bad_alloc();
      nghttp2_session_callbacks_set_on_begin_headers_callback(made, begin_headers);
      nghttp2_session_callbacks_set_on_header_callback2(made, header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(made, frame_received);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, invalid_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, data_chunk);
      nghttp2_session_callbacks_set_on_stream_close_callback(made, stream_closed);
      nghttp2_session_callbacks_set_on_frame_send_callback(made, frame_sent);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(made, frame_not_sent);
      nghttp2_session_callbacks_set_send_data_callback(made, send_content);
      return std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)>(
          made, nghttp2_session_callbacks_del);
    }();
    return callbacks.get();
  }

  static const nghttp2_option* options() {
    static const auto options = [] {
      nghttp2_option* made = nullptr;
      if (nghttp2_option_new(&made) != 0) throw std::bad_alloc();
      nghttp2_option_set_no_auto_window_update(made, 1);
      nghttp2_option_set_no_closed_streams(made, 1);
      // Messages are ours to judge: nghttp2 would leave out a field it does not like, or reset a stream
      // where an answer says more. So is the budget, which is a stricter one.
      nghttp2_option_set_no_http_messaging(made, 1);
      nghttp2_option_set_stream_reset_rate_limit(made, 1'000'000, 1'000'000);
      return std::unique_ptr<nghttp2_option, decltype(&nghttp2_option_del)>(made, nghttp2_option_del);
    }();
    return options.get();
  }
};

const nghttp2_data_provider& H2Core::content_provider() {
  static const nghttp2_data_provider provider{{.ptr = nullptr}, Callbacks::read_content};
  return provider;
}

H2Core::H2Core(Role role, const H2Settings& settings, Owner& owner)
    : role_(role), settings_(settings), owner_(owner), guard_(role == Role::server), fields_(settings.head) {
  const auto make = role == Role::server ? nghttp2_session_server_new3 : nghttp2_session_client_new3;
  if (make(&session_, Callbacks::table(), this, Callbacks::options(), h2_memory()) != 0)
    throw std::bad_alloc();
  greet();
}

void H2Core::greet() {
  constexpr int32_t kNoPriorities = 0x9;  // RFC 9218 2.1; nghttp2 then keeps no tree of them
  const auto list_bytes = static_cast<uint32_t>(settings_.head.bytes + settings_.head.fields * 32);
  std::array<nghttp2_settings_entry, 4> entries{
      {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings_.stream_window},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, list_bytes},
       {kNoPriorities, 1},
       {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}}};
  if (role_ == Role::server) entries[3] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, INT32_MAX};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  if (role_ == Role::server) limit_streams();
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(settings_.connection_window));
}

// nghttp2 would end the connection, and all its requests, for one stream too many. So the limit is put into
// the frame behind its back, at the end, and is kept by us (RFC 9113 5.1.2: that stream is refused).
void H2Core::limit_streams() {
  const uint8_t* frame = nullptr;
  const ssize_t size = nghttp2_session_mem_send(session_, &frame);
  if (size <= 0) throw std::bad_alloc();
  output_.assign(reinterpret_cast<const char*>(frame), static_cast<size_t>(size));
  for (size_t i = 0; i < 4; ++i)
    output_[output_.size() - 1 - i] = static_cast<char>(settings_.max_concurrent_streams >> 8 * i);
}

H2Core::~H2Core() {
  lose();
  nghttp2_session_del(session_);
}

void H2Core::adopt(H2Stream& stream) {
  stream.next_ = first_;
  stream.link_ = &first_;
  if (first_ != nullptr) first_->link_ = &stream.next_;
  first_ = &stream;
  ++streams_;
  ++occupied_;
}

void H2Core::vacate(H2Stream& stream) {
  if (std::exchange(stream.occupies_, false)) --occupied_;
}

void H2Core::forget(H2Stream& stream) {
  *stream.link_ = stream.next_;
  if (stream.next_ != nullptr) stream.next_->link_ = stream.link_;
  --streams_;
  vacate(stream);
  if (stream.id_ != 0) {
    if (const size_t held = stream.incoming_.size() + stream.piece_.size(); held > 0)
      nghttp2_session_consume_connection(session_, held);
    nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
    if (!stream.is_closed_) {
      const uint32_t unfinished = role_ == Role::server ? H2Code::kInternalError : H2Code::kCancel;
      submit_reset(stream, stream.local_done_ && role_ == Role::server ? H2Code::kNoError : unfinished);
    }
    owner_.on_output();
  }
  stream.core_ = nullptr;
}

void H2Core::lose() {
  while (first_ != nullptr) {
    H2Stream& stream = *first_;
    first_ = stream.next_;
    if (first_ != nullptr) first_->link_ = &first_;
    --streams_;
    vacate(stream);
    stream.core_ = nullptr;
    stream.end_as(H2End::lost, H2Code::kNoError);
  }
  incoming_.reset();
  is_lost_ = true;
}

H2Stream* H2Core::find(int32_t id) const {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
}

size_t H2Core::receive(std::string_view bytes, uint64_t now_ms) {
  now_ms_ = now_ms;
  size_t used = 0;
  receiving_ = true;
  while (used < bytes.size() && !fault_) {
    const size_t step = guard_.admit(bytes.substr(used), now_ms);
    if (step == 0) break;
    const auto* data = reinterpret_cast<const uint8_t*>(bytes.data()) + used;
    const ssize_t taken = nghttp2_session_mem_recv(session_, data, step);
    used += step;
    if (taken < 0) fail(fault_of(static_cast<int>(taken)));
    if (guard_.fault()) break;
  }
  receiving_ = false;
  if (guard_.fault()) fail(*guard_.fault());
  return fault_ ? bytes.size() : used;
}

void H2Core::fail(H2Fault fault) {
  if (fault_) return;
  fault_ = fault;
  nghttp2_session_terminate_session(session_, fault.code);
  owner_.on_output();
}

void H2Core::produce() {
  if (receiving_ || is_lost_) return;
  while (output_.size() < kEnough) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size <= 0) break;
    output_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  }
  if (!output_.empty()) owner_.on_output();
}

bool H2Core::has_output() const {
  return !output_.empty() || nghttp2_session_want_write(session_) != 0;
}

void H2Core::take_output(std::string& into) {
  into.clear();
  std::swap(into, output_);
}

void H2Core::give_back(std::string& taken) {
  if (output_.empty()) output_ = {};
  taken = {};
}

bool H2Core::is_finished() const {
  return is_lost_ || (!has_output() && nghttp2_session_want_read(session_) == 0);
}

void H2Core::announce_end() {
  if (leaving_ || fault_) return;
  leaving_ = true;
  if (role_ == Role::client) return end_now();
  nghttp2_submit_shutdown_notice(session_);
  owner_.on_output();
}

void H2Core::end_now() {
  leaving_ = true;
  if (std::exchange(end_announced_, true) || fault_) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        H2Code::kNoError, nullptr, 0);
  owner_.on_output();
}

size_t H2Core::most_streams() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool H2Core::can_open() const {
  if (role_ != Role::client || leaving_ || peer_leaves_ || fault_ || is_lost_) return false;
  if (!has_peer_settings_ || nghttp2_session_check_request_allowed(session_) == 0) return false;
  return occupied_ < most_streams();
}

}  // namespace weir::http
