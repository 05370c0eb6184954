#include "pkg/daemon/status_page.hh"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "pkg/base/text.hh"

namespace weir::daemon {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
}

// <TAG class="CLASS">text</TAG>
void append_element(std::string& out, std::string_view tag, std::string_view css_class,
                    std::string_view text) {
  out.append("<").append(tag).append(" class=\"").append(css_class).append("\">");
  append_escaped(out, text);
  out.append("</").append(tag).append(">");
}

std::string_view class_of(StatusPage::Tone tone) {
  switch (tone) {
    case StatusPage::Tone::plain:
      return "";
    case StatusPage::Tone::good:
      return "good";
    case StatusPage::Tone::warning:
      return "warning";
    case StatusPage::Tone::bad:
      return "bad";
    case StatusPage::Tone::info:
      return "info";
    case StatusPage::Tone::muted:
      return "muted";
  }
  return "";
}

void append_badge(std::string& out, std::string_view text, StatusPage::Tone tone) {
  append_element(out, "span", "badge " + std::string(class_of(tone)), text);
}

std::string format(const char* pattern, double value) {
  char text[64];
  snprintf(text, sizeof text, pattern, value);
  return text;
}

void append_bar(std::string& out, double share) {
  const int width = static_cast<int>(std::clamp(share, 0.0, 1.0) * 56 + 0.5);
  out += "<svg class=\"share\" viewBox=\"0 0 56 6\" aria-hidden=\"true\"><rect width=\"" +
         std::to_string(width) + "\" height=\"6\"></rect></svg>";
}

bool has_line(const std::vector<double>& points) {
  return points.size() > 1 && std::ranges::any_of(points, [](double point) { return point > 0; });
}

// A line from the oldest point to the newest over its area, as high as its highest point.
void append_line(std::string& out, const std::vector<double>& points) {
  constexpr double kWidth = 120;
  constexpr double kHeight = 24;
  if (!has_line(points)) return;
  const double highest = *std::ranges::max_element(points);
  std::string line;
  for (size_t i = 0; i < points.size(); ++i) {
    const double x = kWidth * static_cast<double>(i) / static_cast<double>(points.size() - 1);
    const double y = kHeight - (kHeight - 2) * std::clamp(points[i] / highest, 0.0, 1.0);
    line += (line.empty() ? "" : " ") + format("%.1f", x) + "," + format("%.1f", y);
  }
  out += "<svg class=\"spark\" viewBox=\"0 0 120 24\" preserveAspectRatio=\"none\" aria-hidden=\"true\">";
  out += "<polygon points=\"0,24 " + line + " 120,24\"></polygon><polyline points=\"" + line +
         "\"></polyline></svg>";
}

constexpr size_t kLongText = 20;

void append_cell(std::string& out, const StatusPage::Cell& cell) {
  out += cell.is_number ? "<td class=\"n\"" : "<td";
  if (cell.text.size() > kLongText) {  // the first column may be cut
    out += " title=\"";
    append_escaped(out, cell.text);
    out += '"';
  }
  out += '>';
  const bool is_drawn = cell.share >= 0 || !cell.points.empty();
  if (cell.tone != StatusPage::Tone::plain) {
    append_badge(out, cell.text, cell.tone);
    if (!cell.why.empty()) append_element(out, "span", "why", cell.why);
  } else if (is_drawn) {
    out += "<span class=\"drawn\">";
    append_line(out, cell.points);
    append_element(out, "span", "text", cell.text);
    if (cell.share >= 0) append_bar(out, cell.share);
    out += "</span>";
  } else {
    append_escaped(out, cell.text);
  }
  out += "</td>";
}

void append_table(std::string& out, std::string_view title, const StatusPage::Columns& columns,
                  const StatusPage::Rows& rows) {
  if (rows.empty()) {
    out += "<div class=\"empty\">None.</div>";
    return;
  }
  // It can be scrolled, so it can be reached by the keyboard.
  out += "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"";
  append_escaped(out, title);
  out += "\"><table><thead><tr>";
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool is_number = i < rows.front().size() && rows.front()[i].is_number;
    out += is_number ? "<th class=\"n\">" : "<th>";
    append_escaped(out, columns[i]);
    out += "</th>";
  }
  out += "</tr></thead><tbody>";
  for (const auto& row : rows) {
    out += "<tr>";
    for (const StatusPage::Cell& cell : row) append_cell(out, cell);
    out += "</tr>";
  }
  out += "</tbody></table></div>";
}

}  // namespace

std::string with_separators(uint64_t value) {
  std::string digits = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), 1, ',');
  return digits;
}

std::string human_duration(double seconds) {
  const auto whole = static_cast<uint64_t>(seconds);
  if (whole < 120) return std::to_string(whole) + " s";
  if (whole < 7200) return std::to_string(whole / 60) + " min";
  if (whole < 172800) return std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
  return std::to_string(whole / 86400) + " d " + std::to_string(whole / 3600 % 24) + " h";
}

std::string human_rate(double per_second) {
  if (!(per_second > 0)) return "0/s";
  if (per_second < 9.95) return format("%.1f/s", per_second);
  return with_separators(static_cast<uint64_t>(std::llround(std::min(per_second, 1e15)))) + "/s";
}

