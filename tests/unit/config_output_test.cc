#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/config_example.hh"

using namespace weir;
using namespace weir::config;
using example::MemoryFiles;

namespace {

Loaded<example::Config> load_text(std::string text, std::vector<Setting> settings = {}) {
  const MemoryFiles files({{"x.toml", std::move(text)}, {"pw", "hunter2"}});
  auto outcome = load(example::table(), {"x.toml", std::move(settings), {}, &files});
  if (!outcome) {
    for (const Problem& problem : outcome.error()) UNSCOPED_INFO(render(problem));
  }
  REQUIRE(outcome);
  return *std::move(outcome);
}

std::string print_text(const std::string& text, std::vector<Setting> settings = {}) {
  return print(example::table(), load_text(text, std::move(settings)));
}

// "#key = value" and "#[table]" become what they show; prose has a space after the #.
std::string uncommented(const std::string& text) {
  std::string out;
  for (const std::string_view line : split(text, '\n')) {
    const bool shows = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    out += std::string(shows ? line.substr(1) : line) + "\n";
  }
  return out;
}

constexpr const char* kFull = R"(
title = "tab\t quote\" back\\slash \u0007 \u007f ä"
trusted = ["10.0.0.0/8"]
step = []
[server]
sampling = 0.1
idle_timeout = "1h30m"
[[limit]]
name = "a"
fallbacks = ["token_bucket", "token_bucket"]
[[limit.step]]
name = "s"
[[limit.step]]
name = "t"
[[limit]]
name = "b"
burst = 7
[[limit.step]]
name = "u"
[upstream."a.b"]
servers = ["host:1", "unix:/x"]
headers = { "X-\"A\"" = "b\n", c = "" }
[upstream.plain]
servers = ["host:2"]
reuse = true
[upstream.plain.tls]
certificate = "c"
[tls]
)";

}  // namespace

TEST_CASE("a printed config says what each key means and where its value came from") {
  const std::string text = print_text("[server]\nworkers = 3\n", {{"server.verbose", "true", "--verbose"}});
  CHECK_THAT(text, Catch::Contains("# Threads; 0 is one for each core.\n"
                                   "# From 0 to 1024. Default: 0. A change needs a restart.\n"
                                   "workers = 3  # from x.toml:2\n"));
  CHECK_THAT(text, Catch::Contains("drain_timeout = \"30s\"  # default\n"));
  CHECK_THAT(text, Catch::Contains("verbose = true  # from --verbose\n"));
  CHECK_THAT(text, Catch::Contains("\n#idle_timeout = \"1m15s\"\n"));
}

TEST_CASE("a printed config read again is the same config") {
  for (const char* text : {"", kFull, "step = [{name=\"x\", weights=[-5,5]}]", "limit = []\nupstream = {}"}) {
    const std::string once = print_text(text);
    INFO(once);
    CHECK(json(example::table(), load_text(once).value) == json(example::table(), load_text(text).value));
  }
}

TEST_CASE("an empty array that took away defaults is printed as such") {
  CHECK_THAT(print_text("step = []"), Catch::Contains("\nstep = []  # from x.toml:1\n"));
  CHECK(load_text(print_text("step = []")).value.steps.empty());
}

TEST_CASE("secrets are masked, and named by their file where they came from one") {
  const std::string inline_secret = "[tls]\npassword = \"hunter2\"\ntokens = [\"hunter2\", \"hunter3\"]";
  const auto loaded = load_text(inline_secret);
  const std::string text = print(example::table(), loaded);
  CHECK_THAT(text, Catch::Contains("\npassword = \"***\"  # from x.toml:2\n"));
  CHECK_THAT(text, Catch::Contains("\ntokens = [\"***\", \"***\"]"));
  CHECK(text.find("hunter") == std::string::npos);
  CHECK(json(example::table(), loaded.value).find("hunter") == std::string::npos);

  const std::string from_file = print_text("[tls]\npassword_file = \"pw\"");
  CHECK_THAT(from_file, Catch::Contains("\npassword_file = \"pw\"  # from x.toml:2\n"));
  CHECK(from_file.find("hunter") == std::string::npos);
  CHECK(load_text(from_file).value.tls->password == "hunter2");
}

