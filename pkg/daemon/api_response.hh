// What an API's handler answers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::daemon {

// Something wrong at a place in a request's body.
struct ApiProblem {
  std::string pointer;  // "#/servers/0/weight"
  std::string detail;
};

struct ApiResponse {
  int status = 200;
  std::string json = "{}";
  bool is_problem = false;
  // What a write has done, for the audit log: "level info to debug". Never a secret.
  std::string done = {};

  // An error as RFC 9457 describes it.
  static ApiResponse problem(int status, std::string_view detail,
                             const std::vector<ApiProblem>& problems = {});
};

}  // namespace weir::daemon
