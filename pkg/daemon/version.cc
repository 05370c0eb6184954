#include "pkg/daemon/version.hh"

#include <spdlog/version.h>

#include "pkg/aio/loop.hh"
#include "pkg/aio/tls.hh"

namespace weir::daemon {

std::string version() {
  return WEIR_VERSION " (" WEIR_COMMIT ")";
}

std::string version_text(std::string_view name) {
  const auto dotted = [](int major, int minor, int patch) {
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  };
  return std::string(name) + " " + version() + "\nlibuv " + aio::libuv_version() + ", OpenSSL " +
         aio::openssl_version() + ", toml++ " WEIR_TOML_VERSION ", spdlog " +
         dotted(SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH) + "\n";
}

}  // namespace weir::daemon
