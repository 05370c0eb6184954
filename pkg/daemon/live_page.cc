#include "pkg/daemon/live_page.hh"

#include "pkg/aio/operation.hh"
#include "pkg/base/json.hh"

namespace weir::daemon {

std::string LivePage::html() {
  return make_().html();
}

void LivePage::refresh() {
  if (loop_.now_tick() < due_tick_) return;
  due_tick_ = loop_.in(kInterval).tick();
  ++rendering_;
  std::vector<std::string> order;
  std::map<std::string, Version> cards;
  for (StatusPage::Card& card : make_().cards()) {
    const auto before = cards_.find(card.id);
    const bool is_same = before != cards_.end() && before->second.html == card.html;
    const uint64_t changed = is_same ? before->second.number : rendering_;
    cards[card.id] = {std::move(card.html), changed};
    order.push_back(std::move(card.id));
  }
  if (order != order_) order_changed_ = rendering_;
  order_ = std::move(order);
  cards_ = std::move(cards);
}

std::string LivePage::changes_since(uint64_t rendering) const {
  std::string data;
  JsonWriter json(data);
  bool is_news = order_changed_ > rendering;
  json.begin_object().key("order").begin_array();
  for (const std::string& id : order_) json.string(id);
  json.end_array().key("cards").begin_object();
  for (const auto& [id, version] : cards_) {
    if (version.number <= rendering) continue;
    json.key(id).string(version.html);
    is_news = true;
  }
  json.end_object().end_object();
  return is_news ? "event: cards\ndata: " + data + "\n\n" : "";
}

aio::Task<> LivePage::serve(http::BodyWriter& out) {
  constexpr auto kMostSilence = std::chrono::seconds(15);
  uint64_t seen = 0;
  auto silence_ends = loop_.in(kMostSilence);
  auto sent = co_await out.write("retry: 2000\n\n");
  while (sent) {
    refresh();
    std::string piece = changes_since(seen);
    seen = rendering_;
    if (piece.empty() && loop_.now_tick() >= silence_ends.tick()) piece = ": still here\n\n";
    if (!piece.empty()) {
      sent = co_await out.write(piece);
      if (!sent) co_return;
      silence_ends = loop_.in(kMostSilence);
    }
    const auto slept = co_await aio::sleep_until(aio::Deadline::at(due_tick_));
    if (!slept) co_return;
  }
}

}  // namespace weir::daemon
