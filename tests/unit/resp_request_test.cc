#include "pkg/resp/request.hh"

#include <catch2/catch.hpp>

using namespace weir::resp;

namespace {

using Progress = RequestParser::Progress;
using Command = std::vector<std::string>;

struct Parsed {
  std::vector<Command> commands;
  std::string problem;
  size_t consumed = 0;
};

// Feeds `text` in pieces of `step` bytes; what is consumed goes away, as from a stream's buffer.
Parsed parse(const std::string& text, size_t step, RequestLimits limits = {}) {
  RequestParser parser(limits);
  Parsed out;
  std::string buffer;
  for (size_t at = 0; at < text.size(); at += step) {
    buffer += text.substr(at, step);
    for (;;) {
      const std::string moved = buffer;  // bytes may move between two calls
      const Progress progress = parser.parse(moved);
      if (progress == Progress::need_more) break;
      if (progress == Progress::refused) {
        out.problem = parser.problem();
        return out;
      }
      out.commands.emplace_back(parser.arguments().begin(), parser.arguments().end());
      out.consumed += parser.size();
      buffer.erase(0, parser.size());
    }
  }
  return out;
}

std::string problem_of(const std::string& text, RequestLimits limits = {}) {
  const Parsed whole = parse(text, text.size(), limits);
  const Parsed split = parse(text, 1, limits);
  CHECK(whole.problem == split.problem);
  return whole.problem;
}

}  // namespace

TEST_CASE("commands are read however they are split") {
  const std::string text =
      "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nx\r\ny \r\n*1\r\n$4\r\nPING\r\nget  "
      "a\r\n*2\r\n$0\r\n\r\n$2\r\n\r\n\r\n";
  const std::vector<Command> expected = {{"SET", "a", "x\r\ny "}, {"PING"}, {"get", "a"}, {"", "\r\n"}};
  for (size_t step = 1; step <= text.size(); ++step) {
    const Parsed parsed = parse(text, step);
    CHECK(parsed.commands == expected);
    CHECK(parsed.consumed == text.size());
    CHECK(parsed.problem.empty());
  }
}

TEST_CASE("blank commands have no arguments") {
  CHECK(parse("\r\n*0\r\n*-1\r\n   \n*1\r\n$1\r\na\r\n", 100).commands ==
        std::vector<Command>{{}, {}, {}, {}, {"a"}});
}

TEST_CASE("inline commands may be quoted") {
  const auto words = [](const std::string& line) {
    const Parsed parsed = parse(line + "\n", 100);
    INFO(line << " " << parsed.problem);
    REQUIRE(parsed.commands.size() == 1);
    return parsed.commands[0];
  };
  CHECK(words("set a \"x y\"\r") == Command{"set", "a", "x y"});
  CHECK(words("a\"b c\" 'd'") == Command{"ab c", "d"});
  CHECK(words("\"\\x41\\n\\\"\\q\\x4\"") == Command{"A\n\"qx4"});
  CHECK(words("'\\'\\n'") == Command{"'\\n"});
  CHECK(words("\"\" ''") == Command{"", ""});
  CHECK(words("\t a\vb ") == Command{"a", "b"});
  for (const char* bad : {"\"a", "'a", "\"a\"b", "'a'b", "\"a\\\"", "\"\\"}) {
    INFO(bad);
    CHECK(problem_of(std::string(bad) + "\r\n") == "unbalanced quotes in request");
  }
}

TEST_CASE("what is malformed is refused") {
  CHECK(problem_of("*x\r\n") == "invalid multibulk length");
  CHECK(problem_of("*\r\n") == "invalid multibulk length");
  CHECK(problem_of("*+1\r\n") == "invalid multibulk length");
  CHECK(problem_of("*01\r\n") == "invalid multibulk length");
  CHECK(problem_of("*1 \r\n") == "invalid multibulk length");
  CHECK(problem_of("*1\n") == "invalid multibulk length");
  CHECK(problem_of("*99999999999999999999\r\n") == "invalid multibulk length");
  CHECK(problem_of("*1\r\n:1\r\n") == "expected '$', got ':'");
  CHECK(problem_of("*1\r\n\r\n") == "expected '$', got '?'");
  CHECK(problem_of("*1\r\n$-1\r\n") == "invalid bulk length");
  CHECK(problem_of("*1\r\n$a\r\n") == "invalid bulk length");
  CHECK(problem_of("*1\r\n$1\r\nab\r\n") == "no line end behind an argument");
  CHECK(problem_of("*1\r\n$1\r\na\rb") == "no line end behind an argument");
}

TEST_CASE("what is too large is refused before it is there") {
  const RequestLimits limits{.arguments = 3, .argument_bytes = 10, .command_bytes = 30};
  CHECK(problem_of("*4\r\n", limits) == "invalid multibulk length");
  CHECK(problem_of("*1\r\n$11\r\n", limits) == "invalid bulk length");
  CHECK(problem_of("*2\r\n$10\r\n0123456789\r\n$10\r\n", limits) == "too big command");
  CHECK(problem_of("01234567890", limits) == "too big inline request");
  CHECK(problem_of("a b c d\r\n", limits) == "invalid multibulk length");
  CHECK(problem_of("*" + std::string(40, '1')) == "too big mbulk count string");
  CHECK(problem_of("*1\r\n$" + std::string(40, '1')) == "too big bulk count string");
}

TEST_CASE("the largest command that is allowed passes") {
  const RequestLimits limits{.arguments = 2, .argument_bytes = 8, .command_bytes = 32};
  const std::string text = "*2\r\n$8\r\n01234567\r\n$8\r\n01234567\r\n";
  REQUIRE(text.size() == limits.command_bytes);
  CHECK(parse(text, 1, limits).commands == std::vector<Command>{{"01234567", "01234567"}});
}

TEST_CASE("arguments stand where they were received") {
  const std::string text = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n";
  RequestParser parser;
  REQUIRE(parser.parse(text) == Progress::complete);
  CHECK(parser.arguments()[0].data() == text.data() + 8);
  CHECK(parser.arguments()[1].data() == text.data() + 17);
}
