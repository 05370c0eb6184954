#include "cmd/weir-locker/etcd_call.hh"

#include <google/protobuf/message_lite.h>

#include <algorithm>

namespace weir::locker {

using etcd::Code;
using etcd::refuse;
using etcd::Reply;
using etcd::Status;

namespace {

constexpr std::string_view kHeadLines = "content-type: application/grpc\r\n";

}  // namespace

Status etcd_status(const Error& error) {
  switch (error.code) {
    case Errc::invalid:
      return {Code::invalid_argument, "etcdserver: " + error.message};
    case Errc::not_found:
      return etcd::kLeaseNotFound.status();
    case Errc::refused:
      return {Code::failed_precondition, "etcdserver: " + error.message};
    case Errc::timed_out:
      return {Code::deadline_exceeded, "context deadline exceeded"};
    case Errc::cancelled:
    case Errc::closed:
      return {Code::cancelled, "context canceled"};
    case Errc::limit:
      return {Code::resource_exhausted, "etcdserver: " + error.message};
    case Errc::unavailable:
      return {Code::unavailable, "etcdserver: " + error.message};
    case Errc::internal:
      return {Code::internal, "etcdserver: " + error.message};
  }
  return {Code::internal, error.message};
}

aio::Task<Reply<bool>> EtcdCall::read(Message& message) {
  return read_by(message, deadline_);
}

aio::Task<Reply<>> EtcdCall::read_only(Message& message) {
  const aio::Deadline deadline = std::min(deadline_, engine().loop().in(settings().request_timeout));
  const auto first = co_await read_by(message, deadline);
  if (!first) co_return std::unexpected(first.error());
  if (!*first) co_return refuse(Code::internal, "the request is missing");
  co_return Reply<>();
}

aio::Task<Reply<bool>> EtcdCall::read_by(Message& message, aio::Deadline deadline) {
  for (;;) {
    const auto next = reader_.next();
    if (!next) co_return std::unexpected(next.error());
    if (*next) {
      const auto size = static_cast<int>((*next)->size());
      if (!message.ParseFromArray((*next)->data(), size)) {
        co_return refuse(Code::internal, "the request is not such a message");
      }
      co_return true;
    }
    const auto piece = stream_.next_piece();
    if (!piece) co_return std::unexpected(etcd_status(piece.error()));
    if (!piece->empty()) {
      reader_.feed(*piece);
      stream_.release();
      continue;
    }
    if (stream_.is_done()) {
      if (!reader_.is_between()) co_return refuse(Code::internal, "a message is cut off");
      co_return false;
    }
    const auto more = co_await stream_.read_more(deadline);
    if (!more) co_return std::unexpected(etcd_status(more.error()));
    if (*more == 0 && !stream_.is_done()) co_return refuse(Code::cancelled, "context canceled");
  }
}

Reply<> EtcdCall::add(const Message& message) {
  const size_t size = message.ByteSizeLong() + etcd::kPrefixBytes;
  if (connection_.unsent + size > settings().answers.count) {
    return refuse(Code::resource_exhausted, "etcdserver: the answer has " + std::to_string(size) +
                                                " bytes, and " + std::to_string(connection_.unsent) +
                                                " more wait for this client; ask for fewer keys");
  }
  connection_.unsent += size;
  const size_t at = etcd::reserve_prefix(outgoing_);
  message.AppendToString(&outgoing_);
  etcd::set_prefix(outgoing_, at);
  return {};
}

void EtcdCall::forget_outgoing() {
  connection_.unsent -= outgoing_.size();
  outgoing_ = {};
}

aio::Task<Reply<>> EtcdCall::send() {
  http::H2Answer part{.piece = outgoing_};
  if (!std::exchange(has_head_, true)) {
    part.status = 200;
    part.lines = kHeadLines;
  }
  const auto sent = co_await stream_.send(part, engine().loop().in(settings().send_timeout));
  forget_outgoing();
  if (!sent) co_return std::unexpected(etcd_status(sent.error()));
  co_return Reply<>();
}

aio::Task<> EtcdCall::finish(Status status) {
  std::string lines = etcd::status_lines(status);
  if (status.code != Code::ok) forget_outgoing();
  http::H2Answer part{.last = true};
  if (has_head_ || !outgoing_.empty()) {
    part.piece = outgoing_;
    part.trailer_lines = lines;
  } else {
    lines.insert(0, kHeadLines);  // there are only trailers, which then are the head
    part.lines = lines;
  }
  if (!has_head_) part.status = 200;
  if (!has_head_ && !outgoing_.empty()) part.lines = kHeadLines;
  // If it fails the client is gone, and there is nobody to tell.
  (void)co_await stream_.send(part, engine().loop().in(settings().send_timeout));
}

}  // namespace weir::locker
