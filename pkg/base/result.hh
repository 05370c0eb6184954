// Errors are values. A function that can fail returns Result<T>; each layer adds what it was doing, and
// the last one who can say something useful to a person logs it, once.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

// What kind of thing went wrong: what a caller may want to decide on. The message says the rest.
enum class Errc {
  invalid,      // input, config or an argument that cannot be used
  not_found,    // a name, file or host that is not there
  refused,      // connection refused, permission denied, address in use
  timed_out,    // a deadline passed
  cancelled,    // the task's scope is ending
  closed,       // the peer ended the connection, or reset it
  limit,        // a bound of ours was reached
  unavailable,  // not now; later perhaps
  internal,     // a bug or a failing system call we did not expect
};

std::string_view to_string(Errc code);

struct Error {
  Errc code = Errc::internal;
  std::string message;

  // The same error with what was being done in front: "while doing: message".
  Error context(std::string_view doing) && {
    message.insert(0, std::string(doing) + ": ");
    return std::move(*this);
  }
};

template <typename T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Errc code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

// fail() with the text of an errno value: "open /x: No such file or directory".
std::unexpected<Error> fail_errno(std::string_view doing, int errno_value);

}  // namespace weir
