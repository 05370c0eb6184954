// Replies, in the version of the protocol that the client has asked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::resp {

enum class Protocol : uint8_t { resp2 = 2, resp3 = 3 };

// Appends replies to `out`. What is sent as one line is kept to one.
class ReplyWriter {
 public:
  explicit ReplyWriter(std::string& out) : out_(out) {}

  Protocol protocol() const { return protocol_; }
  void set_protocol(Protocol protocol) { protocol_ = protocol; }

  void simple(std::string_view text) { line('+', text); }
  void ok() { out_ += "+OK\r\n"; }
  // Begins with a word in capitals, which clients look at: "ERR no such thing".
  void error(std::string_view text) { line('-', text); }
  void integer(int64_t value) { number(':', value); }
  void bulk(std::string_view bytes);
  void null();
  // So many replies follow.
  void array(size_t count) { number('*', static_cast<int64_t>(count)); }
  // So many pairs of replies follow.
  void map(size_t pairs);

 private:
  void line(char kind, std::string_view text);
  void number(char kind, int64_t value);

  std::string& out_;
  Protocol protocol_ = Protocol::resp2;
};

}  // namespace weir::resp
