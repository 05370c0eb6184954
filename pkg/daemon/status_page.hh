// The status page: one look for all daemons. A Service adds its figures, tables and groups; everything given
// is text and is escaped here. The page is a list of cards with ids that stay the same from one rendering to
// the next, so that what changed can be sent and put in its place.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace weir::daemon {

class StatusPage {
 public:
  // What a state is to an operator. It is always shown as colour and word.
  enum class Tone {
    plain,    // no state
    good,     // up, closed
    warning,  // it needs an eye: half-open, not ready
    bad,      // down, ejected, open
    info,     // on its way: draining, slow start
    muted,    // out on purpose: disabled
  };

  struct Cell {
    std::string text;
    Tone tone = Tone::plain;  // another than plain makes it a badge
    bool is_number = false;
    std::string why = {};             // beside a badge, in small
    double share = -1;                // a part of a whole, 0 to 1, drawn as a bar; negative: none
    std::vector<double> points = {};  // drawn as a small line

    Cell(std::string value, Tone state = Tone::plain) : text(std::move(value)), tone(state) {}
    static Cell state(std::string word, Tone tone, std::string why = {});
    static Cell number(uint64_t value);
    static Cell of_whole(uint64_t value, uint64_t whole);                  // "12 / 100" and a bar
    static Cell part(double share);                                        // "23.4 %" and a bar
    static Cell seconds(double value);                                     // "1.2 ms"
    static Cell rate(double per_second, std::vector<double> points = {});  // "1,234/s" and a line
    static Cell blank();                                                   // where a number has no meaning
  };
  using Columns = std::vector<std::string>;
  using Rows = std::vector<std::vector<Cell>>;

  // Rows that belong together, such as the servers of a pool.
  struct Group {
    std::string name;
    std::string state = {};  // beside the name: "3 of 4 up"
    Tone tone = Tone::plain;
    std::string detail = {};  // "round robin, 12 in flight"
    Rows rows = {};
    bool is_open = true;  // at first; who looks may fold it
  };

  StatusPage(std::string_view name, std::string_view version);

  void state(std::string_view text, Tone tone);  // beside the name
  // A figure at the top of the page.
  void figure(std::string_view label, std::string_view value, std::string_view detail = {},
              const std::vector<double>& points = {});
  void table(std::string_view title, const Columns& columns, const Rows& rows);
  void groups(std::string_view title, const Columns& columns, const std::vector<Group>& groups);

  struct Card {
    std::string id;
    std::string html;  // one element with that id
  };
  std::vector<Card> cards() const;
  std::string html() const;  // the whole page; it refreshes itself where there is no JavaScript

 private:
  std::string unique_id(std::string_view title);

  std::string name_;
  std::string version_;
  std::string state_;
  std::string figures_;
  std::vector<Card> cards_;  // below the figures
  std::set<std::string> ids_{"head", "figures", "link"};
};

// "12,345"
std::string with_separators(uint64_t value);
// "3 d 4 h", "12 min", "42 s"
std::string human_duration(double seconds);
// "0.3/s", "1,234/s"
std::string human_rate(double per_second);

}  // namespace weir::daemon
