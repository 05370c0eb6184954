// The keys of a health check, as they stand in a pool's table: `check = "http"`, `check_path = "/health"`, …
#pragma once

#include "pkg/config/table.hh"
#include "pkg/health/check.hh"

namespace weir::health {

// To be embedded: pool_table.embed(&PoolSection::check, health::check_table()).
config::Table<CheckSettings> check_table();

}  // namespace weir::health
