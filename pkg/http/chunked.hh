// The chunked transfer coding (RFC 9112 7.1), read strictly and in place.
#pragma once

#include <span>
#include <string>

#include "pkg/http/head.hh"

namespace weir::http {

class ChunkedDecoder {
 public:
  static constexpr size_t kMostExtensionBytes = 4096;  // of all chunks of one body together
  static constexpr size_t kMostTrailerBytes = 8192;

  // How much of the bytes was used, and how much content it gave. The content stands at the front of the
  // span: the decoder moves it together, so that a relay can pass it on in one piece.
  struct Step {
    size_t consumed = 0;
    size_t produced = 0;
  };

  // Takes what it can; call again with what follows. The body may be split anywhere.
  // Stops behind the last chunk's trailer section (is_done) or at what is malformed (refusal).
  Step decode(std::span<char> bytes);
  bool is_done() const { return state_ == State::done; }
  const std::optional<Refusal>& refusal() const { return refusal_; }
  // The trailer section's fields once done; they point into the decoder. One that must not stand there (RFC
  // 9110 6.5.1) is refused, not dropped: who sends it means somebody to read it.
  const FieldList& trailers() const { return trailers_; }

 private:
  enum class State : uint8_t {
    size,
    extension,  // behind ";"
    name,       // of an extension
    value,      // behind "="
    token,      // a value that is one
    quoted,     // a value in quotes
    quoted_pair,
    quoted_end,
    size_end,
    data,
    data_cr,
    data_lf,
    trailer,
    done,
    failed
  };

  void refuse(std::string_view reason);
  void take_size_byte(char c);
  void take_extension_byte(char c);
  void begin_data();
  void take_trailer_byte(char c);
  void finish_trailer();

  State state_ = State::size;
  uint8_t size_digits_ = 0;
  uint64_t left_ = 0;  // of the present chunk
  size_t extension_bytes_ = 0;
  std::string trailer_;
  FieldList trailers_;
  std::optional<Refusal> refusal_;
};

}  // namespace weir::http
