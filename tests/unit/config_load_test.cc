#include <catch2/catch.hpp>

#include "tests/unit/config_example.hh"

using namespace weir;
using namespace weir::config;
using example::MemoryFiles;
using namespace std::chrono_literals;

namespace {

using Outcome = std::expected<Loaded<example::Config>, Problems>;

Outcome load_files(std::map<std::string, std::string> contents, std::vector<Setting> settings = {},
                   std::string credentials = {}) {
  const MemoryFiles files(std::move(contents));
  return load(example::table(), {"etc/x.toml", std::move(settings), std::move(credentials), &files});
}

Outcome load_text(std::string text, std::vector<Setting> settings = {}) {
  return load_files({{"etc/x.toml", std::move(text)}}, std::move(settings));
}

std::string errors_of(const Outcome& outcome) {
  if (outcome) return "no errors";
  std::string all;
  for (const Problem& problem : outcome.error()) all += render(problem) + "\n";
  return all;
}

example::Config good(const Outcome& outcome) {
  INFO(errors_of(outcome));
  REQUIRE(outcome);
  return outcome->value;
}

}  // namespace

TEST_CASE("without a file everything is at its default") {
  const auto loaded = load(example::table(), {"", {}, "", &real_files()});
  REQUIRE(loaded);
  CHECK(loaded->value.title == "example");
  CHECK(loaded->value.server.listen.at(0).to_string() == "127.0.0.1:8080");
  CHECK(loaded->value.steps.at(0).weights == std::vector<int64_t>{1, 2});
  CHECK(loaded->origins.at("server.listen").is_default());
  CHECK(loaded->origins.at("server.listen").to_string() == "default");
}

TEST_CASE("every kind of value is read") {
  const auto outcome = load_text(R"(
title = "it's \"me\""
trusted = ["10.0.0.0/8", "::1"]
[server]
listen = ["unix:/run/x.sock", "[::1]:80"]
workers = 4
drain_timeout = "1m30s"
max_body = "10MiB"
sampling = 1
verbose = true
niceness = -5
idle_timeout = "0"
[[limit]]
name = "a"
rate = "7/s"
algorithm = "leaky_bucket"
key = ["ip", "route"]
fallbacks = ["token_bucket"]
[[limit.step]]
name = "s"
weights = [-5, 5]
[upstream.app]
servers = ["127.0.0.1:9000"]
headers = { "X-A" = "b", c = "" }
reuse = false
)");
  const auto config = good(outcome);
  CHECK(config.title == "it's \"me\"");
  CHECK(config.trusted.at(0).to_string() == "10.0.0.0/8");
  CHECK(config.server.listen.at(0).kind == Address::Kind::unix_path);
  CHECK(config.server.workers == 4);
  CHECK(config.server.drain_timeout == 90s);
  CHECK(config.server.max_body.count == 10 << 20);
  CHECK(config.server.sampling == 1.0);
  CHECK(config.server.verbose);
  CHECK(config.server.niceness == -5);
  CHECK(config.server.idle_timeout == Duration{0});
  CHECK(config.limits.at(0).rate.count == 7);
  CHECK(config.limits.at(0).algorithm == example::Algorithm::leaky_bucket);
  CHECK(config.limits.at(0).key == std::vector<std::string>{"ip", "route"});
  CHECK(config.limits.at(0).fallbacks.size() == 1);
  CHECK(config.limits.at(0).steps.at(0).weights == std::vector<int64_t>{-5, 5});
  CHECK(config.upstreams.at("app").headers.at("X-A") == "b");
  CHECK(config.upstreams.at("app").reuse == false);
  CHECK_FALSE(config.tls);
  CHECK(outcome->origins.at("server.workers").to_string() == "etc/x.toml:6");
  CHECK(outcome->origins.at("limit[0].step[0].name").place.column == 8);
  CHECK(outcome->origins.at("limit[0].burst").is_default());
}

TEST_CASE("elements in the file replace those of the struct") {
  CHECK(good(load_text("[[step]]\nname = \"x\"")).steps.size() == 1);
  CHECK(good(load_text("[[step]]\nname = \"x\"")).steps[0].weights.empty());
  CHECK(good(load_text("step = []")).steps.empty());
}

TEST_CASE("an optional table is there when the file has it") {
  CHECK(good(load_text("[tls]")).tls);
  CHECK(good(load_text("[tls]\ncertificate = \"c\"")).tls->certificate == "c");
}

