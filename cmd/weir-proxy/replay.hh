// `weir-proxy replay`: the rate limits of a config, decided on the requests of a log, each at the time it
// bears.
#pragma once

#include <string>
#include <vector>

#include "pkg/gateway/config.hh"

namespace weir::proxy {

// Reads `files` ("-" is standard input) and writes one NDJSON record for each rule and key that would have
// been limited to standard output, a summary to standard error. The exit code: 0, or 1 when a file cannot be
// read or a line was not understood.
int replay(const gateway::Config& config, const std::vector<std::string>& files);

}  // namespace weir::proxy
