#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "pkg/config/document.hh"
#include "tests/unit/config_example.hh"

using namespace weir;
using namespace weir::config;
using example::MemoryFiles;

namespace {

std::string errors_of_files(std::map<std::string, std::string> contents) {
  const MemoryFiles files(std::move(contents));
  const auto outcome = load(example::table(), {"x.toml", {}, {}, &files});
  if (outcome) return "no errors";
  std::string all;
  for (const Problem& problem : outcome.error()) all += render(problem) + "\n";
  return all;
}

std::string errors_of(std::string text) {
  return errors_of_files({{"x.toml", std::move(text)}});
}

// Only the first line of each error.
std::string heads_of(std::string text) {
  const MemoryFiles files({{"x.toml", std::move(text)}});
  const auto outcome = load(example::table(), {"x.toml", {}, {}, &files});
  if (outcome) return "no errors";
  std::string all;
  for (Problem problem : outcome.error()) {
    problem.excerpt.clear();
    all += render(problem) + "\n";
  }
  return all;
}

}  // namespace

TEST_CASE("a problem is shown with its line and a caret") {
  CHECK(errors_of("[server]\nverbose = true\n  lisen = \"127.0.0.1:80\"\n") ==
        "x.toml:3:3: unknown key \"lisen\" in [server]; did you mean \"listen\"?\n"
        "    lisen = \"127.0.0.1:80\"\n"
        "    ^\n");
}

TEST_CASE("columns and carets count characters, not bytes") {
  CHECK(errors_of("server = { \"\xc3\xa4\xc3\xb6\" = 1, verbose = 3 }") ==
        "x.toml:1:12: unknown key \"\xc3\xa4\xc3\xb6\" in [server]\n"
        "  server = { \"\xc3\xa4\xc3\xb6\" = 1, verbose = 3 }\n"
        "             ^\n"
        "x.toml:1:32: expected true or false, found an integer\n"
        "  server = { \"\xc3\xa4\xc3\xb6\" = 1, verbose = 3 }\n"
        "                                 ^\n");
}

