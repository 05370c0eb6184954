// A disk in memory, for journals in tests. It keeps what is in the page cache apart from what is on the disk:
// a power cut loses any of the sectors, sizes and names that were not synced. It fails any call on demand.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "pkg/base/random.hh"
#include "pkg/journal/directory.hh"

class SimulatedDisk {
 public:
  enum class Call { create, write, allocate, truncate, sync, rename, remove, sync_names };
  // What a call is answered with; 0: as it should be.
  using Fault = std::function<int(Call call, uint64_t number_of_its_kind)>;

  std::unique_ptr<weir::journal::Directory> open();

  // Whole files as they are, in the cache and on the disk.
  void put(const std::string& name, std::string bytes);
  std::map<std::string, std::string> files();

  void set_fault(Fault fault);
  // Calls `before` at the start of each sync, without a lock.
  void set_before_sync(std::function<void()> before) { before_sync_ = std::move(before); }
  // The power fails in the middle of the call of that number, counted from now.
  void cut_power_at(uint64_t call, uint64_t seed);
  void write_short(bool on) { writes_short_ = on; }
  bool is_dead();
  uint64_t calls();
  uint64_t calls(Call call);

  // What is found when the power is back. Without a cut, only the process has ended: the cache stays.
  void lose_power(uint64_t seed);
  void end_process();

 private:
  friend class SimulatedDirectory;
  static constexpr size_t kSector = 512;

  struct Inode {
    std::string cache, disk;
    std::set<size_t> dirty;  // sectors
    bool has_new_size = false;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct NameChange {
    std::string name;  // gets the inode, or goes
    std::shared_ptr<Inode> inode;
    std::string gone;  // that it had before, of a rename
  };

  static void apply(Names& names, const NameChange& change) {
    if (!change.gone.empty()) names.erase(change.gone);
    if (change.inode) {
      names[change.name] = change.inode;
    } else {
      names.erase(change.name);
    }
  }
  void change(NameChange change) {
    apply(names_, change);
    changes_.push_back(std::move(change));
  }
  // The answer to a call before it has done anything; true for `dies` when the power fails in it.
  int begin(Call call, bool& dies);
  void crash_inode(Inode& inode, weir::Random& random, double kept);

  std::mutex mutex_;
  Names names_, disk_names_;
  std::vector<NameChange> changes_;
  std::vector<std::shared_ptr<Inode>> open_;
  Fault fault_;
  std::function<void()> before_sync_;
  std::map<Call, uint64_t> counts_;
  uint64_t calls_ = 0;
  uint64_t cut_at_ = 0;
  bool is_dead_ = false;
  bool writes_short_ = false;
  weir::Random random_{1};
};

class SimulatedDirectory final : public weir::journal::Directory {
 public:
  using Call = SimulatedDisk::Call;
  explicit SimulatedDirectory(SimulatedDisk& disk) : disk_(disk) {}

  int open(const std::string& name, Access access) override {
    const std::lock_guard lock(disk_.mutex_);
    auto found = disk_.names_.find(name);
    if (access == Access::create) {
      bool dies = false;
      if (const int error = disk_.begin(Call::create, dies); error != 0) return -error;
      disk_.change({name, std::make_shared<SimulatedDisk::Inode>(), ""});
      found = disk_.names_.find(name);
    }
    if (found == disk_.names_.end()) return -ENOENT;
    disk_.open_.push_back(found->second);
    return static_cast<int>(disk_.open_.size() - 1);
  }
  void close(int) override {}
  int64_t size(int file) override {
    const std::lock_guard lock(disk_.mutex_);
    return static_cast<int64_t>(inode(file).cache.size());
  }
  ssize_t read(int file, char* into, size_t size, uint64_t offset) override {
    const std::lock_guard lock(disk_.mutex_);
    const std::string& bytes = inode(file).cache;
    if (offset >= bytes.size()) return 0;
    return static_cast<ssize_t>(bytes.copy(into, size, offset));
  }
  ssize_t write(int file, const iovec* parts, int count, uint64_t offset) override {
    const std::lock_guard lock(disk_.mutex_);
    bool dies = false;
    if (const int error = disk_.begin(Call::write, dies); error != 0) return -error;
    std::string bytes;
    for (int i = 0; i < count; ++i)
      bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    if (dies) bytes.resize(disk_.random_.below(bytes.size() + 1));
    if (disk_.writes_short_ && !dies) bytes.resize(1 + disk_.random_.below(bytes.size()));
    SimulatedDisk::Inode& into = inode(file);
    if (offset + bytes.size() > into.cache.size()) {
      into.cache.resize(offset + bytes.size());
      into.has_new_size = true;
    }
    into.cache.replace(offset, bytes.size(), bytes);
    for (size_t at = offset / SimulatedDisk::kSector; at * SimulatedDisk::kSector < offset + bytes.size();
         ++at) {
      into.dirty.insert(at);
    }
    return dies ? -EIO : static_cast<ssize_t>(bytes.size());
  }
  int allocate(int file, uint64_t size) override { return resize(Call::allocate, file, size); }
  int truncate(int file, uint64_t size) override { return resize(Call::truncate, file, size); }
  int sync(int file) override {
    if (disk_.before_sync_) disk_.before_sync_();
    const std::lock_guard lock(disk_.mutex_);
    SimulatedDisk::Inode& synced = inode(file);
    bool dies = false;
    if (const int error = disk_.begin(Call::sync, dies); error != 0) {
      // As Linux does it: what could not be written counts as clean from now on.
      if (!disk_.is_dead_) synced.dirty.clear();
      return -error;
    }
    if (dies) return -EIO;
    synced.disk.resize(synced.cache.size());
    for (const size_t sector : synced.dirty) {
      const size_t at = sector * SimulatedDisk::kSector;
      if (at < synced.cache.size()) {
        synced.disk.replace(at, SimulatedDisk::kSector, synced.cache, at, SimulatedDisk::kSector);
      }
    }
    synced.dirty.clear();
    synced.has_new_size = false;
    return 0;
  }
  int rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(disk_.mutex_);
    bool dies = false;
    if (const int error = disk_.begin(Call::rename, dies); error != 0) return -error;
    const auto found = disk_.names_.find(from);
    if (found == disk_.names_.end()) return -ENOENT;
    disk_.change({to, found->second, from});
    return dies ? -EIO : 0;
  }
  int remove(const std::string& name) override {
    const std::lock_guard lock(disk_.mutex_);
    bool dies = false;
    if (const int error = disk_.begin(Call::remove, dies); error != 0) return -error;
    if (!disk_.names_.contains(name)) return -ENOENT;
    disk_.change({name, nullptr, ""});
    return dies ? -EIO : 0;
  }
  int list(std::vector<std::string>& names) override {
    const std::lock_guard lock(disk_.mutex_);
    for (const auto& [name, inode] : disk_.names_) names.push_back(name);
    return 0;
  }
  int sync_names() override {
    const std::lock_guard lock(disk_.mutex_);
    bool dies = false;
    if (const int error = disk_.begin(Call::sync_names, dies); error != 0) return -error;
    if (dies) return -EIO;
    for (const auto& change : disk_.changes_) SimulatedDisk::apply(disk_.disk_names_, change);
    disk_.changes_.clear();
    return 0;
  }

