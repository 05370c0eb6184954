#include "pkg/daemon/status_page.hh"

#include <algorithm>
#include <cstdio>

namespace weir::daemon {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--ink:#1b2430;--soft:#5d6b7a;--line:#dde3ea;--page:#f5f7f9;--card:#fff;--bar:#cfe3f5;
--good:#1a7f4b;--warning:#a66300;--bad:#c0362c;--accent:#1f6fb2}
@media(prefers-color-scheme:dark){:root{--ink:#e4e9ee;--soft:#93a1b0;--line:#2b3640;--page:#12181e;--card:#1a222a;
--bar:#1f4260;--good:#4cc38a;--warning:#e0a33e;--bad:#f0766b;--accent:#6cb4ee}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1200px;margin:0 auto;padding:24px 20px 48px}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:10px 14px;margin-bottom:20px}
h1{font-size:24px;margin:0;letter-spacing:-.01em}
header .version{color:var(--soft)}
header nav{margin-left:auto;display:flex;gap:14px}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-bottom:8px}
.figure,.card{background:var(--card);border:1px solid var(--line);border-radius:10px}
.figure{padding:12px 16px}
.figure .label,.figure .detail{color:var(--soft);font-size:13px}
.figure .value{font-size:24px;font-weight:600;font-variant-numeric:tabular-nums;line-height:1.3}
h2{font-size:16px;margin:28px 0 8px}
.card{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:8px 14px;text-align:left;white-space:nowrap;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:13px}
.n{text-align:right}
.badge{display:inline-block;padding:1px 9px;border-radius:99px;font-size:13px;font-weight:500;border:1px solid currentColor}
.good{color:var(--good)}.warning{color:var(--warning)}.bad{color:var(--bad)}
.whole{display:inline-flex;align-items:center;justify-content:flex-end;gap:8px}
svg.share{width:64px;height:8px;border-radius:4px;background:var(--line)}
svg.share rect{fill:var(--accent)}
footer{margin-top:28px;color:var(--soft);font-size:13px}
)";

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
  }
  return "";
}

void append_badge(std::string& out, std::string_view text, StatusPage::Tone tone) {
  out += "<span class=\"badge ";
  out += class_of(tone);
  out += "\">";
  append_escaped(out, text);
  out += "</span>";
}

void append_cell(std::string& out, const StatusPage::Cell& cell) {
  out += cell.is_number ? "<td class=\"n\">" : "<td>";
  if (cell.tone != StatusPage::Tone::plain) {
    append_badge(out, cell.text, cell.tone);
  } else if (cell.share >= 0) {
    const int width = static_cast<int>(std::min(cell.share, 1.0) * 64 + 0.5);
    out += "<span class=\"whole\">";
    append_escaped(out, cell.text);
    out += " <svg class=\"share\" viewBox=\"0 0 64 8\"><rect width=\"" + std::to_string(width) +
           "\" height=\"8\"/></svg></span>";
  } else {
    append_escaped(out, cell.text);
  }
  out += "</td>";
}

std::string format(const char* pattern, double value) {
  char text[64];
  snprintf(text, sizeof text, pattern, value);
  return text;
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

StatusPage::Cell StatusPage::Cell::number(uint64_t value) {
  Cell cell(with_separators(value));
  cell.is_number = true;
  return cell;
}

StatusPage::Cell StatusPage::Cell::of_whole(uint64_t value, uint64_t whole) {
  Cell cell(with_separators(value) + " / " + with_separators(whole));
  cell.is_number = true;
  cell.share = whole == 0 ? 0 : static_cast<double>(value) / static_cast<double>(whole);
  return cell;
}

StatusPage::Cell StatusPage::Cell::seconds(double value) {
  Cell cell(value <= 0      ? "\u2013"
            : value < 0.001 ? format("%.0f \u00b5s", value * 1e6)
            : value < 1     ? format("%.1f ms", value * 1e3)
                            : format("%.2f s", value));
  cell.is_number = true;
  return cell;
}

StatusPage::StatusPage(std::string_view name, std::string_view version) : name_(name), version_(version) {}

void StatusPage::state(std::string_view text, Tone tone) {
  state_.clear();
  append_badge(state_, text, tone);
}

void StatusPage::figure(std::string_view label, std::string_view value, std::string_view detail) {
  figures_ += "<div class=\"figure\"><div class=\"label\">";
  append_escaped(figures_, label);
  figures_ += "</div><div class=\"value\">";
  append_escaped(figures_, value);
  figures_ += "</div><div class=\"detail\">";
  append_escaped(figures_, detail);
  figures_ += "</div></div>\n";
}

void StatusPage::table(std::string_view title, const std::vector<std::string>& columns,
                       const std::vector<std::vector<Cell>>& rows) {
  std::string& out = tables_;
  out += "<h2>";
  append_escaped(out, title);
  out += "</h2>\n<div class=\"card\"><table><thead><tr>";
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool is_number = !rows.empty() && i < rows.front().size() && rows.front()[i].is_number;
    out += is_number ? "<th class=\"n\">" : "<th>";
    append_escaped(out, columns[i]);
    out += "</th>";
  }
  out += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (const Cell& cell : row) append_cell(out, cell);
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
}

std::string StatusPage::html() const {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>";
  append_escaped(out, name_);
  out +=
      "</title><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<meta http-equiv=\"refresh\" content=\"5\"><style>";
  out += kStyle;
  out += "</style></head><body><main>\n<header><h1>";
  append_escaped(out, name_);
  out += "</h1>" + state_ + "<span class=\"version\">";
  append_escaped(out, version_);
  out +=
      "</span><nav><a href=\"/metrics\">metrics</a><a href=\"/config\">config</a></nav></header>\n"
      "<div class=\"figures\">\n";
  out += figures_;
  out += "</div>\n" + tables_ + "<footer>Refreshes every five seconds.</footer>\n</main></body></html>\n";
  return out;
}

}  // namespace weir::daemon
