#include "pkg/http/h2_server.hh"

#include "pkg/http/h2_connection.hh"

namespace weir::http {

void H2ServerStream::begin_head(H2FieldReader& fields) {
  head.fields.reserve(16);
  fields.begin(H2FieldReader::Block::request, arena_, head.fields);
}

H2Verdict H2ServerStream::take_head(H2FieldReader& fields, bool end_of_stream) {
  head_done_ = true;
  const H2Verdict verdict = fields.finish_request(end_of_stream, head, scheme);
  if (verdict.kind == H2Verdict::Kind::refused) refusal = verdict.refusal;
  return verdict;
}

H2Stream::Send H2ServerStream::send_interim(int status, std::string_view lines, aio::Deadline deadline) {
  if (end() != H2End::open) return fail_sending(failure());
  const auto submitted = core_->submit_answer(*this, status, lines, H2Core::Head::interim);
  if (!submitted) return fail_sending(submitted.error());
  return finish_sending(deadline);
}

H2Stream::Send H2ServerStream::send(const H2Answer& part, aio::Deadline deadline) {
  if (end() != H2End::open) return fail_sending(failure());
  const bool has_content = !part.last || !part.piece.empty() || !part.trailer_lines.empty();
  if (part.status != 0) {
    if (has_content) stage({part.piece, part.last, part.trailer_lines});
    const auto kind = has_content ? H2Core::Head::with_content : H2Core::Head::last;
    const auto submitted = core_->submit_answer(*this, part.status, part.lines, kind);
    if (!submitted) return fail_sending(submitted.error());
    local_done_ = !has_content;
  } else {
    stage({part.piece, part.last, part.trailer_lines});
    core_->resume(*this);
  }
  return finish_sending(deadline);
}

class H2ServerSession::Impl final : public H2Core::Owner {
 public:
  Impl(aio::Loop& loop, aio::Stream& stream, const H2Settings& settings, OnRequest on_request)
      : settings_(settings),
        on_request_(std::move(on_request)),
        scope_(loop),
        core_(H2Core::Role::server, settings_, *this),
        connection_(loop, stream, core_, settings_) {}

  aio::Task<> run() {
    co_await connection_.run([this] { dispatch(); });
    requests_.clear();
    co_await scope_.join();
  }
  void drain() { connection_.drain(); }
  aio::Scope& scope() { return scope_; }
  size_t streams() const { return core_.streams(); }

 private:
  std::unique_ptr<H2Stream> make_stream(H2Core& core) override {
    return std::make_unique<H2ServerStream>(core);
  }
  void on_request(std::unique_ptr<H2Stream> stream) override { requests_.push_back(std::move(stream)); }
  void on_output() override { connection_.wake_writer(); }

  // Behind the core's back: what answers a request may send at once.
  void dispatch() {
    for (auto& stream : requests_)
      on_request_(H2ServerStreamPtr(static_cast<H2ServerStream*>(stream.release())));
    requests_.clear();
  }

  H2Settings settings_;
  OnRequest on_request_;
  aio::Scope scope_;
  H2Core core_;
  H2Connection connection_;
  std::vector<std::unique_ptr<H2Stream>> requests_;
};

H2ServerSession::H2ServerSession(aio::Loop& loop, aio::Stream& stream, const H2Settings& settings,
                                 OnRequest on_request)
    : impl_(std::make_unique<Impl>(loop, stream, settings, std::move(on_request))) {}
H2ServerSession::~H2ServerSession() = default;

aio::Task<> H2ServerSession::run() {
  return impl_->run();
}
void H2ServerSession::drain() {
  impl_->drain();
}
aio::Scope& H2ServerSession::scope() {
  return impl_->scope();
}
size_t H2ServerSession::streams() const {
  return impl_->streams();
}

}  // namespace weir::http