 private:
  SimulatedDisk::Inode& inode(int file) { return *disk_.open_.at(static_cast<size_t>(file)); }
  int resize(Call call, int file, uint64_t size) {
    const std::lock_guard lock(disk_.mutex_);
    bool dies = false;
    if (const int error = disk_.begin(call, dies); error != 0) return -error;
    SimulatedDisk::Inode& resized = inode(file);
    resized.cache.resize(call == Call::allocate ? std::max<size_t>(size, resized.cache.size()) : size);
    resized.has_new_size = true;
    return dies ? -EIO : 0;
  }

  SimulatedDisk& disk_;
};

inline std::unique_ptr<weir::journal::Directory> SimulatedDisk::open() {
  return std::make_unique<SimulatedDirectory>(*this);
}

inline void SimulatedDisk::put(const std::string& name, std::string bytes) {
  const auto inode = std::make_shared<Inode>();
  inode->cache = inode->disk = std::move(bytes);
  names_[name] = disk_names_[name] = inode;
}

inline std::map<std::string, std::string> SimulatedDisk::files() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> found;
  for (const auto& [name, inode] : names_) found[name] = inode->cache;
  return found;
}

inline void SimulatedDisk::set_fault(Fault fault) {
  const std::lock_guard lock(mutex_);
  counts_.clear();
  fault_ = std::move(fault);
}

inline void SimulatedDisk::cut_power_at(uint64_t call, uint64_t seed) {
  const std::lock_guard lock(mutex_);
  random_ = weir::Random(seed);
  cut_at_ = calls_ + call;
}

inline bool SimulatedDisk::is_dead() {
  const std::lock_guard lock(mutex_);
  return is_dead_;
}

inline uint64_t SimulatedDisk::calls() {
  const std::lock_guard lock(mutex_);
  return calls_;
}

inline uint64_t SimulatedDisk::calls(Call call) {
  const std::lock_guard lock(mutex_);
  return counts_[call];
}

inline int SimulatedDisk::begin(Call call, bool& dies) {
  if (is_dead_) return EIO;
  ++calls_;
  ++counts_[call];
  if (cut_at_ != 0 && calls_ >= cut_at_) {
    is_dead_ = dies = true;
    return 0;
  }
  return fault_ ? fault_(call, counts_[call]) : 0;
}

// A sector that was not synced is the new one, the old one or, where the file grew, what was there before it.
inline void SimulatedDisk::crash_inode(Inode& inode, weir::Random& random, double kept) {
  std::string found = inode.disk;
  found.resize(inode.has_new_size && random.unit() < 0.5 ? inode.cache.size() : inode.disk.size());
  std::string old(kSector, '\0');
  if (random.unit() < 0.3) {
    for (char& byte : old) byte = static_cast<char>(random.next());
  }
  for (const size_t sector : inode.dirty) {
    const size_t at = sector * kSector;
    if (at >= found.size()) continue;
    const size_t size = std::min(kSector, found.size() - at);
    if (random.unit() < kept) {
      std::string bytes = at < inode.cache.size() ? inode.cache.substr(at, size) : "";
      bytes.resize(size);
      found.replace(at, size, bytes);
    } else if (at >= inode.disk.size()) {
      found.replace(at, size, old, 0, size);
    }
  }
  inode.cache = inode.disk = std::move(found);
  inode.dirty.clear();
  inode.has_new_size = false;
}

inline void SimulatedDisk::lose_power(uint64_t seed) {
  const std::lock_guard lock(mutex_);
  weir::Random random(seed);
  for (const auto& change : changes_) {
    if (random.unit() < 0.5) apply(disk_names_, change);
  }
  changes_.clear();
  names_ = disk_names_;
  const double kept = random.unit() < 0.3 ? 1 : random.unit();
  for (const auto& [name, inode] : names_) crash_inode(*inode, random, kept);
  open_.clear();
  is_dead_ = false;
  cut_at_ = 0;
}

inline void SimulatedDisk::end_process() {
  const std::lock_guard lock(mutex_);
  open_.clear();
  is_dead_ = false;
  cut_at_ = 0;
}
