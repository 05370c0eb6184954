#include "pkg/daemon/event_writer.hh"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "pkg/aio/socket.hh"
#include "pkg/base/address.hh"

namespace weir::daemon {
namespace {

// Blocking writes: the sink's thread has nothing else to do.
class DescriptorWriter : public EventWriter {
 public:
  size_t write(std::string_view lines) override {
    size_t done = 0;
    while (done < lines.size()) {
      const ssize_t n = ::write(descriptor(), lines.data() + done, lines.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) {  // standard output may have been made non-blocking by its owner
        pollfd wanted{descriptor(), POLLOUT, 0};
        poll(&wanted, 1, 1000);
        continue;
      }
      if (n < 0) {
        broken_ = errno == EPIPE;
        break;
      }
      done += static_cast<size_t>(n);
    }
    return done;
  }
  bool is_broken() const override { return broken_; }

 protected:
  virtual int descriptor() const = 0;

 private:
  bool broken_ = false;
};

class StandardOutput final : public DescriptorWriter {
  int descriptor() const override { return STDOUT_FILENO; }
};

class File final : public DescriptorWriter {
 public:
  explicit File(std::string path) : path_(std::move(path)) {}

  Result<> reopen() override {
    aio::Descriptor opened(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    if (!opened.is_open()) return fail_errno("open " + path_, errno);
    file_ = std::move(opened);
    return {};
  }

 private:
  int descriptor() const override { return file_.get(); }
  std::string path_;
  aio::Descriptor file_;
};

class UnixSocket final : public EventWriter {
 public:
  explicit UnixSocket(const std::string& path) {
    address_.kind = Address::Kind::unix_path;
    address_.text = path;
  }

  size_t write(std::string_view lines) override {
    if (!socket_.is_open() && !connect()) return 0;
    size_t done = 0;
    while (done < lines.size()) {
      const ssize_t n = send(socket_.get(), lines.data() + done, lines.size() - done, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        socket_ = aio::Descriptor();
        // The line that was cut goes out again whole: its reader is another one.
        const size_t newline = lines.rfind('\n', done == 0 ? 0 : done - 1);
        return done == 0 || newline == std::string_view::npos ? 0 : newline + 1;
      }
      done += static_cast<size_t>(n);
    }
    return done;
  }

 private:
  bool connect() {
    aio::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage storage;
    const socklen_t size = address_.to_sockaddr(storage);
    if (!socket.is_open() || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0)
      return false;
    socket_ = std::move(socket);
    return true;
  }

  Address address_;
  aio::Descriptor socket_;
};

}  // namespace

Result<std::unique_ptr<EventWriter>> make_event_writer(const EventTarget& target) {
  switch (target.kind) {
    case EventTarget::Kind::off:
      break;
    case EventTarget::Kind::standard_output:
      return std::make_unique<StandardOutput>();
    case EventTarget::Kind::file: {
      auto file = std::make_unique<File>(target.path);
      if (auto opened = file->reopen(); !opened) return std::unexpected(std::move(opened.error()));
      return file;
    }
    case EventTarget::Kind::unix_socket:
      return std::make_unique<UnixSocket>(target.path);
    case EventTarget::Kind::kafka:
      return make_kafka_writer(target);
  }
  return fail(Errc::invalid, "events are off");
}

}  // namespace weir::daemon
