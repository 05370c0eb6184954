#include "pkg/aio/operation.hh"

namespace weir::aio {

Result<> to_result(Outcome outcome, std::string_view doing) {
  switch (outcome) {
    case Outcome::ok:
      return {};
    case Outcome::timed_out:
      return fail(Errc::timed_out, std::string(doing) + ": timed out");
    case Outcome::cancelled:
      return fail(Errc::cancelled, std::string(doing) + ": cancelled");
    case Outcome::failed:
      return fail(Errc::internal, std::string(doing) + ": failed");
  }
  return fail(Errc::internal, std::string(doing));
}

}  // namespace weir::aio
