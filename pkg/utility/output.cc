#include "pkg/utility/output.hh"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace weir::utility {

void keep_standard_descriptors() {
  int taken = 0;
  do {
    taken = open("/dev/null", O_RDWR | O_CLOEXEC);
  } while (taken >= 0 && taken <= STDERR_FILENO);
  if (taken > STDERR_FILENO) close(taken);
}

Written write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(STDOUT_FILENO, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<size_t>(count));
    } else if (errno == EAGAIN) {  // who shares the descriptor with us has made it so
      pollfd room{STDOUT_FILENO, POLLOUT, 0};
      (void)poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return errno == EPIPE ? Written::nobody_reads : Written::failed;
    }
  }
  return Written::fine;
}

bool reader_left() {
  pollfd out{STDOUT_FILENO, 0, 0};
  return poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0;
}

// Those of Latin-1 in UTF-8 (C2 80 to C2 9F) are among them.
std::string harmless(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_wide_control =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (is_wide_control) ++i;
    out += byte < 0x20 || byte == 0x7f || is_wide_control ? '?' : text[i];
  }
  return out;
}

bool is_terminal(int descriptor) {
  return isatty(descriptor) == 1;
}

bool may_colour(int descriptor) {
  const char* const refused = getenv("NO_COLOR");
  if (refused != nullptr && *refused != '\0') return false;
  const char* const terminal = getenv("TERM");
  return is_terminal(descriptor) && terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace weir::utility
