// [[route]]: which requests go where, and what is changed about them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pkg/config/table.hh"

namespace weir::gateway {

// [[route]]
struct RouteSection {
  std::string name;
  std::vector<std::string> listeners;
  std::vector<std::string> hosts;
  std::string path = "/";
  std::vector<std::string> methods;
  std::string upstream;
  std::string mirror;
  double mirror_share = 1.0;
  bool strip_prefix = false;
  std::string rewrite;
  std::string host_header;
  std::map<std::string, std::string> set_request_headers;
  std::map<std::string, std::string> add_request_headers;
  std::vector<std::string> remove_request_headers;
  std::map<std::string, std::string> set_response_headers;
  std::map<std::string, std::string> add_response_headers;
  std::vector<std::string> remove_response_headers;
};

config::Table<RouteSection> route_table();

}  // namespace weir::gateway