TEST_CASE("a size may be a bare number") {
  CHECK(good(load_text("[server]\nmax_body = 4096")).server.max_body.count == 4096);
}

TEST_CASE("included files add to each other in sorted order") {
  const auto outcome =
      load_files({{"etc/x.toml",
                   "include = [\"d/*.toml\", \"one.toml\", \"none/*.toml\"]\n"
                   "title = \"t\"\n[[limit]]\nname = \"main\"\n"},
                  {"etc/d/b.toml", "[[limit]]\nname = \"b\"\n[upstream.b]\nservers = [\"h:1\"]"},
                  {"etc/d/a.toml", "[[limit]]\nname = \"a\"\n[upstream.a]\nservers = [\"h:1\"]"},
                  {"etc/one.toml", "[server]\nworkers = 2"},
                  {"etc/unrelated.toml", "nonsense"}});
  const auto config = good(outcome);
  REQUIRE(config.limits.size() == 3);
  CHECK(config.limits[0].name == "main");
  CHECK(config.limits[1].name == "a");
  CHECK(config.limits[2].name == "b");
  CHECK(config.upstreams.size() == 2);
  CHECK(config.server.workers == 2);
  CHECK(outcome->files ==
        std::vector<std::string>{"etc/x.toml", "etc/d/a.toml", "etc/d/b.toml", "etc/one.toml"});
  CHECK(outcome->origins.at("limit[1].name").to_string() == "etc/d/a.toml:2");
}

TEST_CASE("one key in two files is an error that names both places") {
  const auto outcome = load_files({{"etc/x.toml", "include = [\"a.toml\"]\n[server]\nworkers = 1\n"},
                                   {"etc/a.toml", "[server]\n  workers = 2\n"}});
  CHECK(errors_of(outcome) ==
        "etc/a.toml:2:3: \"workers\" is set already, at etc/x.toml:3:1\n"
        "    workers = 2\n"
        "    ^\n");
}

TEST_CASE("what cannot be included is an error at its pattern") {
  CHECK(errors_of(load_text("include = [\"a.toml\"]")) ==
        "etc/x.toml:1:12: no file is named \"a.toml\"\n  include = [\"a.toml\"]\n             ^\n");
  CHECK(errors_of(load_text("include = \"a.toml\""))
            .starts_with("etc/x.toml:1:11: expected an array of file names"));
  CHECK(errors_of(load_text("include = [1]")).starts_with("etc/x.toml:1:12: expected the name of a file"));
  CHECK(errors_of(load_files({{"etc/x.toml", "include = [\"a.toml\"]"}, {"etc/a.toml", "include = []"}}))
            .starts_with("etc/a.toml:1:1: an included file cannot include others"));
}

TEST_CASE("a broken included file is reported where it is broken") {
  const auto text = errors_of(load_files({{"etc/x.toml", "include = [\"a.toml\"]"}, {"etc/a.toml", "x = "}}));
  CHECK(text.starts_with("etc/a.toml:1:"));
}

TEST_CASE("more than 256 included files are refused") {
  std::map<std::string, std::string> files{{"etc/x.toml", "include = [\"d/*.toml\"]"}};
  for (int i = 0; i < 256; ++i) files["etc/d/" + std::to_string(i) + ".toml"] = "";
  CHECK(load_files(files));
  files["etc/d/256.toml"] = "";
  CHECK(errors_of(load_files(files)).starts_with("etc/x.toml:1:12: more than 256 files are included"));
}

