// Rate limits as the config has them.
#pragma once

#include <string>
#include <vector>

#include "pkg/base/units.hh"
#include "pkg/config/table.hh"
#include "pkg/limit/policy.hh"

namespace weir::gateway {

enum class LimitAction { reject, dry_run };

// [limits]: what all rules share.
struct LimitsSection {
  Bytes table_size{16 * 1024 * 1024};
  Bytes log_size{8 * 1024 * 1024};
};

// [[limit]]
struct LimitSection {
  std::string name;
  limit::Algorithm algorithm = limit::Algorithm::token_bucket;
  limit::Rate rate;
  uint64_t burst = 0;
  std::vector<std::string> key{"ip"};
  uint64_t ipv6_prefix = 64;
  std::vector<std::string> routes;
  LimitAction action = LimitAction::reject;
};

config::Table<LimitsSection> limits_table();
config::Table<LimitSection> limit_table();

}  // namespace weir::gateway
