// The check by a command.
#pragma once

#include "pkg/health/check.hh"

namespace weir::health {

// What is run for a server: its address, host and port in place of {address}, {host} and {port}.
std::vector<std::string> command_for(const std::vector<std::string>& command, const Address& server);

// The first line of the command's output, or an error whose message is the reason.
aio::Task<Result<std::string>> check_command(aio::Loop& loop, const CheckSettings& settings, Address server,
                                             aio::Deadline deadline);

}  // namespace weir::health