TEST_CASE("every kind of mistake has its message and its place") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"titel = 1", "x.toml:1:1: unknown key \"titel\"; did you mean \"title\"?"},
      {"inclde = 1", "x.toml:1:1: unknown key \"inclde\"; did you mean \"include\"?"},
      {"[sever]", "x.toml:1:2: unknown table \"sever\"; did you mean \"server\"?"},
      {"zzz = 1", "x.toml:1:1: unknown key \"zzz\""},
      {"title = 1", "x.toml:1:9: expected a string, found an integer"},
      {"title = \"a\\u0000b\"", "x.toml:1:9: a string must not hold a NUL character"},
      {"title = 2026-01-01", "x.toml:1:9: expected a string, found a date or time"},
      {"server = 3", "x.toml:1:1: expected a table [server], found an integer"},
      {"limit = 3", "x.toml:1:1: expected an array of tables [[limit]], found an integer"},
      {"[limit]", "x.toml:1:2: expected an array of tables [[limit]], found a table"},
      {"limit = [1]", "x.toml:1:10: expected a table [[limit]], found an integer"},
      {"upstream.app = 1", "x.toml:1:10: expected a table [upstream.app], found an integer"},
      {"upstream = 1", "x.toml:1:1: expected a table [upstream.NAME], found an integer"},
      {"[upstream.\"\"]\nservers = [\"h:1\"]",
       "x.toml:1:11: a name must not be empty or hold a NUL character"},
      {"server.drain_timeout = 30", "x.toml:1:24: expected a duration such as \"30s\", found an integer"},
      {"server.drain_timeout = \"30 s\"",
       "x.toml:1:24: \"30 s\" is not a duration; write it like \"500ms\", \"30s\" or \"1h30m\""},
      {"server.drain_timeout = \"2h\"", "x.toml:1:24: expected a duration from 1s to 1h, found 2h"},
      {"server.drain_timeout = \"999ms\"", "x.toml:1:24: expected a duration from 1s to 1h, found 999ms"},
      {"server.max_body = true", "x.toml:1:19: expected a size such as \"10MiB\", found a boolean"},
      {"server.max_body = \"2GiB\"", "x.toml:1:19: expected a size from 0 to 1GiB, found 2GiB"},
      {"server.max_body = -1", "x.toml:1:19: expected a size from 0 to 1GiB, found -1"},
      {"server.max_body = \"9223372036854775808\"",
       "x.toml:1:19: a size of at most 2^63 - 1 bytes is possible"},
      {"server.workers = -1", "x.toml:1:18: expected an integer from 0 to 1024, found -1"},
      {"server.workers = 1.0", "x.toml:1:18: expected an integer, found a number"},
      {"server.niceness = 2147483648",
       "x.toml:1:19: expected an integer from -2147483648 to 2147483647, found 2147483648"},
      {"server.sampling = 1.5", "x.toml:1:19: expected a number from 0.0 to 1.0, found 1.5"},
      {"server.sampling = nan", "x.toml:1:19: expected a finite number"},
      {"server.sampling = \"1\"", "x.toml:1:19: expected a number, found a string"},
      {"server.verbose = 1", "x.toml:1:18: expected true or false, found an integer"},
      {"server.listen = \"127.0.0.1:1\"",
       "x.toml:1:17: expected an array, found a string; put it in brackets: [...]"},
      {"server.listen = [1]",
       "x.toml:1:18: expected an address such as \"127.0.0.1:8080\", found an integer"},
      {"server.listen = []", "x.toml:1:17: expected at least 1 of \"listen\", found 0"},
      {"limit = [{ name = \"a\", key = [\"a\",\"b\",\"c\",\"d\",\"e\"] }]",
       "x.toml:1:30: expected at most 4 of \"key\", found 5"},
      {"limit = [{ name = \"a\", rate = \"7\" }]",
       "x.toml:1:31: \"7\" is not a rate; write it like \"10/s\""},
      {"limit = [{ name = \"a\", algorithm = \"token_buckt\" }]",
       "x.toml:1:36: expected one of \"token_bucket\", \"leaky_bucket\", \"fixed_window\", "
       "found \"token_buckt\"; did you mean \"token_bucket\"?"},
      {"\n[[limit]]\nburst = 1", "x.toml:2:1: missing required key \"name\" in [[limit]]"},
      {"[upstream.app]", "x.toml:1:1: missing required key \"servers\" in [upstream.app]"},
      {"[[limit]]\nname = \"a\"\n[[limit]]\nname = \"a\"",
       "x.toml:4:8: duplicate name \"a\"; the first is at x.toml:2:8"},
      {"upstream.a = { servers = [\"h:1\"], headers = 1 }",
       "x.toml:1:45: expected a table, found an integer"},
      {"[[limit]]\nname = \"a\"\nburst = 100001", "x.toml:3:9: a burst of more than 1000 times the rate"},
      {"title = \"a\" \"b\"", "x.toml:1:13: syntax error"},
      {"title = \"a", "x.toml:1:11: syntax error"},
      {"title = \"a\"\ntitle = \"b\"",
       "x.toml:2:9: syntax error parsing key-value pair: cannot redefine existing string 'title'"},
      {"\xc7\xa1 = 1", "x.toml:1:1: a character that may stand only in a string or a comment"},
      {"# ok\ntitle = \xc7\xa1", "x.toml:2:9: a character that may stand only in a string or a comment"},
      {"title = \"\\\xc3\xa4\"", "x.toml:1:11: a backslash before a character that needs none"},
      {"title = \"\"\"\n\\\xc3\xa4\"\"\"", "x.toml:2:2: a backslash before a character that needs none"},
      {"title = \"\"\"a \\ \r\n \n  \xc3\xa4\"\"\"",
       "x.toml:3:3: a line after one that ends in a backslash must begin with an ASCII character"},
      {"title = 1\"\xc3\xa4\"", "x.toml:1:10: a character that may not stand inside a value without quotes"},
      {"trusted = [1.'\xc3\xa4']",
       "x.toml:1:14: a character that may not stand inside a value without quotes"},
      {"title = 1{\"\xc3\xa4\"}",
       "x.toml:1:10: a character that may not stand inside a value without quotes"},
      {"title = \"\xff\"", "x.toml:1:10: not valid UTF-8"},
      {"title = \"\xed\xa0\x80\"", "x.toml:1:10: not valid UTF-8"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    CHECK_THAT(heads_of(text), Catch::StartsWith(expected));
  }
}

