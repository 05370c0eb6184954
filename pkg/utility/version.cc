#include "pkg/utility/version.hh"

#include "pkg/aio/loop.hh"
#include "pkg/aio/tls.hh"

namespace weir::utility {

std::string version_text(const std::string& name) {
  return name + " " WEIR_VERSION " (" WEIR_COMMIT ")\nlibuv " + aio::libuv_version() + ", OpenSSL " +
         aio::openssl_version() + "\n";
}

}  // namespace weir::utility
