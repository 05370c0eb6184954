#include "pkg/dns/resolver.hh"

#include <algorithm>
#include <map>
#include <tuple>

#include "pkg/aio/scope.hh"
#include "pkg/dns/query.hh"

namespace weir::dns {
namespace {

constexpr size_t kMostQuestionsAtATime = 8;

// The addresses of several names, which some workers look up in turn.
struct Batch {
  std::vector<std::string> names;
  std::vector<Result<Addresses>> found;
  size_t next = 0;
};

aio::Task<> look_up(Resolver& resolver, Batch& batch, aio::Deadline deadline) {
  while (batch.next < batch.names.size()) {
    const size_t index = batch.next++;
    auto found = co_await resolver.addresses(batch.names[index], deadline);
    batch.found[index] = std::move(found);
  }
}

bool means_none(const Error& error) {
  return error.code == Errc::not_found || error.code == Errc::unavailable;
}

Services take_records(ServiceRecords records) {
  Services out;
  out.ttl = std::chrono::seconds(records.ttl);
  for (ServiceRecord& record : records.records) {
    if (record.target.empty()) continue;
    out.services.push_back({record.priority, record.weight, record.port, std::move(record.target), {}});
  }
  const auto key = [](const Service& service) {
    return std::tie(service.priority, service.target, service.port, service.weight);
  };
  std::ranges::sort(out.services, {}, key);
  out.cut = out.services.size() > kMostServices;
  if (out.cut) out.services.resize(kMostServices);
  return out;
}

}  // namespace

aio::Task<Result<Addresses>> Resolver::addresses(std::string name, aio::Deadline deadline) {
  auto found = co_await detail::AddressQuery(loop_, settings_, name, deadline);
  co_return std::move(found);
}

aio::Task<Result<Services>> Resolver::services(std::string name, aio::Deadline deadline) {
  auto records = co_await detail::ServiceQuery(loop_, settings_, name, deadline);
  if (!records) co_return std::unexpected(std::move(records.error()));
  Services services = take_records(std::move(*records));
  const auto targets = co_await find_targets(services, deadline);
  if (!targets) co_return std::unexpected(Error(targets.error()).context("resolving " + name));
  const bool any =
      std::ranges::any_of(services.services, [](const Service& s) { return !s.addresses.empty(); });
  if (!any)
    co_return fail(Errc::unavailable, "resolving " + name + ": it names no server that has an address");
  co_return std::move(services);
}

aio::Task<Result<>> Resolver::find_targets(Services& services, aio::Deadline deadline) {
  std::map<std::string, size_t> places;
  Batch batch;
  for (const Service& service : services.services) {
    if (places.emplace(service.target, batch.names.size()).second) batch.names.push_back(service.target);
  }
  batch.found.resize(batch.names.size());
  aio::Scope workers(loop_);
  const size_t count = std::min(kMostQuestionsAtATime, batch.names.size());
  for (size_t i = 0; i < count; ++i) workers.spawn(look_up(*this, batch, deadline));
  co_await workers.join();
  for (const auto& found : batch.found) {
    if (!found && !means_none(found.error())) co_return std::unexpected(found.error());
    if (found) services.ttl = std::min(services.ttl, found->ttl);
    if (found) services.cut = services.cut || found->cut;
  }
  size_t room = kMostAddresses;
  for (Service& service : services.services) {
    const auto& found = batch.found[places[service.target]];
    if (!found) continue;
    const size_t taken = std::min(room, found->addresses.size());
    service.addresses.assign(found->addresses.begin(),
                             found->addresses.begin() + static_cast<ptrdiff_t>(taken));
    services.cut = services.cut || taken < found->addresses.size();
    room -= taken;
  }
  co_return Result<>();
}

}  // namespace weir::dns
