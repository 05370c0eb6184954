// Arbitrary bytes as a config file, and after a byte ff (which no text has) as settings "path=value", against
// a schema that uses every feature. Nothing may crash; every problem must render; and a config that is
// accepted must survive being printed and read again.
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "tests/unit/config_example.hh"

using namespace weir;
using namespace weir::config;

namespace {

std::expected<Loaded<example::Config>, Problems> load_text(const std::string& text,
                                                           std::vector<Setting> settings = {}) {
  const example::MemoryFiles files(std::map<std::string, std::string>{
      {"x.toml", text},
      {"a.toml",
       "[server]\nworkers = 1\n[[limit]]\nname = \"included\"\n[upstream.a]\nservers = [\"h:1\"]\n"},
      {"secret", "hunter2\n"}});
  return load(example::table(), {"x.toml", std::move(settings), {}, &files});
}

// Secrets that stand in the file itself are printed as "***" and become that; as JSON both look the same.
void check_round_trip(const Loaded<example::Config>& loaded) {
  const std::string printed = print(example::table(), loaded);
  const auto again = load_text(printed);
  const std::string before = json(example::table(), loaded.value);
  if (again && json(example::table(), again->value) == before) return;
  std::cerr << "this config does not survive printing:\n" << printed;
  if (!again) std::cerr << render(again.error().front()) << "\n";
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto parts = split(input, '\xff');
  std::vector<Setting> settings;
  for (size_t i = 1; i < parts.size() && i < 8; ++i) {
    const size_t equals = std::min(parts[i].find('='), parts[i].size());
    settings.push_back({std::string(parts[i].substr(0, equals)),
                        std::string(parts[i].substr(std::min(equals + 1, parts[i].size()))), "--set"});
  }
  const auto loaded = load_text(std::string(parts[0]), std::move(settings));
  if (loaded) {
    check_round_trip(*loaded);
  } else {
    for (const Problem& problem : loaded.error()) static_cast<void>(render(problem));
    static_cast<void>(to_json(loaded.error()));
  }
  return 0;
}