TEST_CASE("settings outrank the file") {
  const auto outcome = load_text("[server]\nworkers = 1\nlisten = [\"127.0.0.1:1\"]\n",
                                 {{"server.workers", "4", "--workers"},
                                  {"server.listen", "127.0.0.1:2", "--listen"},
                                  {"server.listen", "[\"127.0.0.1:3\", \"fd:3\"]", "--listen"},
                                  {"title", "12", "--set title"},
                                  {"server.drain_timeout", "5s", "--drain"},
                                  {"server.max_body", "4096", "--body"},
                                  {"server.verbose", "true", "-v"},
                                  {"trusted", "10.0.0.0/8", "--trust"},
                                  {"step[0].weights", "2", "--weight"},
                                  {"step", "[{ name = \"s\" }]", "--step"}});
  CHECK_FALSE(outcome);  // step[0] is not in the file
  const auto config = good(load_text("[server]\nworkers = 1\nlisten = [\"127.0.0.1:1\"]\n",
                                     {{"server.workers", "4", "--workers"},
                                      {"server.listen", "127.0.0.1:2", "--listen"},
                                      {"server.listen", "[\"127.0.0.1:3\", \"fd:3\"]", "--listen"},
                                      {"title", "12", "--set title"},
                                      {"server.drain_timeout", "5s", "--drain"},
                                      {"server.max_body", "4096", "--body"},
                                      {"server.verbose", "true", "-v"},
                                      {"step", "[{ name = \"s\" }]", "--step"},
                                      {"step[0].weights", "2", "--weight"}}));
  CHECK(config.server.workers == 4);
  CHECK(config.server.listen.size() == 3);
  CHECK(config.server.listen[0].port == 2);
  CHECK(config.title == "12");
  CHECK(config.server.drain_timeout == 5s);
  CHECK(config.server.max_body.count == 4096);
  CHECK(config.server.verbose);
  CHECK(config.steps.at(0).weights == std::vector<int64_t>{2});
}

TEST_CASE("settings make elements of arrays and maps") {
  const auto outcome =
      load_text("[[limit]]\nname = \"file\"", {{"limit[].rate", "5/s", "--limit"},
                                               {"limit[-1].name", "flag", "--limit"},
                                               {"limit[0].burst", "9", "--set"},
                                               {"limit[]", "{ name = \"whole\" }", "--limit"},
                                               {"limit[-1].step[].name", "inner", "--set"},
                                               {"upstream.default.servers", "127.0.0.1:9000", "--upstream"},
                                               {"upstream.default.headers.X-A", "1", "--set"},
                                               {"upstream.\"a.b\".servers", "127.0.0.1:9001", "--upstream"}});
  const auto config = good(outcome);
  REQUIRE(config.limits.size() == 3);
  CHECK(config.limits[0].burst == 9);
  CHECK(config.limits[1].name == "flag");
  CHECK(config.limits[1].rate.count == 5);
  CHECK(config.limits[2].name == "whole");
  CHECK(config.limits[2].steps.at(0).name == "inner");
  CHECK(config.upstreams.at("default").servers.at(0).port == 9000);
  CHECK(config.upstreams.at("default").headers.at("X-A") == "1");
  CHECK(config.upstreams.contains("a.b"));
  CHECK(outcome->origins.at("limit[1].rate").to_string() == "--limit");
}

TEST_CASE("a wrong setting is reported under the name the user gave it") {
  const std::vector<std::pair<Setting, std::string>> cases = {
      {{"server.workers", "many", "--workers"}, "--workers: expected an integer, found a string\n"},
      {{"server.workers", "2000", "--workers"},
       "--workers: expected an integer from 0 to 1024, found 2000\n"},
      {{"server.lisen", "x", "--set"},
       "--set: unknown key \"lisen\" in [server]; did you mean \"listen\"?\n"},
      {{"server.listen.x", "x", "--set"}, "--set: \"server.listen\" is a key, not a table\n"},
      {{"limit.name", "x", "--set"}, "--set: \"limit\" is an array; name an element, as in \"limit[]\"\n"},
      {{"limit[7].name", "x", "--set"}, "--set: \"limit\" has no such element\n"},
      {{"limit[-1].name", "x", "--set"}, "--set: \"limit\" has no such element\n"},
      {{"server[].workers", "1", "--set"}, "--set: \"server\" is not an array\n"},
      {{"", "1", "--set"}, "--set: \"\" is not the path of a key\n"},
      {{"a..b", "1", "--set"}, "--set: \"a..b\" is not the path of a key\n"},
      {{"limit[x].name", "1", "--set"}, "--set: \"limit[x].name\" is not the path of a key\n"},
      {{"title", "\xff", "--set"}, "--set: not valid UTF-8\n"},
      {{"server.workers", "1\nverbose = true", "--set"}, "--set: expected an integer, found a string\n"},
      {{"limit[]", "{}", "--limit"}, "--limit: missing required key \"name\" in [[limit]]\n"},
  };
  for (const auto& [setting, expected] : cases) {
    INFO(setting.path << " = " << setting.value);
    CHECK(errors_of(load_text("", {setting})) == expected);
  }
}

