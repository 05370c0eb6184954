#include <catch2/catch.hpp>
#include <cerrno>
#include <set>

#include "pkg/base/result.hh"

using namespace weir;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(Errc::invalid, "odd");
  return number / 2;
}

}  // namespace

TEST_CASE("a result is a value or an error") {
  CHECK(half(4) == 2);
  const auto failed = half(3);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Errc::invalid);
  CHECK(failed.error().message == "odd");
}

TEST_CASE("context is put in front and leaves the code as it is") {
  const Error error = Error{Errc::refused, "no"}.context("connect").context("start");
  CHECK(error.code == Errc::refused);
  CHECK(error.message == "start: connect: no");
}

TEST_CASE("every code has a name of its own") {
  std::set<std::string_view> names;
  for (const Errc code : {Errc::invalid, Errc::not_found, Errc::refused, Errc::timed_out, Errc::cancelled,
                          Errc::closed, Errc::limit, Errc::unavailable, Errc::internal}) {
    names.insert(to_string(code));
  }
  CHECK(names.size() == 9);
  CHECK_FALSE(names.contains("unknown"));
}

TEST_CASE("errno values become codes that a caller can decide on") {
  struct Row {
    int number;
    Errc code;
  };
  const auto row = GENERATE(values<Row>({{ENOENT, Errc::not_found},
                                         {EACCES, Errc::refused},
                                         {EPERM, Errc::refused},
                                         {EADDRINUSE, Errc::refused},
                                         {EADDRNOTAVAIL, Errc::refused},
                                         {ECONNREFUSED, Errc::refused},
                                         {ETIMEDOUT, Errc::timed_out},
                                         {ECANCELED, Errc::cancelled},
                                         {ECONNRESET, Errc::closed},
                                         {EPIPE, Errc::closed},
                                         {EMFILE, Errc::limit},
                                         {ENFILE, Errc::limit},
                                         {ENOSPC, Errc::limit},
                                         {ENOMEM, Errc::limit},
                                         {EINVAL, Errc::invalid},
                                         {EBADF, Errc::internal}}));
  CHECK(fail_errno("do", row.number).error().code == row.code);
}

TEST_CASE("an errno value's message says what was done and what happened") {
  CHECK(fail_errno("open /x", ENOENT).error().message == "open /x: No such file or directory");
}
