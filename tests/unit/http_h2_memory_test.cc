#include "pkg/http/h2_memory.hh"

#include <algorithm>
#include <catch2/catch.hpp>
#include <span>
#include <string>
#include <string_view>

using namespace weir::http;

namespace {

std::string_view text_of(const void* memory, size_t size) {
  return {static_cast<const char*>(memory), size};
}

}  // namespace

TEST_CASE("memory keeps what it holds when it grows, beyond the pooled sizes too, and when it shrinks") {
  const nghttp2_mem& memory = *h2_memory();
  void* piece = memory.realloc(nullptr, 3, nullptr);
  std::ranges::copy(std::string_view("abc"), static_cast<char*>(piece));
  for (const size_t size : {17u, 1000u, 100'000u, 3u}) {
    piece = memory.realloc(piece, size, nullptr);
    CHECK(text_of(piece, 3) == "abc");
  }
  memory.free(piece, nullptr);
  memory.free(nullptr, nullptr);
}

TEST_CASE("memory that is to be zero is, where it was used before") {
  const nghttp2_mem& memory = *h2_memory();
  void* used = memory.malloc(64, nullptr);
  std::ranges::fill(std::span(static_cast<char*>(used), 64), 'x');
  memory.free(used, nullptr);
  void* zeroed = memory.calloc(8, 8, nullptr);
  CHECK(text_of(zeroed, 64) == std::string_view(std::string(64, '\0')));
  memory.free(zeroed, nullptr);
}