TEST_CASE("a secret may come from a file, without one newline at its end") {
  const std::map<std::string, std::string> files = {
      {"etc/x.toml", "[tls]\npassword_file = \"pw\"\n"},
      {"etc/pw", "hunter2\n\n"},
      {"/run/credentials/pw", "from the service manager\n"},
  };
  CHECK(good(load_files(files)).tls->password == "hunter2\n");
  CHECK(good(load_files(files, {}, "/run/credentials")).tls->password == "from the service manager");
  CHECK(load_files(files)->origins.at("tls.password").secret_file == "pw");
}

TEST_CASE("a list of secrets may come from a file, one a line") {
  const std::string config = "[tls]\ntokens_file = \"t\"\n";
  CHECK(good(load_files({{"etc/x.toml", config}, {"etc/t", "a\n\nb\n"}})).tls->tokens ==
        std::vector<std::string>{"a", "b"});
  CHECK(good(load_files({{"etc/x.toml", config}, {"etc/t", ""}})).tls->tokens.empty());
  CHECK(errors_of(load_files({{"etc/x.toml", config}, {"etc/t", "a\nb\nc\nd"}})) ==
        "etc/x.toml:2:15: expected at most 3 of \"tokens\", found 4\n");
}

TEST_CASE("what a secret's file may not be") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"password_file = \"none\"", "cannot read etc/none: no such file"},
      {"password_file = \"\"", "expected the path of a file, found \"\""},
      {"password_file = 1", "expected the path of a file, found an integer"},
      {"password_file = \"binary\"", "\"etc/binary\" is not text"},
      {"password_file = \"large\"", "cannot read etc/large: too large"},
      {"password_file = \"a\\u0000\"", "expected the path of a file, found one with a NUL character"},
      {"certificate_file = \"a\"",
       "unknown key \"certificate_file\" in [tls]; did you mean \"certificate\"?"},
  };
  for (const auto& [line, expected] : cases) {
    const auto outcome = load_files({{"etc/x.toml", "[tls]\n" + line},
                                     {"etc/binary", std::string("a\0b", 3)},
                                     {"etc/large", std::string(64 * 1024 + 1, 'x')}});
    INFO(line);
    CHECK_THAT(errors_of(outcome), Catch::Contains(": " + expected + "\n"));
  }
}

TEST_CASE("a secret given in both forms is an error") {
  CHECK(errors_of(load_text("[tls]\npassword = \"a\"\npassword_file = \"b\"")) ==
        "etc/x.toml:3:1: both \"password\" and \"password_file\" are set\n");
}

TEST_CASE("a secret's absolute path is taken as it is") {
  CHECK(good(load_files({{"etc/x.toml", "[tls]\npassword_file = \"/p\""}, {"/p", "s"}}, {}, "/c"))
            .tls->password == "s");
}

TEST_CASE("a setting replaces either form of a secret") {
  const std::map<std::string, std::string> files = {{"etc/x.toml", "[tls]\npassword_file = \"pw\"\n"}};
  CHECK(good(load_files(files, {{"tls.password", "p", "--set"}})).tls->password == "p");
  const std::map<std::string, std::string> other = {{"etc/x.toml", "[tls]\npassword = \"p\"\n"},
                                                    {"q", "from q"}};
  CHECK(good(load_files(other, {{"tls.password_file", "q", "--set"}})).tls->password == "from q");
}

TEST_CASE("changed keys that need a restart are told") {
  const auto before = good(load_text("[server]\nworkers = 1\nverbose = true"));
  auto after = before;
  CHECK(changed_restart_keys(example::table(), before, after).empty());
  after.server.verbose = false;
  CHECK(changed_restart_keys(example::table(), before, after).empty());
  after.server.workers = 2;
  after.server.listen.clear();
  CHECK(changed_restart_keys(example::table(), before, after) ==
        std::vector<std::string>{"server.listen", "server.workers"});
}

TEST_CASE("in a table marked as a whole, elements that come and go need a restart") {
  Table<example::Config> table;
  table.map("upstream", &example::Config::upstreams, example::upstream_table()).reload(false);
  table.array("limit", &example::Config::limits, example::limit_table()).reload(false);
  example::Config before;
  before.upstreams["gone"];
  before.upstreams["stays"];
  example::Config after;
  after.upstreams["stays"].reuse = true;
  after.limits.emplace_back();
  CHECK(changed_restart_keys(table, before, after) ==
        std::vector<std::string>{"upstream.gone", "upstream.stays.reuse", "limit[0]"});
}
