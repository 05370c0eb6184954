#include "cmd/weir-lock/table.hh"

#include <algorithm>
#include <array>

#include "pkg/utility/output.hh"

namespace weir::locking {

namespace {

using utility::harmless;

constexpr size_t kColumns = 6;
using Row = std::array<std::string, kColumns>;

size_t width_of(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::vector<Row> rows_of(const std::vector<LockState>& locks) {
  std::vector<Row> rows;
  for (const LockState& lock : locks) {
    const std::string waiters = std::to_string(lock.waiters);
    if (lock.holders.empty()) rows.push_back({harmless(lock.name), "", "", "", waiters, ""});
    for (const Claimant& holder : lock.holders) {
      rows.push_back({harmless(lock.name), harmless(holder.mode), std::to_string(holder.token),
                      harmless(holder.since), waiters, harmless(holder.who)});
    }
  }
  return rows;
}

}  // namespace

std::string table_of(const std::vector<LockState>& locks, bool in_colour) {
  if (locks.empty()) return "";
  const Row head = {"LOCK", "MODE", "TOKEN", "SINCE", "WAITING", "HELD BY"};
  std::vector<Row> rows = rows_of(locks);
  rows.insert(rows.begin(), head);
  std::array<size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const Row& row : rows) {
    const bool is_head = &row == &rows.front();
    std::string line;
    for (size_t i = 0; i < kColumns; ++i) {
      line += row[i];
      if (i + 1 < kColumns) line.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    while (line.ends_with(' ')) line.pop_back();
    out += is_head && in_colour ? "\x1b[1m" + line + "\x1b[0m\n" : line + "\n";
  }
  return out;
}

}  // namespace weir::locking
