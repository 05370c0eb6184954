#include "pkg/daemon/status_page.hh"

#include <catch2/catch.hpp>

#include "pkg/daemon/live_page.hh"
#include "pkg/daemon/page_assets.hh"
#include "pkg/daemon/rate_history.hh"
#include "tests/unit/aio_run.hh"

using namespace weir;
using namespace weir::daemon;
using namespace std::chrono_literals;

namespace {

using Cell = StatusPage::Cell;
using Tone = StatusPage::Tone;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Takes what is written, and ends after a number of pieces.
class Recorder final : public http::BodyWriter {
 public:
  explicit Recorder(size_t pieces) : left_(pieces) {}
  aio::Task<Result<>> write(std::string_view piece) override {
    text += piece;
    if (--left_ == 0) co_return fail(Errc::closed, "enough");
    co_return Result<>();
  }
  std::string text;

 private:
  size_t left_;
};

}  // namespace

TEST_CASE("what a page is given is text and is escaped") {
  StatusPage page("<n>", "\"v\"");
  page.state("<s>", Tone::good);
  page.figure("<a>", "<b>", "<c>");
  page.table("<t>", {"<h>"}, {{Cell::state("<x>", Tone::bad, "<why>")}, {Cell("<plain>")}});
  page.groups("<g>", {"<h>"}, {{.name = "<p>", .state = "<q>", .detail = "<r>", .rows = {}}});
  const std::string html = page.html();
  for (const char* raw : {"<n>", "<s>", "<a>", "<b>", "<c>", "<t>", "<h>", "<x>", "<why>", "<plain>", "<g>",
                          "<p>", "<q>", "<r>"})
    CHECK_FALSE(contains(html, raw));
  CHECK(contains(html, "&lt;why&gt;"));
}

TEST_CASE("nothing on a page is inline, as its policy demands") {
  StatusPage page("n", "v");
  page.figure("rate", "1/s", "", {1, 2, 3});
  page.groups("g", {"h"}, {{.name = "p", .rows = {{Cell::part(0.5)}}}});
  const std::string html = page.html();
  CHECK_FALSE(contains(html, "style="));
  CHECK_FALSE(contains(html, "<style"));
  CHECK_FALSE(contains(html, "<script>"));
  CHECK_FALSE(contains(kPagePolicy, "unsafe"));
}

TEST_CASE("a state is a colour and a word, with why") {
  StatusPage page("n", "v");
  page.table("t", {"State"}, {{Cell::state("ejected", Tone::bad, "5 errors in a row")}});
  CHECK(
      contains(page.html(), "<span class=\"badge bad\">ejected</span><span class=\"why\">5 errors in a row"));
}

TEST_CASE("cards have ids that are theirs alone and stay the same") {
  const auto make = [] {
    StatusPage page("n", "v");
    page.table("Head", {}, {});
    page.table("a b", {}, {});
    page.table("a-b", {}, {});
    page.groups("Pools", {}, {{.name = "x"}, {.name = "y"}});
    std::vector<std::string> ids;
    for (const auto& card : page.cards()) {
      CHECK(contains(card.html, "id=\"" + card.id + "\""));
      ids.push_back(card.id);
    }
    return ids;
  };
  CHECK(make() == std::vector<std::string>{"head", "figures", "c-head", "c-a-b", "c-a-b-2", "c-pools",
                                           "c-pools-x", "c-pools-y"});
  CHECK(make() == make());
}

TEST_CASE("numbers are written for people") {
  CHECK(human_rate(0) == "0/s");
  CHECK(human_rate(0.25) == "0.2/s");
  CHECK(human_rate(9.96) == "10/s");
  CHECK(human_rate(1234.4) == "1,234/s");
  CHECK(Cell::part(0.2345).text == "23.4 %");
  CHECK(Cell::of_whole(1, 0).share == 0);
}

TEST_CASE("a rate is what was counted over the last whole interval") {
  RateHistory history;
  const MonotonicTime start{};
  history.sample(1000, start);
  CHECK(history.points().empty());
  CHECK(history.rate() == 0);
  history.sample(1010, start + 1s);
  CHECK(history.points().empty());
  history.sample(1050, start + 5s);
  CHECK(history.rate() == 10);
  history.sample(1050, start + 10s);
  CHECK(history.points() == std::vector<double>{10, 0});
  history.sample(20, start + 15s);
  CHECK(history.rate() == 0);
}

TEST_CASE("a rate history keeps the last points, oldest first") {
  RateHistory history;
  uint64_t total = 0;
  for (size_t i = 0; i <= RateHistory::kPoints + 10; ++i) {
    total += i * 5;
    history.sample(total, MonotonicTime{} + i * RateHistory::kInterval);
  }
  const auto points = history.points();
  REQUIRE(points.size() == RateHistory::kPoints);
  CHECK(points.front() == 11);
  CHECK(points.back() == RateHistory::kPoints + 10);
}

TEST_CASE("a live page sends all cards first, then those that change") {
  run([](aio::Loop& loop) -> aio::Task<> {
    int renderings = 0;
    LivePage live(loop, [&renderings] {
      StatusPage page("n", "v");
      page.figure("renderings", std::to_string(++renderings));
      page.table("still", {"a"}, {{Cell("b")}});
      return page;
    });
    Recorder out(3);  // "retry", everything, the change
    co_await live.serve(out);
    CHECK(renderings == 2);
    const size_t second = out.text.rfind("event: cards");
    CHECK(contains(out.text.substr(0, second), "c-still\":"));
    CHECK(contains(out.text.substr(second), "\"figures\":"));
    CHECK_FALSE(contains(out.text.substr(second), "\"c-still\":"));
  });
}

TEST_CASE("two who look at once share a rendering") {
  run([](aio::Loop& loop) -> aio::Task<> {
    int renderings = 0;
    LivePage live(loop, [&renderings] {
      ++renderings;
      return StatusPage("n", "v");
    });
    Recorder one(2);
    Recorder two(2);
    co_await live.serve(one);
    co_await live.serve(two);
    CHECK(renderings == 1);
    CHECK(one.text == two.text);
  });
}