TEST_CASE("all mistakes are reported at once, in the order of the file") {
  CHECK(
      heads_of(
          "title = 1\n[server]\nworkers = \"x\"\nlisen = 1\n[[limit]]\n[upstream.a]\nservers = [\"nope\"]") ==
      "x.toml:1:9: expected a string, found an integer\n"
      "x.toml:3:11: expected an integer, found a string\n"
      "x.toml:4:1: unknown key \"lisen\" in [server]; did you mean \"listen\"?\n"
      "x.toml:5:1: missing required key \"name\" in [[limit]]\n" +
          std::string("x.toml:7:12: ") + Address::parse_connect("nope").error().message + "\n");
}

TEST_CASE("a check is silent beside a value that could not be read") {
  CHECK(heads_of("[[limit]]\nname = \"a\"\nburst = 100001\nrate = 3") ==
        "x.toml:4:8: expected a string, found an integer\n");
}

TEST_CASE("after a hundred problems the rest are only mentioned") {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "zz" + std::to_string(i) + " = 1\n";
  const std::string errors = heads_of(text);
  CHECK(std::ranges::count(errors, '\n') == 101);
  CHECK(errors.ends_with("\nand more problems than are shown\n"));
}

TEST_CASE("a file that cannot be read is an error of its own") {
  CHECK(errors_of_files({}) == "cannot read x.toml: no such file\n");
}

TEST_CASE("problems as JSON carry everything an editor needs") {
  const std::map<std::string, std::string> contents = {{"x.toml", "titel = 1"}};
  const MemoryFiles files(contents);
  const auto outcome = load(example::table(), {"x.toml", {}, {}, &files});
  REQUIRE_FALSE(outcome);
  CHECK(to_json(outcome.error()) ==
        R"([{"file":"x.toml","line":1,"column":1,"path":"titel","message":"unknown key \"titel\"",)"
        R"("suggestion":"did you mean \"title\"?"}])");
}

TEST_CASE("a line that may hold a secret is never shown") {
  const std::vector<std::string> texts = {
      "[tls]\npassword = 12345",
      "[tls]\npasword = \"hunter2\"",
      "[tls]\npassword = \"hunter2",
      "tls = { certificate = 1, password = \"hunter2\" }",
      "[tls]\ntokens = [\n\"fine\",\n12345 ]",
      "[tls]\ntokens = [\n\"hunter2\",\n\"hunter2 ]",
      "[tls]\ntokens = \"hunter2\"",
      "[tls]\npassword = \"\"\"\nhunter2\nhunter2 \\q\n\"\"\"",
      "[tls]\npassword = \"hunter2\"\npassword_file = \"hunter2\"",
      "[tls]\npassword_file = 12345",
      "[tls]\npassword_file = \"missing\"",
      "[tls]\ntokens = [\"hunter2\", \"hunter2\", \"hunter2\", \"hunter2\"]",
      "[tls]\nPASSWORD = \"hunter2\"",
      "[tls]\npassword = hunter2",
      "[tls]\n\"password\" = \"hunter2\" \"hunter2\"",
  };
  for (const std::string& text : texts) {
    const std::string errors = errors_of(text);
    INFO(text << "\n" << errors);
    CHECK(errors != "no errors");
    CHECK(errors.find("hunter2") == std::string::npos);
    CHECK(errors.find("12345") == std::string::npos);
    CHECK(std::ranges::count(errors, '\n') == 1);
  }
}

TEST_CASE("what a file holds cannot steer a terminal") {
  const std::string errors = errors_of("title = 1 # \x1b[2J \xc2\x9b\n\"\\u001b\\u009b\" = 1");
  CHECK(errors.find('\x1b') == std::string::npos);
  CHECK(errors.find("\xc2\x9b") == std::string::npos);
}

TEST_CASE("a long line is shown around the place in question") {
  const std::string errors = errors_of("trusted = [ " + std::string(4000, ' ') + "7, 8]");
  const auto lines = split(errors, '\n');
  REQUIRE(lines.size() >= 3);
  CHECK(lines[1].size() < 120);
  CHECK(lines[1][lines[2].find('^')] == '7');
}

