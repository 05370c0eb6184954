#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "pkg/config/load.hh"

namespace weir::config {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<std::string> read_all(int fd, size_t most) {
  std::string contents;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("cannot read it", errno);
    if (count == 0) return contents;
    contents.append(buffer, static_cast<size_t>(count));
    if (contents.size() > most) return fail(Errc::limit, "larger than " + format_bytes({most}));
  }
}

Result<std::string> read_file(const std::string& path, size_t most, bool special) {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would hang before fstat could tell.
  const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (special ? 0 : O_NONBLOCK);
  const Descriptor file(open(path.c_str(), flags));
  if (file.get() < 0) return fail(Errc::not_found, std::strerror(errno));
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return fail(Errc::internal, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return fail(Errc::invalid, "it is a directory");
  if (!special && !S_ISREG(status.st_mode)) return fail(Errc::invalid, "it is not a regular file");
  return read_all(file.get(), most);
}

// A directory's name inside a pattern: its own special characters are literal.
std::string escaped(const std::string& directory) {
  std::string out;
  for (const char c : directory) {
    if (std::strchr("*?[]\\", c) != nullptr) out += '\\';
    out += c;
  }
  return out;
}

class RealFiles final : public Files {
 public:
  Result<std::string> read(const std::string& path, size_t most, bool special) const override {
    auto contents = read_file(path, most, special);
    if (!contents) return std::unexpected(std::move(contents).error().context("cannot read " + path));
    return contents;
  }

  Result<std::vector<std::string>> match(const std::string& directory,
                                         const std::string& pattern) const override {
    const std::string full = pattern.starts_with('/') ? pattern : escaped(directory) + pattern;
    glob_t found{};
    const int status = glob(full.c_str(), GLOB_ERR, nullptr, &found);
    std::vector<std::string> paths;
    for (size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
    globfree(&found);
    if (status != 0 && status != GLOB_NOMATCH) return fail(Errc::refused, "cannot list " + full);
    return paths;
  }
};

}  // namespace

const Files& real_files() {
  static const RealFiles files;
  return files;
}

std::string Input::credentials_directory() {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  return directory == nullptr ? std::string() : directory;
}

}  // namespace weir::config
