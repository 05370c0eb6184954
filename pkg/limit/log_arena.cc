#include "pkg/limit/log_arena.hh"

#include <algorithm>
#include <bit>

namespace weir::limit::detail {

// The cells are not initialised, so that the kernel gives their pages one by one as they are used.
LogArena::LogArena(size_t cells)
    : cell_count_(static_cast<uint32_t>(std::min<size_t>(cells, kNone - 1))),
      cells_(std::make_unique_for_overwrite<Cell[]>(cell_count_)),
      chains_(std::bit_floor(std::max<size_t>(cell_count_ / 2, 1)), kNone),
      free_count_(cell_count_) {}

LogArena::Log* LogArena::find(uint64_t hash) {
  for (uint32_t i = chain_of(hash); i != kNone; i = cells_[i].log.next) {
    if (cells_[i].log.hash == hash) return &cells_[i].log;
  }
  return nullptr;
}

LogArena::Log* LogArena::create(uint64_t hash, const Rate& rate, Time now, uint32_t times) {
  if (!make_room(1 + (times + kTimesInCell - 1) / kTimesInCell, now, nullptr)) return nullptr;
  const uint32_t cell = take_cell();
  uint32_t& chain = chain_of(hash);
  cells_[cell].log = Log{.self = cell,
                         .next = chain,
                         .hash = hash,
                         .head = kNone,
                         .tail = kNone,
                         .size = 0,
                         .first = 0,
                         .end = 0,
                         .limit = static_cast<uint32_t>(rate.count),
                         .period = static_cast<Time>(rate.period.count()),
                         .newest = 0};
  chain = cell;
  return &cells_[cell].log;
}

bool LogArena::reserve(Log& log, Time now, uint32_t times) {
  const size_t room = log.tail == kNone ? 0 : kTimesInCell - log.end;
  return times <= room || make_room((times - room + kTimesInCell - 1) / kTimesInCell, now, &log);
}

void LogArena::push(Log& log, Time time) {
  if (log.tail == kNone || log.end == kTimesInCell) {
    const uint32_t cell = take_cell();
    Block& block = cells_[cell].block;
    block.owner = log.self;
    block.next = kNone;
    block.before = log.tail;
    if (log.tail == kNone) {
      log.head = cell;
      log.first = 0;
    } else {
      cells_[log.tail].block.next = cell;
    }
    log.tail = cell;
    log.end = 0;
  }
  cells_[log.tail].block.times[log.end++] = time;
  log.newest = time;
  ++log.size;
}

Time LogArena::at(const Log& log, size_t index) const {
  uint32_t cell = log.head;
  for (index += log.first; index >= kTimesInCell; index -= kTimesInCell) cell = cells_[cell].block.next;
  return cells_[cell].block.times[index];
}

void LogArena::drop_until(Log& log, Time last) {
  if (log.newest <= last) return clear(log);  // all at once: the usual case of a key that was away
  while (log.size > 0 && cells_[log.head].block.times[log.first] <= last) drop_oldest(log);
}

void LogArena::drop_oldest(Log& log) {
  if (log.size == 1) return clear(log);
  --log.size;
  if (++log.first < kTimesInCell) return;
  const uint32_t emptied = log.head;
  log.head = cells_[emptied].block.next;
  log.first = 0;
  cells_[log.head].block.before = kNone;
  free_cells(emptied, emptied, 1);
}

// `newest` stays: the clock has been there.
void LogArena::drop_newest(Log& log) {
  if (log.size <= 1) return clear(log);
  --log.size;
  if (--log.end > 0) return;
  const uint32_t emptied = log.tail;
  log.tail = cells_[emptied].block.before;
  log.end = kTimesInCell;
  cells_[log.tail].block.next = kNone;
  free_cells(emptied, emptied, 1);
}

bool LogArena::make_room(size_t wanted, Time now, const Log* keep) {
  if (wanted > cell_count_) return false;
  while (free_count_ < wanted) {
    Log* victim = choose_victim(now, keep);
    if (victim == nullptr) return false;
    if (victim->size > 0 && victim->newest + victim->period > now) ++dropped_;
    erase(*victim);
  }
  return true;
}

LogArena::Log* LogArena::choose_victim(Time now, const Log* keep) {
  constexpr int kMostLooks = 16;
  Log* oldest = nullptr;
  for (int looks = 0; looks < kMostLooks; ++looks) {
    hand_ = hand_ + 1 < cell_count_ ? hand_ + 1 : 0;
    // A cell that is free, or was never used, leads nowhere or to some log: all the same for a sample.
    if (hand_ >= untouched_) continue;
    const uint32_t owner = cells_[hand_].block.owner;
    if (owner == kNone || cells_[owner].block.owner != owner) continue;
    Log& log = cells_[owner].log;
    if (&log == keep) continue;
    if (log.size == 0 || log.newest + log.period <= now) return &log;
    if (is_over(log, now)) continue;
    if (oldest == nullptr || log.newest < oldest->newest) oldest = &log;
  }
  return oldest;
}

bool LogArena::is_over(const Log& log, Time now) const {
  return log.size >= log.limit && at(log, log.size - log.limit) + log.period > now;
}

uint32_t LogArena::take_cell() {
  --free_count_;
  if (free_ == kNone) return untouched_++;
  const uint32_t cell = free_;
  free_ = cells_[cell].block.next;
  return cell;
}

void LogArena::free_cells(uint32_t first, uint32_t last, size_t count) {
  cells_[last].block.next = free_;
  free_ = first;
  free_count_ += static_cast<uint32_t>(count);
}

void LogArena::clear(Log& log) {
  if (log.size == 0) return;
  free_cells(log.head, log.tail, (log.first + log.size + kTimesInCell - 1) / kTimesInCell);
  log.head = log.tail = kNone;
  log.size = 0;
}

void LogArena::erase(Log& log) {
  clear(log);
  uint32_t* link = &chain_of(log.hash);
  while (*link != log.self) link = &cells_[*link].log.next;
  *link = log.next;
  const uint32_t cell = log.self;
  cells_[cell].block = {kNone, kNone, kNone, {}};
  free_cells(cell, cell, 1);
}

}  // namespace weir::limit::detail
