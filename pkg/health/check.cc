#include "pkg/health/check.hh"

#include "pkg/aio/connect.hh"
#include "pkg/base/clock.hh"
#include "pkg/base/text.hh"
#include "pkg/health/command_check.hh"
#include "pkg/health/http_check.hh"

namespace weir::health {
namespace {

constexpr int kLowestStatus = 200;  // interim answers are no answer
constexpr int kHighestStatus = 599;

std::string host_of(const Address& address) {
  return address.kind == Address::Kind::unix_path ? "localhost" : address.to_string();
}

aio::Task<Result<>> open(aio::Stream& stream, const Opening& opening, aio::Deadline deadline) {
  if (!opening.preamble.empty()) {
    auto sent = co_await stream.write(opening.preamble, deadline);
    if (!sent) co_return sent;
  }
  if (!opening.tls) co_return Result<>{};
  const aio::TlsTarget target(opening.tls_name);
  auto agreed = co_await stream.start_tls(opening.tls, deadline, target);
  if (!agreed) co_return std::unexpected(std::move(agreed.error()).context("TLS"));
  co_return agreed;
}

// A text of its own where there is something to say beyond "healthy".
aio::Task<Result<std::string>> ask(aio::Loop& loop, const CheckSettings& settings, Address server,
                                   std::shared_ptr<const Opening> opening) {
  const aio::Deadline deadline = loop.in(settings.timeout);
  if (settings.kind == CheckKind::none) co_return std::string();
  if (settings.kind == CheckKind::command) {
    auto line = co_await check_command(loop, settings, server, deadline);
    co_return std::move(line);
  }
  if (server.kind != Address::Kind::ip && server.kind != Address::Kind::unix_path) {
    co_return fail(Errc::invalid, "no address is known for " + server.to_string());
  }
  auto stream = co_await aio::connect(loop, server, deadline);
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  if (opening) {
    const auto opened = co_await open(*stream, *opening, deadline);
    if (!opened) co_return std::unexpected(opened.error());
  }
  if (settings.kind == CheckKind::http) {
    const auto answered = co_await check_http(*stream, settings, host_of(server), deadline);
    if (!answered) co_return std::unexpected(answered.error());
  }
  co_return std::string();
}

}  // namespace

Result<StatusRange> StatusRange::parse(std::string_view text) {
  const size_t dash = text.find('-');
  const auto low = parse_uint(text.substr(0, dash));
  const auto high = dash == std::string_view::npos ? low : parse_uint(text.substr(dash + 1));
  const bool good = low && high && *low >= kLowestStatus && *high <= kHighestStatus && *low <= *high;
  if (!good) {
    return fail(Errc::invalid, "\"" + std::string(text) +
                                   "\" is no status from 200 to 599; write it like \"200\" or \"200-299\"");
  }
  return StatusRange{static_cast<int>(*low), static_cast<int>(*high)};
}

std::string StatusRange::to_string() const {
  return low == high ? std::to_string(low) : std::to_string(low) + "-" + std::to_string(high);
}

// Not in the header: GCC 12 sees a ghost in a default member initialiser that is a list.
std::vector<StatusRange> usual_status() {
  return {{200, 399}};
}

aio::Task<Verdict> check(aio::Loop& loop, const CheckSettings& settings, Address server,
                         std::shared_ptr<const Opening> opening) {
  const auto begin = MonotonicTime::clock::now();
  auto answer = co_await ask(loop, settings, server, std::move(opening));
  Verdict verdict;
  verdict.latency = MonotonicTime::clock::now() - begin;
  verdict.healthy = answer.has_value();
  verdict.reason = answer ? std::move(*answer) : std::move(answer.error().message);
  co_return std::move(verdict);
}

}  // namespace weir::health
