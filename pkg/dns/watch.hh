// Keeps asking for the servers behind a name, as often as the answers' lifetimes say, and tells when they
// have changed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pkg/dns/resolver.hh"

namespace weir::dns {

struct Question {
  enum class Kind { addresses, services };
  Kind kind = Kind::addresses;
  std::string name;
  uint16_t port = 0;  // of addresses; services bring their own
};

struct Endpoint {
  uint16_t priority = 0;  // these two are of services
  uint16_t weight = 0;
  Address address;
  std::string target;  // the name that has the address
  bool operator==(const Endpoint&) const = default;
};

// Sorted, each once; how an answer lists them makes no difference.
using Endpoints = std::vector<Endpoint>;

struct WatchSettings {
  Duration minimum = std::chrono::seconds(1);  // between two questions, however short an answer's lifetime
  Duration maximum = std::chrono::minutes(5);  // however long
  Duration retry = std::chrono::seconds(1);  // after a failure; doubles with each further one, up to maximum
  Duration timeout = std::chrono::seconds(15);  // of one question with all it leads to
};

struct WatchCalls {
  // A new list, never empty: a name that is gone or has no servers is a failure.
  std::function<void(const Endpoints&)> on_change;
  // The last list stays as good as it was.
  std::function<void(const Error&)> on_failure;
};

// The same question once, for who only starts.
aio::Task<Result<Endpoints>> find(Resolver& resolver, Question question, aio::Deadline deadline);

// Runs until it is cancelled.
aio::Task<> watch(Resolver& resolver, Question question, WatchSettings settings, WatchCalls calls);

}  // namespace weir::dns
