// Checks a set of servers again and again, each at its own interval, and never more than so many at a time.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pkg/aio/scope.hh"
#include "pkg/base/random.hh"
#include "pkg/health/check.hh"

namespace weir::health {

struct Probe {
  std::string id;  // the caller's name for it, one of a kind
  Address server;
  std::shared_ptr<const CheckSettings> settings;
  std::shared_ptr<const Opening> opening = {};  // null: nothing
};

class Checker {
 public:
  // Called on the loop, never from within set(); may itself call set().
  using OnVerdict = std::function<void(const std::string& id, const Verdict& verdict)>;

  Checker(aio::Loop& loop, size_t most_at_a_time, OnVerdict on_verdict, Random random = Random());

  // What to check from now on. A probe that was there before, with the same server and equal settings, goes
  // on as it was; one that is new or other is checked at once; of one that is gone nothing more is heard.
  void set(const std::vector<Probe>& probes);

  size_t size() const { return entries_.size(); }
  size_t waiting() const { return waiting_.size(); }  // checks that are due but exceed most_at_a_time

  // Ends all checks. Must be awaited before the checker dies.
  aio::Task<> close();

 private:
  struct Entry {
    Probe probe;
    aio::TaskContext* task = nullptr;
  };

  aio::Task<> run(std::shared_ptr<Entry> entry);
  aio::Task<Result<>> take_place();
  void give_place_back();
  Duration wait_after(const CheckSettings& settings);
  void drop(const std::string& id);

  OnVerdict on_verdict_;
  Random random_;
  size_t free_places_;
  std::deque<aio::Event*> waiting_;  // for a place, in order
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  aio::Scope scope_;
};

}  // namespace weir::health
