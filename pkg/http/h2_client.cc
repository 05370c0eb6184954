#include "pkg/http/h2_client.hh"

#include "pkg/http/h2_connection.hh"

namespace weir::http {

void H2ClientStream::begin_head(H2FieldReader& fields) {
  ResponseHead& head = heads_.emplace_back();
  head.fields.reserve(16);
  fields.begin(H2FieldReader::Block::response, arena_, head.fields);
}

H2Verdict H2ClientStream::take_head(H2FieldReader& fields, bool end_of_stream) {
  ResponseHead& head = heads_.back();
  H2Verdict verdict = fields.finish_response(end_of_stream, method_, head);
  if (verdict.kind == H2Verdict::Kind::refused || ++heads_seen_ > kMostInterim)
    verdict.kind = H2Verdict::Kind::malformed;
  head_done_ = head.status >= 200;
  if (verdict.kind == H2Verdict::Kind::ok) ++heads_ready_;
  // Answers to HEAD and 304 tell the length of what they leave out.
  promised_ = head.framing.kind == BodyKind::none ? 0 : fields.content_length();
  return verdict;
}

H2Stream::Send H2ClientStream::send(const H2Request& part, aio::Deadline deadline) {
  if (end() != H2End::open) return fail_sending(failure());
  const bool has_content = !part.last || !part.piece.empty() || !part.trailer_lines.empty();
  if (has_content) stage({part.piece, part.last, part.trailer_lines});
  if (part.method.empty()) {
    if (!has_content) stage({{}, true, {}});
    core_->resume(*this);
    return finish_sending(deadline);
  }
  method_ = method_of(part.method);
  const Field pseudo[] = {{":method", part.method, FieldId::other},
                          {":scheme", part.scheme, FieldId::other},
                          {":authority", part.authority, FieldId::other},
                          {":path", part.path, FieldId::other}};
  const auto kind = has_content ? H2Core::Head::with_content : H2Core::Head::last;
  const auto submitted = core_->submit_request(*this, pseudo, part.lines, kind);
  if (!submitted) return fail_sending(submitted.error());
  local_done_ = !has_content;
  return finish_sending(deadline);
}

aio::Task<Result<>> H2ClientStream::await_head(ResponseHead& out, aio::Deadline deadline) {
  while (heads_ready_ == 0) {
    if (end() != H2End::open) co_return std::unexpected(failure());
    const auto woken = co_await await_input(deadline);
    if (!woken) co_return std::unexpected(woken.error());
  }
  --heads_ready_;
  out = std::move(heads_.front());
  heads_.pop_front();
  co_return Result<>();
}

class H2ClientSession::Impl final : public H2Core::Owner {
 public:
  Impl(aio::Loop& loop, aio::Stream stream, const H2Settings& settings)
      : settings_(settings),
        stream_(std::move(stream)),
        core_(H2Core::Role::client, settings_, *this),
        connection_(loop, stream_, core_, settings_) {}

  aio::Task<> run() {
    co_await connection_.run([this] {
      if (core_.has_peer_settings() || core_.fault()) settled_.set();
    });
    settled_.set();
    stream_.close();
  }
  aio::Task<Result<>> await_settings(aio::Deadline deadline) {
    const auto settled = co_await settled_.wait(deadline);
    if (!settled && settled.error().code == Errc::timed_out)
      co_return fail(Errc::timed_out, "the server sent no SETTINGS of HTTP/2");
    if (!settled) co_return settled;
    if (core_.fault()) co_return fail(Errc::closed, "HTTP/2: " + std::string(core_.fault()->reason));
    if (!core_.has_peer_settings()) co_return fail(Errc::closed, "the connection ended before its SETTINGS");
    if (core_.most_streams() == 0) co_return fail(Errc::refused, "the server takes no requests");
    co_return Result<>();
  }
  size_t most_streams() const { return core_.most_streams(); }
  bool can_open() const { return core_.can_open(); }
  H2ClientStreamPtr open() { return std::make_unique<H2ClientStream>(core_); }
  void drain() { connection_.drain(); }
  size_t streams() const { return core_.streams(); }

 private:
  std::unique_ptr<H2Stream> make_stream(H2Core&) override { return nullptr; }  // servers may not push
  void on_request(std::unique_ptr<H2Stream>) override {}
  void on_output() override { connection_.wake_writer(); }

  H2Settings settings_;
  aio::Stream stream_;
  H2Core core_;
  H2Connection connection_;
  aio::Event settled_;  // the server's SETTINGS have come, or never will
};

H2ClientSession::H2ClientSession(aio::Loop& loop, aio::Stream stream, const H2Settings& settings)
    : impl_(std::make_unique<Impl>(loop, std::move(stream), settings)) {}
H2ClientSession::~H2ClientSession() = default;

aio::Task<> H2ClientSession::run() {
  return impl_->run();
}
bool H2ClientSession::can_open() const {
  return impl_->can_open();
}
H2ClientStreamPtr H2ClientSession::open() {
  return impl_->open();
}
aio::Task<Result<>> H2ClientSession::await_settings(aio::Deadline deadline) {
  return impl_->await_settings(deadline);
}
size_t H2ClientSession::most_streams() const {
  return impl_->most_streams();
}
void H2ClientSession::drain() {
  impl_->drain();
}
size_t H2ClientSession::streams() const {
  return impl_->streams();
}

}  // namespace weir::http
