// One health check: whether a server works at this moment, and why not.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/aio/loop.hh"
#include "pkg/aio/task.hh"
#include "pkg/aio/tls.hh"
#include "pkg/base/address.hh"

namespace weir::health {

enum class CheckKind { none, tcp, http, command };
enum class CheckMethod { get, head };

// "200" or "200-299".
struct StatusRange {
  int low = 200;
  int high = 200;
  static Result<StatusRange> parse(std::string_view text);
  std::string to_string() const;
  bool operator==(const StatusRange&) const = default;
};

std::vector<StatusRange> usual_status();  // 200-399

struct CheckSettings {
  CheckKind kind = CheckKind::none;
  Duration interval = std::chrono::seconds(5);  // from one check's begin to the next one's
  double jitter = 0.1;                          // the part of the interval that chance adds or takes
  Duration timeout = std::chrono::seconds(2);
  // For who turns verdicts into health: how many in a row make a server healthy, or unhealthy.
  unsigned rise = 2;
  unsigned fall = 3;

  // CheckKind::http
  CheckMethod method = CheckMethod::get;
  std::string path = "/";  // may have a query
  std::string host;        // the Host field; empty: the server's address
  std::vector<StatusRange> status = usual_status();
  std::string body;  // what the answer's body must hold; empty: anything
  Bytes body_within{64 * 1024};

  // CheckKind::command. {address}, {host} and {port} in an argument stand for the server's; nothing they
  // stand for is ever split or interpreted, for there is no shell.
  std::vector<std::string> command;

  bool operator==(const CheckSettings&) const = default;
};

// What a connection begins with before anything is asked.
struct Opening {
  std::string preamble;                        // a PROXY header, where the server wants one
  std::shared_ptr<const aio::TlsContext> tls;  // null: in clear
  std::string tls_name;                        // asked for and verified
  bool operator==(const Opening&) const = default;
};

struct Verdict {
  bool healthy = false;
  // Why not, in words for people; of a command the first line it wrote, also when it was content.
  std::string reason;
  Duration latency{0};
};

// `server` is an IP:PORT or unix:PATH; `settings` must outlive the task. CheckKind::none is content with
// everything. A task that is cancelled gets a verdict that means nothing.
aio::Task<Verdict> check(aio::Loop& loop, const CheckSettings& settings, Address server,
                         std::shared_ptr<const Opening> opening = nullptr);

}  // namespace weir::health
