#include "pkg/http/chunked.hh"

#include <algorithm>
#include <cstring>

#include "pkg/http/syntax.hh"

namespace weir::http {

void ChunkedDecoder::refuse(std::string_view reason) {
  state_ = State::failed;
  refusal_ = Refusal{400, reason};
}

ChunkedDecoder::Step ChunkedDecoder::decode(std::span<char> bytes) {
  Step step;
  while (step.consumed < bytes.size()) {
    if (state_ == State::data) {
      const size_t count = std::min<uint64_t>(left_, bytes.size() - step.consumed);
      // A large chunk that goes on from the last span stands in its place already.
      if (step.produced != step.consumed)
        memmove(bytes.data() + step.produced, bytes.data() + step.consumed, count);
      step.produced += count;
      step.consumed += count;
      left_ -= count;
      if (left_ == 0) state_ = State::data_cr;
      continue;
    }
    const char c = bytes[step.consumed];
    switch (state_) {
      case State::size:
        take_size_byte(c);
        break;
      case State::extension:
      case State::name:
      case State::value:
      case State::token:
      case State::quoted:
      case State::quoted_pair:
      case State::quoted_end:
        take_extension_byte(c);
        break;
      case State::size_end:
        if (c == '\n')
          begin_data();
        else
          refuse("a chunk's size that does not end in CRLF");
        break;
      case State::data_cr:
        if (c == '\r')
          state_ = State::data_lf;
        else
          refuse("a chunk that is longer than its size");
        break;
      case State::data_lf:
        if (c == '\n')
          state_ = State::size;
        else
          refuse("a chunk that does not end in CRLF");
        break;
      case State::trailer:
        take_trailer_byte(c);
        break;
      case State::data:
      case State::done:
      case State::failed:
        return step;
    }
    if (state_ == State::failed) return step;
    ++step.consumed;
  }
  return step;
}

void ChunkedDecoder::take_size_byte(char c) {
  constexpr uint8_t kMostDigits = 15;  // below 2^60: no sum of offsets can overflow
  const char lower = ascii_lower(c);
  if (is_digit(c) || (lower >= 'a' && lower <= 'f')) {
    if (++size_digits_ > kMostDigits) return refuse("a chunk size that is too large");
    left_ = left_ * 16 + static_cast<uint64_t>(is_digit(c) ? c - '0' : lower - 'a' + 10);
    return;
  }
  if (size_digits_ == 0) return refuse("a chunk size that is no hexadecimal number");
  if (c == ';') {
    state_ = State::extension;
  } else if (c == '\r') {
    state_ = State::size_end;
  } else {
    refuse("a chunk size that is no hexadecimal number");
  }
}

// Extensions mean nothing to us and are dropped; what matters is that all readers agree on where they end. So
// their grammar is held to (RFC 9112 7.1.1), and the white space that it lets readers tolerate is refused.
void ChunkedDecoder::take_extension_byte(char c) {
  constexpr std::string_view kMalformed = "a malformed chunk extension";
  if (++extension_bytes_ > kMostExtensionBytes) return refuse("chunk extensions that are too long");
  const bool is_token_char = kTokenChars[static_cast<uint8_t>(c)];
  const bool may_end = state_ == State::name || state_ == State::token || state_ == State::quoted_end;
  if (may_end && c == '\r') {
    state_ = State::size_end;
  } else if (may_end && c == ';') {
    state_ = State::extension;
  } else if (state_ == State::extension && is_token_char) {
    state_ = State::name;
  } else if (state_ == State::name && c == '=') {
    state_ = State::value;
  } else if (state_ == State::value && (c == '"' || is_token_char)) {
    state_ = c == '"' ? State::quoted : State::token;
  } else if (state_ == State::quoted && (c == '"' || c == '\\')) {
    state_ = c == '"' ? State::quoted_end : State::quoted_pair;
  } else if (state_ == State::quoted || state_ == State::quoted_pair) {
    if (!kValueChars[static_cast<uint8_t>(c)]) return refuse(kMalformed);
    state_ = State::quoted;
  } else if (!is_token_char || (state_ != State::name && state_ != State::token)) {
    refuse(kMalformed);
  }
}

void ChunkedDecoder::begin_data() {
  size_digits_ = 0;
  state_ = left_ > 0 ? State::data : State::trailer;
}

void ChunkedDecoder::take_trailer_byte(char c) {
  if (trailer_.size() == kMostTrailerBytes) return refuse("trailer fields that are too long");
  trailer_ += c;
  if (c != '\n') return;
  if (!trailer_.ends_with("\r\n")) return refuse("a line ends without CR");
  if (trailer_.size() == 2 || trailer_.ends_with("\r\n\r\n")) finish_trailer();
}

void ChunkedDecoder::finish_trailer() {
  const std::string_view lines = std::string_view(trailer_).substr(0, trailer_.size() - 2);
  if (const auto refusal = parse_fields(lines, trailers_)) return refuse(refusal->reason);
  for (const Field& field : trailers_) {
    if (!may_be_trailer(field.name)) return refuse("a trailer field that must stand in the head");
  }
  state_ = State::done;
}

}  // namespace weir::http
