#include "pkg/aio/process.hh"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>

#include "pkg/aio/operation.hh"
#include "pkg/aio/socket.hh"

namespace weir::aio {
namespace {

constexpr size_t kPiece = 4096;
constexpr int kMostPiecesAtEnd = 16;  // what a pipe holds

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

class RunCommand final : public Operation {
 public:
  RunCommand(Loop& owner, Command& command, Deadline deadline)
      : loop_(owner), command_(command), deadline_(deadline) {}
  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    if (!start(handle, *handle.promise().context, deadline_)) return false;
    begin();
    return true;
  }
  Result<Ended> await_resume() {
    if (outcome() != Outcome::ok) {
      return std::unexpected(to_result(outcome(), "running " + command_.argv.front()).error());
    }
    if (error_ != 0) return fail_errno("running " + command_.argv.front(), -error_);
    return std::move(ended_);
  }

 private:
  // Even a start that fails leaves handles to close, so there is one way to end: close_all().
  void begin() {
    uv_pipe_init(loop_.uv(), &output_, 0);
    output_.data = this;
    process_.data = this;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
      error_ = -errno;
      return close_all();
    }
    Descriptor read_end(ends[0]);
    const Descriptor write_end(ends[1]);
    error_ = uv_pipe_open(&output_, read_end.get());
    if (error_ != 0) return close_all();
    read_end.release();  // libuv owns it now
    spawn(write_end.get());
    if (error_ != 0) return close_all();
    uv_read_start(reinterpret_cast<uv_stream_t*>(&output_), on_alloc, on_read);
  }

  void spawn(int output) {
    auto argv = pointers_to(command_.argv);
    auto environment = pointers_to(command_.environment);
    uv_stdio_container_t stdio[3]{};
    stdio[0].flags = UV_IGNORE;  // /dev/null
    stdio[1].flags = stdio[2].flags = UV_INHERIT_FD;
    stdio[1].data.fd = stdio[2].data.fd = output;
    uv_process_options_t options{};
    options.file = argv[0];
    options.args = argv.data();
    options.env = environment.data();
    options.flags = UV_PROCESS_DETACHED;  // a session, hence a process group, of its own
    options.stdio_count = 3;
    options.stdio = stdio;
    options.exit_cb = on_exit;
    error_ = uv_spawn(loop_.uv(), &process_, &options);
    has_process_ = true;
    is_running_ = error_ == 0;
  }

  void keep(const char* bytes, size_t count) {
    const size_t room = command_.most_output.count - ended_.output.size();
    ended_.output.append(bytes, std::min(room, count));
    if (count > room) ended_.output_cut = true;
  }

  static void on_alloc(uv_handle_t* handle, size_t, uv_buf_t* out) {
    auto& piece = static_cast<RunCommand*>(handle->data)->piece_;
    *out = uv_buf_init(piece.data(), piece.size());
  }
  static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
    if (count > 0) static_cast<RunCommand*>(stream->data)->keep(buffer->base, static_cast<size_t>(count));
    if (count < 0) uv_read_stop(stream);
  }
  static void on_exit(uv_process_t* process, int64_t status, int signal) {
    auto& run = *static_cast<RunCommand*>(process->data);
    run.is_running_ = false;
    run.ended_.status = static_cast<int>(status);
    run.ended_.signal = signal;
    // The number stays taken while the group has a member; with none it was free for an instant only.
    kill(-process->pid, SIGKILL);
    run.take_rest();
    run.close_all();
  }

  // What stands in the pipe. Its end is not waited for: who left the group may hold it open.
  void take_rest() {
    uv_os_fd_t fd = -1;
    uv_fileno(reinterpret_cast<uv_handle_t*>(&output_), &fd);
    for (int i = 0; i < kMostPiecesAtEnd; ++i) {
      const ssize_t count = read(fd, piece_.data(), piece_.size());
      if (count <= 0) return;
      keep(piece_.data(), static_cast<size_t>(count));
    }
  }

  void close_all() {
    open_handles_ = has_process_ ? 2 : 1;
    uv_close(reinterpret_cast<uv_handle_t*>(&output_), on_closed);
    if (has_process_) uv_close(reinterpret_cast<uv_handle_t*>(&process_), on_closed);
  }
  static void on_closed(uv_handle_t* handle) {
    auto& run = *static_cast<RunCommand*>(handle->data);
    if (--run.open_handles_ == 0) run.resume_now();
  }

  void on_interrupt() override {
    if (is_running_) kill(-process_.pid, SIGKILL);  // on_exit follows
  }

  Loop& loop_;
  Command& command_;
  Deadline deadline_;
  uv_process_t process_;
  uv_pipe_t output_;
  std::array<char, kPiece> piece_;
  Ended ended_;
  int error_ = 0;  // libuv's, negative
  int open_handles_ = 0;
  bool has_process_ = false;  // process_ is a handle of the loop's
  bool is_running_ = false;
};

void add_path(std::vector<std::string>& environment) {
  const auto is_path = [](const std::string& variable) { return variable.starts_with("PATH="); };
  if (std::ranges::any_of(environment, is_path)) return;
  const char* path = getenv("PATH");
  environment.push_back(std::string("PATH=") + (path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin"));
}

}  // namespace

Task<Result<Ended>> run_command(Loop& loop, Command command, Deadline deadline) {
  if (command.argv.empty() || command.argv.front().empty()) {
    co_return fail(Errc::invalid, "running a command: no program is named");
  }
  add_path(command.environment);
  auto ended = co_await RunCommand(loop, command, deadline);
  co_return std::move(ended);
}

}  // namespace weir::aio
