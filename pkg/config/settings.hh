// Lays settings from the command line over a document.
#pragma once

#include <span>

#include "pkg/config/collector.hh"
#include "pkg/config/document.hh"
#include "pkg/config/load.hh"

namespace weir::config::detail {

void apply_settings(const Schema& schema, std::span<const Setting> settings, Node& root, Collector& problems);

// A key's value from its text: TOML where that is what the key takes, else the text itself.
Node interpret(const Entry& entry, const std::string& text, const Place& place);

}  // namespace weir::config::detail
