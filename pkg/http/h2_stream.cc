#include "pkg/http/h2_stream.hh"

#include "pkg/http/h2_core.hh"

namespace weir::http {

H2Stream::H2Stream(H2Core& core) : core_(&core) {
  core.adopt(*this);
}

H2Stream::~H2Stream() {
  if (core_ != nullptr) core_->forget(*this);
}

Error H2Stream::failure() const {
  switch (end_) {
    case H2End::refused:
      return {Errc::refused, "the peer refused the stream"};
    case H2End::reset:
      return {Errc::closed, "the stream was reset: " + std::string(h2_code_name(reset_code_))};
    case H2End::lost:
      return {Errc::closed, "the connection ended"};
    case H2End::open:
    case H2End::complete:
      break;
  }
  return {Errc::closed, "the stream is over"};
}

void H2Stream::end_as(H2End how, uint32_t code) {
  if (end_ != H2End::open) return;
  end_ = how;
  reset_code_ = code;
  staged_ = {};
  input_.set();
  if (Send* sender = std::exchange(sender_, nullptr)) sender->resume_later();
  if (how == H2End::complete) return;
  if (aio::TaskContext* watcher = std::exchange(watcher_, nullptr)) watcher->cancel();
}

void H2Stream::reset(uint32_t code) {
  if (core_ != nullptr && id_ != 0 && !is_closed_) core_->submit_reset(*this, code);
  watcher_ = nullptr;  // who resets knows it
  end_as(H2End::reset, code);
}

void H2Stream::watch(aio::TaskContext* task) {
  const bool is_cut_off = end_ != H2End::open && end_ != H2End::complete;
  watcher_ = is_cut_off ? nullptr : task;
  if (is_cut_off && task != nullptr) task->cancel();
}

Result<std::string_view> H2Stream::next_piece() {
  if (piece_.empty() && !incoming_.empty()) {
    std::swap(piece_, incoming_);
    content_bytes_ += piece_.size();
  }
  fresh_ = 0;
  return piece_;
}

void H2Stream::release() {
  if (piece_.empty()) return;
  if (core_ != nullptr) core_->credit(*this, piece_.size());
  piece_.clear();
}

aio::Event::Wait H2Stream::await_input(aio::Deadline deadline) {
  input_.reset();
  return input_.wait(deadline);
}

aio::Task<Result<size_t>> H2Stream::read_more(aio::Deadline deadline) {
  while (fresh_ == 0) {
    if (end_ != H2End::open) co_return 0;
    const auto woken = co_await await_input(deadline);
    if (!woken) co_return std::unexpected(woken.error());
  }
  co_return std::exchange(fresh_, 0);
}

void H2Stream::stage(const Content& content) {
  staged_ = content;
}

H2Stream::Send H2Stream::finish_sending(aio::Deadline deadline) {
  if (core_ != nullptr) core_->produce();
  return {*this, deadline};
}

H2Stream::Send H2Stream::fail_sending(Error error) {
  return {*this, std::move(error)};
}

bool H2Stream::Send::await_ready() const {
  return error_ || stream_.is_sent() || stream_.end_ != H2End::open;
}

void H2Stream::Send::on_interrupt() {
  stream_.sender_ = nullptr;
  resume_later();
}

Result<> H2Stream::Send::await_resume() {
  if (error_) return std::unexpected(std::move(*error_));
  // What was staged may be gone as soon as this returns.
  const bool is_sent = stream_.is_sent();
  stream_.staged_ = {};
  if (outcome() != aio::Outcome::ok) return aio::to_result(outcome(), "sending on a stream");
  const bool is_cut_off = stream_.end_ != H2End::open && stream_.end_ != H2End::complete;
  if (is_cut_off || !is_sent) return std::unexpected(stream_.failure());
  return {};
}

}  // namespace weir::http
