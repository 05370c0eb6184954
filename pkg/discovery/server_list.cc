#include "pkg/discovery/server_list.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

namespace weir::discovery {
namespace {

// The words of a line; what begins with # and all behind it is a comment.
std::vector<std::string_view> words_before_comment(std::string_view line) {
  auto words = words_of(line);
  const auto comment = std::ranges::find_if(words, [](std::string_view word) { return word.front() == '#'; });
  words.erase(comment, words.end());
  return words;
}

class Parser {
 public:
  void take_line(size_t number, std::string_view line) {
    line_ = number;
    const auto words = words_before_comment(line);
    if (words.empty()) return;
    ListedServer server;
    auto wrong = read_server(words, server);
    for (std::string& message : wrong) error(std::move(message));
    if (wrong.empty()) add(std::move(server));
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
