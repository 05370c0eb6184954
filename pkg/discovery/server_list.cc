#include "pkg/discovery/server_list.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

#include "pkg/base/text.hh"

namespace weir::discovery {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

// The words of a line; what begins with # and all behind it is a comment.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto begin = std::ranges::find_if_not(line, is_blank);
    line.remove_prefix(static_cast<size_t>(begin - line.begin()));
    if (line.empty() || line.front() == '#') break;
    const auto end = std::ranges::find_if(line, is_blank);
    words.push_back(line.substr(0, static_cast<size_t>(end - line.begin())));
    line.remove_prefix(words.back().size());
  }
  return words;
}

// What a message quotes of a file that may hold anything.
std::string quoted(std::string_view word) {
  constexpr size_t kMostQuoted = 60;
  std::string out = "\"";
  for (const char c : word.substr(0, kMostQuoted)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out + (word.size() > kMostQuoted ? "…\"" : "\"");
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

class Parser {
 public:
  void take_line(size_t number, std::string_view line) {
    line_ = number;
    const auto words = words_of(line);
    if (words.empty()) return;
    const size_t errors_before = error_count_;
    ListedServer server;
    take_address(words.front(), server);
    take_options(words, server);
    if (error_count_ != errors_before) return;
    if (server.name.empty()) server.name = server.address.to_string();
    add(std::move(server));
  }

  void error(size_t line, std::string message) {
    if (++error_count_ <= kMostLineErrors) errors_.push_back({line, std::move(message)});
  }

  ServerList finish() {
    if (error_count_ == 0) return std::move(servers_);
    if (error_count_ > kMostLineErrors) {
      errors_.push_back({0, "and " + std::to_string(error_count_ - kMostLineErrors) + " further errors"});
    }
    return std::unexpected(std::move(errors_));
  }

 private:
  void error(std::string message) { error(line_, std::move(message)); }

  void take_address(std::string_view word, ListedServer& server) {
    const bool is_printable = std::ranges::all_of(word, [](char c) { return c > 0x20 && c < 0x7f; });
    auto address = is_printable ? Address::parse_connect(word)
                                : fail(Errc::invalid, quoted(word) + " is not an address");
    if (!address) return error(std::move(address.error().message));
    server.address = std::move(*address);
  }

  void take_options(std::span<const std::string_view> words, ListedServer& server) {
    bool has_weight = false;
    bool has_name = false;
    for (const std::string_view word : words.subspan(1)) {
      const std::string_view value = word.substr(std::min(word.size(), word.find('=') + 1));
      if (word.starts_with("weight=")) {
        if (std::exchange(has_weight, true)) error("weight is given twice");
        take_weight(value, server);
      } else if (word.starts_with("name=")) {
        if (std::exchange(has_name, true)) error("name is given twice");
        if (!is_name(value))
          error(quoted(value) + " is not a name: 1 to 100 visible characters without quotes");
        server.name = value;
      } else {
        error(quoted(word) + " is unknown here; behind the address may stand weight=N and name=TEXT");
      }
    }
  }

  void take_weight(std::string_view value, ListedServer& server) {
    const auto weight = parse_uint(value);
    if (weight && *weight <= kMostWeight) {
      server.weight = static_cast<uint32_t>(*weight);
    } else {
      error(quoted(value) + " is not a weight from 0 to " + std::to_string(kMostWeight));
    }
  }

  void add(ListedServer server) {
    const auto [by_address, new_address] = addresses_.emplace(server.address.to_string(), line_);
    if (!new_address)
      return error("the address stands in line " + std::to_string(by_address->second) + " already");
    const auto [by_name, new_name] = names_.emplace(server.name, line_);
    if (!new_name) return error("the name stands in line " + std::to_string(by_name->second) + " already");
    if (servers_.size() == kMostListedServers) {
      if (!std::exchange(too_many_, true))
        error("more than " + std::to_string(kMostListedServers) + " servers");
      return;
    }
    servers_.push_back(std::move(server));
  }

  size_t line_ = 0;
  std::vector<ListedServer> servers_;
  std::vector<LineError> errors_;
  size_t error_count_ = 0;
  bool too_many_ = false;
  std::map<std::string, size_t> addresses_;  // and the lines they stand in
  std::map<std::string, size_t> names_;
};

class File {
 public:
  // Not blocked by a pipe that nobody writes to.
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

Result<std::string> read_small_file(const std::string& path) {
  const File file(path);
  if (file.fd() < 0) return fail_errno("cannot be read", errno);
  struct stat status {};
  if (fstat(file.fd(), &status) != 0) return fail_errno("cannot be read", errno);
  if (!S_ISREG(status.st_mode)) return fail(Errc::invalid, "cannot be read: not a file");
  std::string text(kMostListBytes + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = read(file.fd(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("cannot be read", errno);
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  text.resize(size);
  return text;
}

}  // namespace

ServerList parse_server_list(std::string_view text) {
  Parser parser;
  if (text.size() > kMostListBytes) {
    parser.error(0, "larger than 1 MiB");
    return parser.finish();
  }
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    parser.take_line(++number, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parser.finish();
}

ServerList read_server_list(const std::string& path) {
  const auto text = read_small_file(path);
  if (!text) return std::unexpected(std::vector<LineError>{{0, text.error().message}});
  return parse_server_list(*text);
}

std::string render(const std::string& path, const LineError& error) {
  return path + (error.line > 0 ? ":" + std::to_string(error.line) : "") + ": " + error.message;
}

}  // namespace weir::discovery