using Cell = StatusPage::Cell;

Cell Cell::state(std::string word, Tone tone, std::string why) {
  Cell cell(std::move(word), tone);
  cell.why = std::move(why);
  return cell;
}

Cell Cell::number(uint64_t value) {
  Cell cell(with_separators(value));
  cell.is_number = true;
  return cell;
}

Cell Cell::of_whole(uint64_t value, uint64_t whole) {
  Cell cell(with_separators(value) + " / " + with_separators(whole));
  cell.is_number = true;
  cell.share = whole == 0 ? 0 : static_cast<double>(value) / static_cast<double>(whole);
  return cell;
}

Cell Cell::part(double share) {
  Cell cell(format("%.1f %%", share * 100));
  cell.is_number = true;
  cell.share = std::max(share, 0.0);
  return cell;
}

Cell Cell::seconds(double value) {
  Cell cell(value <= 0      ? "\u2013"
            : value < 0.001 ? format("%.0f \u00b5s", value * 1e6)
            : value < 1     ? format("%.1f ms", value * 1e3)
                            : format("%.2f s", value));
  cell.is_number = true;
  return cell;
}

Cell Cell::rate(double per_second, std::vector<double> points) {
  Cell cell(human_rate(per_second));
  cell.is_number = true;
  cell.points = std::move(points);
  return cell;
}

Cell Cell::blank() {
  Cell cell("");
  cell.is_number = true;
  return cell;
}

StatusPage::StatusPage(std::string_view name, std::string_view version) : name_(name), version_(version) {}

void StatusPage::state(std::string_view text, Tone tone) {
  state_.clear();
  append_badge(state_, text, tone);
}

void StatusPage::figure(std::string_view label, std::string_view value, std::string_view detail,
                        const std::vector<double>& points) {
  figures_ += "<div class=\"figure\">";
  append_element(figures_, "div", "label", label);
  append_element(figures_, "div", "value", value);
  append_element(figures_, "div", "detail", detail);
  append_line(figures_, points);
  figures_ += "</div>";
}

// Letters and digits of the title; a second of the same name gets a number.
std::string StatusPage::unique_id(std::string_view title) {
  std::string id = "c-";
  for (const char c : title) id += is_digit(c) || is_alpha(c) ? ascii_lower(c) : '-';
  std::string unique = id;
  for (int i = 2; !ids_.insert(unique).second; ++i) unique = id + "-" + std::to_string(i);
  return unique;
}

void StatusPage::table(std::string_view title, const Columns& columns, const Rows& rows) {
  Card card{unique_id(title), {}};
  std::string& out = card.html;
  out += "<details class=\"card\" id=\"" + card.id + "\" open=\"\"><summary>";
  append_element(out, "span", "title", title);
  if (!rows.empty()) append_element(out, "span", "count", with_separators(rows.size()));
  out += "</summary>";
  append_table(out, title, columns, rows);
  out += "</details>";
  cards_.push_back(std::move(card));
}

void StatusPage::groups(std::string_view title, const Columns& columns, const std::vector<Group>& groups) {
  Card heading{unique_id(title), {}};
  heading.html = "<h2 id=\"" + heading.id + "\">";
  append_escaped(heading.html, title);
  heading.html += "</h2>";
  cards_.push_back(std::move(heading));
  for (const Group& group : groups) {
    Card card{unique_id(std::string(title) + "-" + group.name), {}};
    std::string& out = card.html;
    out += "<details class=\"card\" id=\"" + card.id + (group.is_open ? "\" open=\"\"" : "\"") + "><summary>";
    append_element(out, "span", "title", group.name);
    if (!group.state.empty()) append_badge(out, group.state, group.tone);
    if (!group.detail.empty()) append_element(out, "span", "detail", group.detail);
    out += "</summary>";
    append_table(out, group.name, columns, group.rows);
    out += "</details>";
    cards_.push_back(std::move(card));
  }
}

std::vector<StatusPage::Card> StatusPage::cards() const {
  Card head{"head", "<header id=\"head\"><h1>"};
  append_escaped(head.html, name_);
  head.html += "</h1>" + state_;
  append_element(head.html, "span", "version", version_);
  head.html +=
      "<nav><a href=\"/metrics\">metrics</a><a href=\"/config\">config</a><a href=\"/api\">api</a></nav>"
      "</header>";
  std::vector<Card> all{std::move(head)};
  all.push_back({"figures", "<div class=\"figures\" id=\"figures\">" + figures_ + "</div>"});
  all.insert(all.end(), cards_.begin(), cards_.end());
  return all;
}

std::string StatusPage::html() const {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>";
  append_escaped(out, name_);
  out +=
      "</title><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<link rel=\"icon\" href=\"/icon.svg\"><link rel=\"stylesheet\" href=\"/status.css\">"
      "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"
      "<script src=\"/live.js\" defer></script></head>\n<body><main>";
  for (const Card& card : cards()) out += card.html + "\n";
  out +=
      "</main><footer><span id=\"link\" role=\"status\"></span>"
      "<noscript>Refreshes every five seconds.</noscript></footer></body></html>\n";
  return out;
}

}  // namespace weir::daemon
