// Locks as a table for people.
#pragma once

#include <string>
#include <vector>

#include "cmd/weir-lock/answers.hh"

namespace weir::locking {

// A row for each holder. What holders say of themselves cannot drive the terminal.
std::string table_of(const std::vector<LockState>& locks, bool in_colour);

}  // namespace weir::locking
