#include "pkg/resp/reply.hh"

#include <charconv>

namespace weir::resp {

void ReplyWriter::bulk(std::string_view bytes) {
  number('$', static_cast<int64_t>(bytes.size()));
  out_.append(bytes).append("\r\n");
}

void ReplyWriter::null() {
  out_ += protocol_ == Protocol::resp3 ? "_\r\n" : "$-1\r\n";
}

void ReplyWriter::map(size_t pairs) {
  if (protocol_ == Protocol::resp3) return number('%', static_cast<int64_t>(pairs));
  array(2 * pairs);
}

void ReplyWriter::line(char kind, std::string_view text) {
  out_ += kind;
  for (const char c : text) out_ += c == '\r' || c == '\n' ? ' ' : c;
  out_ += "\r\n";
}

void ReplyWriter::number(char kind, int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out_.append(1, kind).append(digits, end).append("\r\n");
}

}  // namespace weir::resp
