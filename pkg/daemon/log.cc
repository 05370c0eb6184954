#include "pkg/daemon/log.hh"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>

#include "pkg/base/clock.hh"
#include "pkg/base/json.hh"

namespace weir::log {
namespace {

constexpr size_t kQueueLength = 512;  // of about 400 bytes each, taken at the start

std::atomic<Format> format_in_force = Format::logfmt;
std::atomic<Level> least_in_force = Level::info;

// sd-daemon(3): where standard error is the journal's socket, a line may begin with its priority.
bool goes_to_journal() {
  const char* stream = getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || fstat(2, &status) != 0) return false;
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

struct Output {
  std::shared_ptr<spdlog::async_logger> logger;
  // Behind the logger: it ends first, and its thread with it, which uses the logger until then.
  std::shared_ptr<spdlog::details::thread_pool> pool =
      std::make_shared<spdlog::details::thread_pool>(kQueueLength, 1);
  const bool journal = goes_to_journal();

  Output() {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    sink->set_pattern("%v");
    logger = std::make_shared<spdlog::async_logger>("weir", std::move(sink), pool,
                                                    spdlog::async_overflow_policy::overrun_oldest);
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);
  }
};

std::unique_ptr<Output>& output() {
  static auto instance = std::make_unique<Output>();
  return instance;
}

std::string_view priority_of(Level level) {
  switch (level) {
    case Level::debug:
      return "<7>";
    case Level::info:
      return "<6>";
    case Level::warn:
      return "<4>";
    case Level::error:
      return "<3>";
  }
  return "<3>";
}

void append_logfmt(std::string& out, std::string_view key, std::string_view value) {
  out += ' ';
  out += key;
  out += '=';
  const bool plain = !value.empty() && value.find_first_of(" \"=\\") == std::string_view::npos &&
                     std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7f; });
  if (plain) {
    out += value;
  } else {
    append_json_string(out, value);
  }
}

std::string format_line(Level level, std::string_view message, std::initializer_list<Pair> pairs) {
  std::string time;
  append_rfc3339(time, WallTime::clock::now());
  std::string line;
  if (format_in_force.load(std::memory_order_relaxed) == Format::json) {
    JsonWriter json(line);
    json.begin_object()
        .key("time")
        .string(time)
        .key("level")
        .string(to_string(level))
        .key("msg")
        .string(message);
    for (const Pair& pair : pairs) json.key(pair.key).string(pair.value);
    json.end_object();
  } else {
    line = "time=" + time;
    append_logfmt(line, "level", to_string(level));
    append_logfmt(line, "msg", message);
    for (const Pair& pair : pairs) append_logfmt(line, pair.key, pair.value);
  }
  return line;
}

void put(Level level, std::string_view message, std::initializer_list<Pair> pairs) {
  if (!output()) return;
  std::string line = format_line(level, message, pairs);
  if (output()->journal) line.insert(0, priority_of(level));
  output()->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

std::string_view to_string(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "error";
}

std::string_view to_string(Format format) {
  switch (format) {
    case Format::logfmt:
      return "logfmt";
    case Format::json:
      return "json";
  }
  return "logfmt";
}

void configure(Format format, Level least) {
  format_in_force = format;
  least_in_force = least;
}

Format format() {
  return format_in_force;
}

Level least_level() {
  return least_in_force;
}

void write(Level level, std::string_view message, std::initializer_list<Pair> pairs) {
  if (level >= least_in_force.load(std::memory_order_relaxed)) put(level, message, pairs);
}

void audit(std::string_view message, std::initializer_list<Pair> pairs) {
  put(Level::info, message, pairs);
}

void flush() {
  if (!output()) return;
  const uint64_t lost = dropped();
  if (lost > 0) warn("log lines were dropped", {{"count", std::to_string(lost)}});
  // The pool's thread works off its queue before it ends.
  output().reset();
}

uint64_t dropped() {
  return output() ? output()->pool->overrun_counter() : 0;
}

}  // namespace weir::log