TEST_CASE("the sample is valid as it is, and with everything uncommented") {
  const std::string text = sample(example::table());
  INFO(text);
  CHECK(json(example::table(), load_text(text).value) == json(example::table(), example::Config{}));
  CHECK_THAT(text, Catch::Contains("\n[server]\n"));
  CHECK_THAT(text, Catch::Contains("\n#workers = 0\n"));
  CHECK_THAT(text, Catch::Contains("\n#[[limit]]\n"));
  CHECK_THAT(text, Catch::Contains("\n#name = \"per-client\"\n"));
  CHECK_THAT(text, Catch::Contains("\n#[[limit.step]]\n"));
  CHECK_THAT(text, Catch::Contains("\n#[upstream.app]\n"));
  CHECK_THAT(text, Catch::Contains("\n#servers = [\"127.0.0.1:9000\"]\n"));
  CHECK_THAT(text, Catch::Contains("\n#headers = { X-From = \"weir\" }\n"));

  const auto loaded = load_text(uncommented(text));
  CHECK(loaded.value.limits.at(0).name == "per-client");
  CHECK(loaded.value.limits.at(0).steps.at(0).weights == std::vector<int64_t>{3});
  CHECK(loaded.value.upstreams.at("app").servers.at(0).port == 9000);
  CHECK(loaded.value.tls->certificate == "cert.pem");
}

TEST_CASE("the JSON of a config has the form of its file") {
  const auto loaded = load_text("[[limit]]\nname = \"a\"\n[upstream.u]\nservers = [\"h:1\"]");
  const std::string text = json(example::table(), loaded.value);
  CHECK_THAT(text,
             Catch::StartsWith(R"({"title":"example","trusted":[],"server":{"listen":["127.0.0.1:8080"],)"
                               R"("workers":0,"drain_timeout":"30s","max_body":"1MiB","sampling":0.25,)"
                               R"("verbose":false,"niceness":0,"idle_timeout":null},"tls":null,)"
                               R"("limit":[{"name":"a","rate":"100/s","algorithm":"token_bucket")"));
  CHECK_THAT(text, Catch::Contains(R"("upstream":{"u":{"servers":["h:1"],"headers":{},"reuse":null,)"));
}

TEST_CASE("the manual escapes what mdoc would take for its own") {
  const std::string text = manual(example::table());
  CHECK_THAT(text, Catch::Contains("\n\\&.Dots, \"quotes\" and a back\\eslash stay as they are.\n"));
  CHECK_THAT(text, Catch::Contains(".Ss \"\\&[upstream.NAME.tls]\"\n"));
  CHECK_THAT(text, Catch::Contains(".Ss \"\\&[[limit.step]]\"\n"));
  CHECK_THAT(text, Catch::Contains("Where to listen.\nSeveral addresses are fine.\n"));
}

TEST_CASE("mandoc has nothing to warn of in the manual") {
  if (std::system("command -v mandoc >/dev/null") != 0) {
    WARN("mandoc is not installed");
    return;
  }
  std::string page = (std::filesystem::temp_directory_path() / "weir-manual-XXXXXX").string();
  const int file = mkstemp(page.data());
  REQUIRE(file >= 0);
  std::ofstream(page)
      << ".Dd November 24, 2026\n.Dt WEIR-EXAMPLE.TOML 5\n.Os\n.Sh NAME\n.Nm weir-example.toml\n"
         ".Nd an example\n.Sh KEYS\n"
      << manual(example::table());
  const int status = std::system(("mandoc -Tlint -Wwarning " + page).c_str());
  std::filesystem::remove(page);
  CHECK(status == 0);
}
