// Document to struct, under a schema.
#pragma once

#include <string>

#include "pkg/config/collector.hh"
#include "pkg/config/document.hh"
#include "pkg/config/load.hh"

namespace weir::config::detail {

// Fills `object` (which holds the defaults) from `root`, notes where each value came from, and runs the
// schema's checks. Everything that is wrong goes to `problems`.
void decode(const Schema& schema, const Node& root, void* object, const Input& input, Origins& origins,
            Collector& problems);

}  // namespace weir::config::detail
