// What a client of Redis sends: commands, each an array of bulk strings, or an inline one, words on a line as
// a person types them. Strict: what is malformed is refused, and the connection is then at its end, for
// nobody knows where the next command would begin.
//
// Nothing is copied: the arguments of an array stand where they were received.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::resp {

struct RequestLimits {
  size_t arguments = 1024;
  size_t argument_bytes = 32 * 1024;
  size_t command_bytes = 60 * 1024;  // with its framing; the buffer of who receives must be larger
};

class RequestParser {
 public:
  enum class Progress : uint8_t {
    complete,   // arguments() are one command; none at all are a blank one, which wants no reply
    need_more,  // call again when there is more
    refused,    // problem() says why
  };

  explicit RequestParser(RequestLimits limits = {}) : limits_(limits) {}

  // `text` is all that was received from the present command's first byte on; it may have moved since the
  // last call. The next command begins behind size() bytes.
  Progress parse(std::string_view text);

  // Of the complete command; valid as long as `text` is, and until the next call.
  std::span<const std::string_view> arguments() const { return arguments_; }
  size_t size() const { return size_; }
  // As Redis words it.
  const std::string& problem() const { return problem_; }

 private:
  struct Part {
    size_t begin = 0;
    size_t size = 0;
  };
  enum class State : uint8_t { begin, length, bytes };
  enum class Line : uint8_t { whole, cut, too_long };

  Progress refuse(std::string_view problem);
  Progress finish(size_t end);
  Line take_line(std::string_view text, std::string_view& line);
  Progress begin_array(std::string_view text);
  Progress begin_argument(std::string_view text);
  Progress take_argument(std::string_view text);
  Progress take_inline(std::string_view text);
  bool split_words(std::string_view line);

  RequestLimits limits_;
  State state_ = State::begin;
  size_t at_ = 0;       // up to here it is understood
  size_t scanned_ = 0;  // up to here there is no end of the line
  size_t missing_ = 0;  // arguments that are still to come
  size_t length_ = 0;   // of the present one
  size_t size_ = 0;
  std::vector<Part> parts_;
  std::vector<std::string_view> arguments_;
  std::string words_;  // of an inline command, without their quotes
  std::string problem_;
};

}  // namespace weir::resp
