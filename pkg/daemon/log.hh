// The log: one line an event on standard error, in logfmt or JSON. Never blocks: lines go through a bounded
// queue to a thread of their own, and what does not fit is dropped, oldest first, and counted. Never pass a
// secret.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace weir::log {

enum class Level { debug, info, warn, error };
enum class Format { logfmt, json };

struct Pair {
  std::string_view key;
  std::string value;

  Pair(std::string_view name, std::string_view text) : key(name), value(text) {}
};

// Before the first call: logfmt, from info on. May be called again at any time.
void configure(Format format, Level least);
Format format();
Level least_level();
std::string_view to_string(Level level);
std::string_view to_string(Format format);

void write(Level level, std::string_view message, std::initializer_list<Pair> pairs = {});
inline void debug(std::string_view message, std::initializer_list<Pair> pairs = {}) {
  write(Level::debug, message, pairs);
}
inline void info(std::string_view message, std::initializer_list<Pair> pairs = {}) {
  write(Level::info, message, pairs);
}
inline void warn(std::string_view message, std::initializer_list<Pair> pairs = {}) {
  write(Level::warn, message, pairs);
}
inline void error(std::string_view message, std::initializer_list<Pair> pairs = {}) {
  write(Level::error, message, pairs);
}

// What an operator did: an info line that is written at any level.
void audit(std::string_view message, std::initializer_list<Pair> pairs);

// Everything that was written is out. For the end of the process.
void flush();
uint64_t dropped();

}  // namespace weir::log
