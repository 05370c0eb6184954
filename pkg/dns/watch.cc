#include "pkg/dns/watch.hh"

#include <algorithm>
#include <tuple>

namespace weir::dns {
namespace {

struct Found {
  Endpoints endpoints;
  Duration ttl{0};
};

Endpoint endpoint(const IpAddress& ip, uint16_t port, const std::string& target) {
  Endpoint out;
  out.address.ip = ip;
  out.address.port = port;
  out.target = target;
  return out;
}

void put_in_order(Endpoints& endpoints) {
  const auto key = [](const Endpoint& e) {
    return std::tie(e.priority, e.address.ip, e.address.port, e.weight, e.target);
  };
  std::ranges::sort(endpoints, {}, key);
  const auto again = std::ranges::unique(endpoints);
  endpoints.erase(again.begin(), again.end());
}

aio::Task<Result<Found>> ask_addresses(Resolver& resolver, const Question& question, aio::Deadline deadline) {
  const auto answer = co_await resolver.addresses(question.name, deadline);
  if (!answer) co_return std::unexpected(answer.error());
  Found found;
  found.ttl = answer->ttl;
  for (const IpAddress& ip : answer->addresses) {
    found.endpoints.push_back(endpoint(ip, question.port, question.name));
  }
  co_return std::move(found);
}

aio::Task<Result<Found>> ask_services(Resolver& resolver, const Question& question, aio::Deadline deadline) {
  const auto answer = co_await resolver.services(question.name, deadline);
  if (!answer) co_return std::unexpected(answer.error());
  Found found;
  found.ttl = answer->ttl;
  for (const Service& service : answer->services) {
    for (const IpAddress& ip : service.addresses) {
      Endpoint& added = found.endpoints.emplace_back(endpoint(ip, service.port, service.target));
      added.priority = service.priority;
      added.weight = service.weight;
    }
  }
  co_return std::move(found);
}

aio::Task<Result<Found>> ask(Resolver& resolver, const Question& question, aio::Deadline deadline) {
  Result<Found> found;
  switch (question.kind) {
    case Question::Kind::addresses:
      found = co_await ask_addresses(resolver, question, deadline);
      break;
    case Question::Kind::services:
      found = co_await ask_services(resolver, question, deadline);
      break;
  }
  if (found) put_in_order(found->endpoints);
  co_return std::move(found);
}

}  // namespace

aio::Task<Result<Endpoints>> find(Resolver& resolver, Question question, aio::Deadline deadline) {
  auto found = co_await ask(resolver, question, deadline);
  if (!found) co_return std::unexpected(std::move(found.error()));
  co_return std::move(found->endpoints);
}

aio::Task<> watch(Resolver& resolver, Question question, WatchSettings settings, WatchCalls calls) {
  aio::Loop& loop = resolver.loop();
  Endpoints last;
  Duration retry = settings.retry;
  for (;;) {
    auto found = co_await ask(resolver, question, loop.in(settings.timeout));
    Duration wait = retry;
    if (found) {
      wait = std::max(settings.minimum, std::min(found->ttl, settings.maximum));
      retry = settings.retry;
      if (found->endpoints != last) {
        last = std::move(found->endpoints);
        calls.on_change(last);
      }
    } else {
      if (found.error().code == Errc::cancelled) co_return;
      retry = std::min(retry * 2, settings.maximum);
      calls.on_failure(found.error());
    }
    const auto slept = co_await aio::sleep_until(loop.in(wait));
    if (!slept) co_return;
  }
}

}  // namespace weir::dns
