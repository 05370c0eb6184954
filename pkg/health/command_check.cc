#include "pkg/health/command_check.hh"

#include <algorithm>

#include "pkg/aio/process.hh"
#include "pkg/base/text.hh"

namespace weir::health {
namespace {

constexpr size_t kLongestReason = 200;

struct Words {
  std::string address;
  std::string host;
  std::string port;
};

Words words_for(const Address& address) {
  if (address.kind == Address::Kind::unix_path) return {address.to_string(), address.text, ""};
  return {address.to_string(), address.ip.to_string(), std::to_string(address.port)};
}

// One pass from left to right: what was put in is not looked at again.
std::string fill_in(std::string_view argument, const Words& words) {
  const std::pair<std::string_view, const std::string*> names[] = {
      {"{address}", &words.address}, {"{host}", &words.host}, {"{port}", &words.port}};
  std::string out;
  while (!argument.empty()) {
    const auto found =
        std::ranges::find_if(names, [&](const auto& name) { return argument.starts_with(name.first); });
    if (found != std::end(names)) {
      out += *found->second;
      argument.remove_prefix(found->first.size());
    } else {
      out += argument.front();
      argument.remove_prefix(1);
    }
  }
  return out;
}

// Fit for a log and a terminal.
std::string first_line(std::string_view output) {
  std::string line(trim(output.substr(0, output.find('\n'))).substr(0, kLongestReason));
  std::ranges::replace_if(
      line, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }, '?');
  return line;
}

}  // namespace

std::vector<std::string> command_for(const std::vector<std::string>& command, const Address& server) {
  const Words words = words_for(server);
  std::vector<std::string> out;
  for (const std::string& argument : command) out.push_back(fill_in(argument, words));
  return out;
}

aio::Task<Result<std::string>> check_command(aio::Loop& loop, const CheckSettings& settings, Address server,
                                             aio::Deadline deadline) {
  aio::Command command;
  command.argv = command_for(settings.command, server);
  const auto ended = co_await aio::run_command(loop, command, deadline);
  if (!ended) co_return std::unexpected(ended.error());
  std::string line = first_line(ended->output);
  if (ended->succeeded()) co_return std::move(line);
  std::string reason = ended->signal != 0 ? "killed by signal " + std::to_string(ended->signal)
                                          : "exit status " + std::to_string(ended->status);
  if (!line.empty()) reason += ": " + line;
  co_return fail(Errc::unavailable, std::move(reason));
}

}  // namespace weir::health
