// The file that lists a pool's servers, one a line:
//
//   # ADDRESS [weight=N] [name=TEXT]
//   10.0.0.1:8080
//   10.0.0.2:8080 weight=3 name=big   # a comment may stand behind
//   unix:/run/app.sock
//
// The whole file is good or it is not: with one error in it nothing of it is used, and whoever reads it keeps
// the list that is in force. An empty list is good.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/discovery/listed_server.hh"

namespace weir::discovery {

struct LineError {
  size_t line = 0;  // from 1; 0 is the file as a whole
  std::string message;
  bool operator==(const LineError&) const = default;
};

constexpr size_t kMostListBytes = 1024 * 1024;
constexpr size_t kMostListedServers = 4096;
constexpr size_t kMostLineErrors = 20;  // one more then says that there are others

using ServerList = std::expected<std::vector<ListedServer>, std::vector<LineError>>;

// In the order of the file. No address and no name may stand there twice.
ServerList parse_server_list(std::string_view text);

// The same of a file, which is read at once: it is small.
ServerList read_server_list(const std::string& path);

// "servers.txt:12: message"
std::string render(const std::string& path, const LineError& error);

}  // namespace weir::discovery
