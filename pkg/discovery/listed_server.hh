// One server as a list names it, be that a file, a config or a saved state:
//
//   ADDRESS [weight=N] [name=TEXT]
//   10.0.0.2:8080 weight=3 name=big
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/base/address.hh"

namespace weir::discovery {

constexpr size_t kLongestName = 100;
constexpr uint32_t kMostWeight = 65535;

struct ListedServer {
  Address address;      // IP:PORT, NAME:PORT or unix:PATH
  uint32_t weight = 1;  // 0: it is to get nothing new
  std::string name;     // what it is known by; the address as text where none is given

  // Errors: invalid, with the first thing that is wrong.
  static Result<ListedServer> parse(std::string_view text);
  static bool is_name(std::string_view text);  // 1 to kLongestName visible ASCII characters without quotes
  std::string to_string() const;               // which parse() reads as the same
  bool operator==(const ListedServer&) const = default;
};

// Of a text's blank-separated words, at least one. All that is wrong with them; empty: `server` is good.
std::vector<std::string> read_server(std::span<const std::string_view> words, ListedServer& server);

// The words of a text.
std::vector<std::string_view> words_of(std::string_view text);

}  // namespace weir::discovery
