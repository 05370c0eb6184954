// Joins the documents of several files into one.
#pragma once

#include "pkg/config/collector.hh"
#include "pkg/config/document.hh"

namespace weir::config::detail {

// Adds `from` to `into`: tables merge, arrays of tables append; anything else that stands in both is an error
// that names both places. `path` is where the two tables stand.
void merge(Node& into, Node&& from, const std::string& path, Collector& problems);

}  // namespace weir::config::detail
