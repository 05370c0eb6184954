// The status page as it changes: cards of HTML as server-sent events, for the page's script to put in their
// places. The page is made at most once a second, however many look, and not at all while nobody does.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pkg/aio/loop.hh"
#include "pkg/daemon/status_page.hh"
#include "pkg/http/server.hh"

namespace weir::daemon {

class LivePage {
 public:
  static constexpr Duration kInterval = std::chrono::seconds(1);

  LivePage(aio::Loop& loop, std::function<StatusPage()> make) : loop_(loop), make_(std::move(make)) {}

  // The whole page.
  std::string html();
  // Sends all cards, then those that change.
  aio::Task<> serve(http::BodyWriter& out);

 private:
  struct Version {
    std::string html;
    uint64_t number;  // of the rendering that changed it
  };
  void refresh();
  // One event with the cards that changed after `rendering`, and the order of all; "" where none did.
  std::string changes_since(uint64_t rendering) const;

  aio::Loop& loop_;
  const std::function<StatusPage()> make_;
  std::vector<std::string> order_;
  std::map<std::string, Version> cards_;
  uint64_t rendering_ = 0;
  uint64_t order_changed_ = 0;
  uint64_t due_tick_ = 0;
};

}  // namespace weir::daemon
