#include "pkg/http/h2_lines.hh"

#include <catch2/catch.hpp>

using namespace weir::http;

TEST_CASE("fields that are another for each message are kept out of HPACK's table, and no others") {
  const Field pseudo[] = {{":status", "200", FieldId::other}};
  H2Lines lines;
  lines.assign(pseudo, "Server: a\r\nX-Request-Id: b\r\ntraceparent: c\r\nDate: d\r\n");
  REQUIRE(lines.size() == 5);
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool is_unique = i == 2 || i == 3;
    CHECK((lines.data()[i].flags & NGHTTP2_NV_FLAG_NO_INDEX) == (is_unique ? NGHTTP2_NV_FLAG_NO_INDEX : 0));
  }
}
