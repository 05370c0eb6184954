#include "pkg/health/section.hh"

#include <algorithm>

namespace weir::health {
namespace {

using namespace std::chrono_literals;

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

void check_settings(const CheckSettings& settings, config::Report& report) {
  if (!settings.path.starts_with('/') || !is_visible(settings.path)) {
    report.error("check_path", "a path begins with \"/\" and has no spaces");
  }
  if (!is_visible(settings.host)) report.error("check_host", "not a host");
  const bool is_command = settings.kind == CheckKind::command;
  if (is_command && (settings.command.empty() || settings.command.front().empty())) {
    report.error(settings.command.empty() ? "check" : "check_command", "check_command names no program");
  }
  if (!settings.body.empty() && settings.method == CheckMethod::head) {
    report.error("check_body", "the answer to a HEAD request has no body");
  }
  if (settings.body.size() > settings.body_within.count) {
    report.error("check_body_within", "shorter than check_body");
  }
}

void add_common_keys(config::Table<CheckSettings>& t) {
  t.choice("check", &CheckSettings::kind,
           {{"none", CheckKind::none},
            {"tcp", CheckKind::tcp},
            {"http", CheckKind::http},
            {"command", CheckKind::command}})
      .doc(
          "How the servers are asked whether they work: by a connection, by an HTTP/1.1 request or by a "
          "command.");
  t.key("check_interval", &CheckSettings::interval).bounds(10ms, 24h).doc("How often each server is asked.");
  t.key("check_jitter", &CheckSettings::jitter)
      .bounds(0.0, 1.0)
      .doc(
          "The part of the interval that chance adds to it or takes from it, so that checks don't come in "
          "step.");
  t.key("check_timeout", &CheckSettings::timeout)
      .bounds(1ms, 1h)
      .doc("How long a check may take in all; then it has failed.");
  t.key("check_rise", &CheckSettings::rise)
      .bounds(1, 1000)
      .doc("How many checks in a row must succeed before an unhealthy server is used again.");
  t.key("check_fall", &CheckSettings::fall)
      .bounds(1, 1000)
      .doc("How many checks in a row must fail before a healthy server is no longer used.");
}

void add_http_keys(config::Table<CheckSettings>& t) {
  t.choice("check_method", &CheckSettings::method, {{"GET", CheckMethod::get}, {"HEAD", CheckMethod::head}})
      .doc("The method of an HTTP check.");
  t.key("check_path", &CheckSettings::path)
      .doc("The path that an HTTP check asks for, with a query if need be.");
  t.key("check_host", &CheckSettings::host)
      .example("app.internal")
      .doc("The Host that an HTTP check names. Empty means the server's address.");
  t.key("check_status", &CheckSettings::status)
      .at_least(1)
      .at_most(16)
      .example("200-299")
      .doc("The statuses that are good, single ones or ranges.");
  t.key("check_body", &CheckSettings::body)
      .example("ready")
      .doc("A text that a good answer's body holds. Empty means that any will do.");
  t.key("check_body_within", &CheckSettings::body_within)
      .bounds(Bytes{1}, Bytes{1024 * 1024})
      .doc("How far into the body that text is looked for.");
}

}  // namespace

config::Table<CheckSettings> check_table() {
  config::Table<CheckSettings> t;
  add_common_keys(t);
  add_http_keys(t);
  t.key("check_command", &CheckSettings::command)
      .at_most(64)
      .example("/usr/local/bin/is-ready")
      .doc(
          "The command of a check, one argument an element, without a shell. {address}, {host} and {port} "
          "stand "
          "for the server's. Exit status 0 is good; the first line of output is the reason that is shown. It "
          "is "
          "killed, with what it started, when the check ends.");
  t.check(check_settings);
  return t;
}

}  // namespace weir::health
