#pragma once

#include <string>

namespace weir::daemon {

std::string version();                            // "0.1.0 (3f2a9c1b7d40)"
std::string version_text(std::string_view name);  // for --version: with the libraries' versions

}  // namespace weir::daemon
