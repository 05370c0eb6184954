#include "pkg/discovery/server_list.hh"

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

using namespace weir;
using namespace weir::discovery;

namespace {

std::string errors_of(const ServerList& list) {
  std::string out;
  if (!list) {
    for (const LineError& error : list.error()) out += render("s", error) + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("servers are read with weights, names and comments") {
  const auto list = parse_server_list(
      "# the pool\n"
      "\n"
      "10.0.0.1:80\n"
      "\t[fd00::1]:81  name=b#1 weight=3 # big\r\n"
      "app.test:82 weight=65535#\n"
      "  # app.test:83\n"
      "unix:/run/app.sock name=local");
  CHECK(errors_of(list) == "s:5: \"65535#\" is not a weight from 0 to 65535\n");
  const auto good = parse_server_list(
      "10.0.0.1:80 weight=0\n\t[fd00::1]:81  name=b#1 weight=3 # big\r\napp.test:82 weight=65535 "
      "#\nunix:/run/app.sock name=local");
  INFO(errors_of(good));
  REQUIRE(good);
  REQUIRE(good->size() == 4);
  CHECK(good->at(0) == ListedServer{*Address::parse_connect("10.0.0.1:80"), 0, "10.0.0.1:80"});
  CHECK(good->at(1) == ListedServer{*Address::parse_connect("[fd00::1]:81"), 3, "b#1"});
  CHECK(good->at(2) == ListedServer{*Address::parse_connect("app.test:82"), 65535, "app.test:82"});
  CHECK(good->at(3) == ListedServer{*Address::parse_connect("unix:/run/app.sock"), 1, "local"});
}

TEST_CASE("a file without servers is a good list of none") {
  for (const char* text : {"", "\n\n", "# nothing", " \t \n#x\n"}) {
    const auto list = parse_server_list(text);
    REQUIRE(list);
    CHECK(list->empty());
  }
}

TEST_CASE("every error is told with its line") {
  const auto list = parse_server_list(
      "10.0.0.1\n"
      "10.0.0.2:80 weight=65536 name=\n"
      "10.0.0.3:80 weigth=2\n"
      "10.0.0.4:80 weight=1 weight=2 name=x name=y\n"
      "10.0.0.5:80\n"
      "10.0.0.5:80\n"
      "10.0.0.6:80 name=10.0.0.5:80\n"
      "300.0.0.1:80\n"
      "10.0.0.7:80\x01\n"
      "10.0.0.8:0 weight=-1");
  CHECK(errors_of(list) ==
        "s:1: \"10.0.0.1\" has no port; write it like \"127.0.0.1:8080\"\n"
        "s:2: \"65536\" is not a weight from 0 to 65535\n"
        "s:2: \"\" is not a name: 1 to 100 visible characters without quotes\n"
        "s:3: \"weigth=2\" is unknown here; behind the address may stand weight=N and name=TEXT\n"
        "s:4: weight is given twice\n"
        "s:4: name is given twice\n"
        "s:6: the address stands in line 5 already\n"
        "s:7: the name stands in line 5 already\n"
        "s:8: \"300.0.0.1:80\" is not an address; write it like \"127.0.0.1:8080\", \"[::1]:8080\" or "
        "\"unix:/run/x.sock\"\n"
        "s:9: \"10.0.0.7:80?\" is not an address\n"
        "s:10: port 0 cannot be connected to\n"
        "s:10: \"-1\" is not a weight from 0 to 65535\n");
}

TEST_CASE("errors, servers and bytes are bounded") {
  std::string bad;
  for (int i = 0; i < 100; ++i) bad += "nonsense\n";
  const auto many_errors = parse_server_list(bad);
  REQUIRE_FALSE(many_errors);
  CHECK(many_errors.error().size() == kMostLineErrors + 1);
  CHECK(many_errors.error().back() == LineError{0, "and 80 further errors"});

  std::string many;
  for (size_t i = 0; i < kMostListedServers; ++i) many += "h" + std::to_string(i) + ":80\n";
  CHECK(parse_server_list(many)->size() == kMostListedServers);
  CHECK(errors_of(parse_server_list(many + "one:1\ntwo:2\n")) == "s:4097: more than 4096 servers\n");

  CHECK(parse_server_list(std::string(kMostListBytes, '#')));
  CHECK(errors_of(parse_server_list(std::string(kMostListBytes + 1, '#'))) == "s: larger than 1 MiB\n");
}

TEST_CASE("a list is read from its file, and what is no file is an error") {
  char folder[] = "/tmp/weir-test-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/servers";
  CHECK(errors_of(read_server_list(path)) == "s: cannot be read: No such file or directory\n");
  CHECK(errors_of(read_server_list(folder)) == "s: cannot be read: not a file\n");
  std::ofstream(path) << "10.0.0.1:80\n";
  CHECK(read_server_list(path)->size() == 1);
  std::ofstream(path) << std::string(kMostListBytes + 1, '\n');
  CHECK(errors_of(read_server_list(path)) == "s: larger than 1 MiB\n");
  unlink(path.c_str());
  rmdir(folder);
}
