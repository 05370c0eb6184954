#include "pkg/gateway/trace.hh"

#include <algorithm>
#include <array>

#include "pkg/base/text.hh"

namespace weir::gateway {
namespace {

constexpr size_t kLongestRequestId = 128;

bool is_request_id(std::string_view text) {
  const auto is_safe = [](char c) {
    return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == ':' || c == '/' ||
           c == '+' || c == '=';
  };
  return !text.empty() && text.size() <= kLongestRequestId && std::ranges::all_of(text, is_safe);
}

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_all_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

// Version 00 exactly; of a later version only the part that version 00 has (section 4.3).
bool is_traceparent(std::string_view text) {
  if (text.size() < Trace::kTraceParentSize) return false;
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace_id = text.substr(3, 32);
  const std::string_view parent_id = text.substr(36, 16);
  const std::string_view flags = text.substr(53, 2);
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  if (!is_lower_hex(version) || version == "ff") return false;
  if (version == "00" && text.size() != Trace::kTraceParentSize) return false;
  if (text.size() > Trace::kTraceParentSize && text[Trace::kTraceParentSize] != '-') return false;
  return is_lower_hex(trace_id) && is_lower_hex(parent_id) && is_lower_hex(flags) && !is_all_zero(trace_id) &&
         !is_all_zero(parent_id);
}

// The digits of the low 32 bits, as the bytes of a word: each nibble in a byte of its own, and those above 9
// moved on to the letters. One digit at a time took five times as long, 2 % of what a request costs us.
uint64_t hex_digits(uint64_t word) {
  word = (word | word << 16) & 0x0000ffff0000ffff;
  word = (word | word << 8) & 0x00ff00ff00ff00ff;
  word = (word | word << 4) & 0x0f0f0f0f0f0f0f0f;
  const uint64_t letters = (word + 0x0606060606060606) >> 4 & 0x0101010101010101;
  return word + 0x3030303030303030 + letters * ('a' - '0' - 10);
}

void append_random_hex(std::string& out, Random& random, size_t words) {
  while (words-- > 0) {
    const uint64_t word = random.next() | 1;  // an id of zeros only is invalid
    const std::array<uint64_t, 2> digits{hex_digits(word & 0xffffffff), hex_digits(word >> 32)};
    out.append(reinterpret_cast<const char*>(digits.data()), sizeof digits);
  }
}

}  // namespace

void make_trace(Trace& trace, std::string_view client_request_id, std::string_view client_traceparent,
                Random& random) {
  trace.traceparent = "00-";
  std::string_view flags = "00";
  if (is_traceparent(client_traceparent)) {
    trace.traceparent += client_traceparent.substr(3, 32);
    flags = client_traceparent.substr(53, 2);
  } else {
    append_random_hex(trace.traceparent, random, 2);
  }
  trace.traceparent += '-';
  append_random_hex(trace.traceparent, random, 1);
  trace.traceparent += '-';
  trace.traceparent += flags;
  if (is_request_id(client_request_id)) {
    trace.request_id = client_request_id;
  } else {
    trace.request_id = trace.trace_id();
  }
}

}  // namespace weir::gateway