TEST_CASE("hostile input is refused or read, and never more") {
  const auto repeat = [](std::string_view what, size_t times) {
    std::string out;
    for (size_t i = 0; i < times; ++i) out += what;
    return out;
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a" + repeat(".a", 200'000) + " = 1", "x.toml:1:32: a dotted key of more than 16 parts"},
      {"[a" + repeat(".a", 200'000) + "]", "x.toml:1:33: a dotted key of more than 16 parts"},
      {"a" + repeat(" . \"a\"", 200) + " = 1", "x.toml:"},
      {"x = " + repeat("[", 100'000), "x.toml:1:21: nested more than 16 deep"},
      {"x = " + repeat("{a=", 100'000), "x.toml:1:"},
      {std::string(3, '\0'), "x.toml:1:1: syntax error"},
      {"x = " + repeat("9", 10'000), "x.toml:1:"},
      {"x = \"" + repeat("a", 500'000) + "\"", "x.toml:1:1: unknown key \"x\""},
      {"\"" + repeat("a", 500'000) + "\" = 1", "x.toml:1:1: unknown key \"aaaa"},
      {repeat("[", 50), "x.toml:1:17: nested more than 16 deep"},
      {repeat("\"", 7), "x.toml:1:"},
      {"x = \"\"\"\"\"a\"\"\"\"\" \xc7\xa1", "x.toml:1:17: a character that may stand only in a string"},
      {"x = '''''a''''' \xc7\xa1", "x.toml:1:17: a character that may stand only in a string"},
      {"x = \"\\\"\" \xc7\xa1", "x.toml:1:10: a character that may stand only in a string"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text.substr(0, 100));
    CHECK_THAT(heads_of(text), Catch::StartsWith(expected));
  }
}

TEST_CASE("what TOML allows passes the guard") {
  const std::vector<std::string> texts = {
      "\xef\xbb\xbftitle = \"\xc3\xa4\" # \xc3\xa4\n",
      "1.\"\xc3\xa4\" = 1\n[a.'\xc3\xa4'.\"\xc3\xa4\"]\n[[ \"\xc3\xa4\" ]]",
      "a = "
      "{b=\"\xc3\xa4\",\"\xc3\xa4\".\"\xc3\xb6\"=['\xc3\xa4',\"\xc3\xa4\"],c=[[1.5,-0.5],[{d='\xc3\xa4'}]]}",
      "a = [\n1, # \xc3\xa4\n\"\xc3\xa4\",\n]\n\"\xc3\xa4\" = 2026-01-01 10:00:00.5\nb = '''\xc3\xa4'\n'''",
      "a = \"\"\"x \\\n  y\n\xc3\xa4\\\"\"\"\"\"",
      "a = [" + std::string(2000, ' ') +
          "1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0,1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0]",
  };
  for (const std::string& text : texts) {
    INFO(text);
    const auto document = detail::parse_document(text, "x.toml");
    if (!document) UNSCOPED_INFO(document.error().message);
    CHECK(document);
  }
}

TEST_CASE("a list holds at most its limit of values") {
  std::string list = "trusted = [";
  for (int i = 0; i < 65'537; ++i) list += "\"::1\",";
  CHECK(heads_of(list + "]") == "x.toml:1:11: expected at most 65536 of \"trusted\", found 65537\n");
}

TEST_CASE("a text of more than 1 MiB is not parsed") {
  CHECK_FALSE(detail::guard(std::string(detail::kMaxFileBytes + 1, '#')));
  CHECK(detail::guard(std::string(detail::kMaxFileBytes, '#')));
}

TEST_CASE("real files: too large, a directory, a pipe, not there") {
  namespace fs = std::filesystem;
  std::string pattern = (fs::temp_directory_path() / "weir-config-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  const fs::path folder = pattern;
  std::ofstream(folder / "large") << std::string((1 << 20) + 1, '#');
  std::ofstream(folder / "[odd].toml") << "[server]\nworkers = 3\n";
  std::ofstream(folder / "main.toml") << "include = [\"[[]odd*.toml\"]\n";
  fs::create_directory(folder / "directory");
  REQUIRE(std::system(("mkfifo " + (folder / "pipe").string()).c_str()) == 0);
  const Files& files = real_files();
  CHECK(files.read(folder / "large", 1 << 20, true).error().message.ends_with("large: larger than 1MiB"));
  CHECK(files.read(folder / "directory", 1, true).error().message.ends_with("it is a directory"));
  CHECK(files.read(folder / "pipe", 1, false).error().message.ends_with("it is not a regular file"));
  CHECK(files.read(folder / "none", 1, false).error().message.ends_with("No such file or directory"));
  CHECK(files.read("/dev/zero", 1000, true).error().code == Errc::limit);
  const auto outcome = load(example::table(), {folder / "main.toml", {}, {}, &files});
  fs::remove_all(folder);
  REQUIRE(outcome);
  CHECK(outcome->value.server.workers == 3);
}
