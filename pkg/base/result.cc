#include "pkg/base/result.hh"

#include <cerrno>
#include <cstring>

namespace weir {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::invalid:
      return "invalid";
    case Errc::not_found:
      return "not found";
    case Errc::refused:
      return "refused";
    case Errc::timed_out:
      return "timed out";
    case Errc::cancelled:
      return "cancelled";
    case Errc::closed:
      return "closed";
    case Errc::limit:
      return "limit reached";
    case Errc::unavailable:
      return "unavailable";
    case Errc::internal:
      return "internal";
  }
  return "unknown";
}

namespace {

Errc code_of_errno(int errno_value) {
  switch (errno_value) {
    case ENOENT:
      return Errc::not_found;
    case EACCES:
    case EPERM:
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case ECONNREFUSED:
      return Errc::refused;
    case ETIMEDOUT:
      return Errc::timed_out;
    case ECANCELED:
      return Errc::cancelled;
    case ECONNRESET:
    case EPIPE:
      return Errc::closed;
    case EMFILE:
    case ENFILE:
    case ENOSPC:
    case ENOMEM:
      return Errc::limit;
    case EINVAL:
      return Errc::invalid;
    default:
      return Errc::internal;
  }
}

}  // namespace

std::unexpected<Error> fail_errno(std::string_view doing, int errno_value) {
  return fail(code_of_errno(errno_value), std::string(doing) + ": " + strerror(errno_value));
}

}  // namespace weir
