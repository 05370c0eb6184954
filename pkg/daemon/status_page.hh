// The status page: one look for all daemons. A Service adds its figures and tables; everything given is text
// and is escaped here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::daemon {

class StatusPage {
 public:
  // A cell of a table. A tone other than plain makes it a badge.
  enum class Tone { plain, good, warning, bad };
  struct Cell {
    std::string text;
    Tone tone = Tone::plain;
    bool is_number = false;
    // A part of a whole, 0 to 1, drawn as a bar behind the text; negative: none.
    double share = -1;

    Cell(std::string value, Tone state = Tone::plain) : text(std::move(value)), tone(state) {}
    static Cell number(uint64_t value);
    static Cell of_whole(uint64_t value, uint64_t whole);
    static Cell seconds(double value);  // "1.2 ms"
  };

  StatusPage(std::string_view name, std::string_view version);

  // A figure at the top of the page.
  void figure(std::string_view label, std::string_view value, std::string_view detail = {});
  void table(std::string_view title, const std::vector<std::string>& columns,
             const std::vector<std::vector<Cell>>& rows);
  void state(std::string_view text, Tone tone);  // beside the name
  std::string html() const;

 private:
  std::string name_;
  std::string version_;
  std::string state_;
  std::string figures_;
  std::string tables_;
};

// "12,345"
std::string with_separators(uint64_t value);
// "3 d 4 h", "12 min", "42 s"
std::string human_duration(double seconds);

}  // namespace weir::daemon
