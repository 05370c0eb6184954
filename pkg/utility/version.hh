#pragma once

#include <string>

namespace weir::utility {

std::string version_text(const std::string& name);  // for --version: with the libraries' versions

}  // namespace weir::utility
