// An HTTP/2 connection without its socket: bytes in, events, bytes out (RFC 9113, on nghttp2). What nghttp2
// says is turned into streams here, and what streams want into frames. Neither time nor I/O: a test or a
// fuzzer drives it as well as a connection does.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pkg/http/h2_guard.hh"
#include "pkg/http/h2_lines.hh"
#include "pkg/http/h2_settings.hh"
#include "pkg/http/h2_stream.hh"

namespace weir::http {

class H2Core {
 public:
  enum class Role : uint8_t { server, client };

  // What a core asks of its connection. The calls come while it is busy: they note, and act later.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual std::unique_ptr<H2Stream> make_stream(H2Core& core) = 0;  // for a request that comes in
    virtual void on_request(std::unique_ptr<H2Stream> stream) = 0;    // its head is complete
    virtual void on_output() = 0;                                     // there may be something to write
  };

  H2Core(Role role, const H2Settings& settings, Owner& owner);
  ~H2Core();  // streams that are left are lost
  H2Core(const H2Core&) = delete;
  H2Core& operator=(const H2Core&) = delete;

  // Takes what was received; returns how much of it was used. The rest, a frame's first bytes, must be shown
  // again with what follows.
  size_t receive(std::string_view bytes, uint64_t now_ms);

  // Makes frames of what there is to send, as far as the output has room.
  void produce();
  bool has_output() const;
  // Exchanges memory: `into` is emptied and gets what was produced.
  void take_output(std::string& into);
  // Lets go of the memory of both; it comes back when there is something to send.
  void give_back(std::string& taken);

  // An error of the connection: GOAWAY with `code`, and nothing more is read.
  void fail(H2Fault fault);
  const std::optional<H2Fault>& fault() const { return fault_; }
  // Says that no stream will be begun any more (RFC 9113 6.8): first the notice, then, when those that were
  // on their way have come (the client answered, or waited long enough), the last one that is served.
  void announce_end();
  void end_now();
  // Nothing more will be read or written.
  bool is_finished() const;
  // The connection is gone, and so are all streams.
  void lose();

  bool is_greeted() const { return guard_.is_greeted(); }
  bool in_header_block() const { return guard_.in_header_block(); }
  size_t streams() const { return streams_; }  // whose objects live
  // What the server has said about itself: nothing is known before its first SETTINGS.
  bool has_peer_settings() const { return has_peer_settings_; }
  size_t most_streams() const;
  bool can_open() const;

  static constexpr size_t kOutputBytes = 64 * 1024;

 private:
  friend class H2Stream;
  friend class H2ServerStream;
  friend class H2ClientStream;
  struct Callbacks;  // what nghttp2 calls
  static const nghttp2_data_provider& content_provider();

  void greet();
  void limit_streams();
  void adopt(H2Stream& stream);
  void forget(H2Stream& stream);
  void vacate(H2Stream& stream);
  H2Stream* find(int32_t id) const;

  // Frames of a stream. `lines` are copied; content comes from what the stream has staged.
  enum class Head : uint8_t { interim, with_content, last };
  Result<> submit_answer(H2Stream& stream, int status, std::string_view lines, Head kind);
  Result<> submit_request(H2Stream& stream, std::span<const Field> pseudo, std::string_view lines, Head kind);
  void resume(H2Stream& stream);
  void submit_reset(H2Stream& stream, uint32_t code);
  void credit(const H2Stream& stream, size_t bytes);

  bool on_begin_headers(int32_t id);
  bool on_field(int32_t id, std::string_view name, std::string_view value);
  void reject(int32_t id, uint32_t code);
  void on_frame(const nghttp2_frame& frame);
  void on_stream_frame(H2Stream& stream, const nghttp2_frame& frame);
  void on_data(int32_t id, std::string_view data);
  void on_stream_close(int32_t id, uint32_t code);
  void on_frame_sent(const nghttp2_frame& frame);
  ssize_t offer_content(int32_t id, size_t room, uint32_t& flags);
  void take_content(int32_t id, std::string_view frame_head, size_t size);
  void charge(int64_t points);
  static std::unexpected<Error> failure_of(int error);

  Role role_;
  H2Settings settings_;
  Owner& owner_;
  nghttp2_session* session_ = nullptr;
  H2Guard guard_;
  H2FieldReader fields_;
  std::optional<H2Fault> fault_;
  uint64_t now_ms_ = 0;
  bool receiving_ = false;
  bool has_peer_settings_ = false;
  bool is_lost_ = false;
  bool leaving_ = false;        // we said so
  bool end_announced_ = false;  // with the last stream
  bool peer_leaves_ = false;
  std::string output_;
  H2Lines lines_;
  std::unique_ptr<H2Stream> incoming_;  // whose head is being received
  H2Stream* first_ = nullptr;
  size_t streams_ = 0;
  size_t occupied_ = 0;  // of those: still under way, or reset while their work goes on
};

}  // namespace weir::http
