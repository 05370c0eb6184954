// What the frame itself has to show: metrics common to all daemons, and the head of the status page.

#include "pkg/daemon/lifecycle.hh"
#include "pkg/daemon/log.hh"
#include "pkg/daemon/version.hh"

namespace weir::daemon {

void Lifecycle::register_metrics() {
  counts_.open = metrics_.gauge("weir_connections", "Client connections that are open.");
  counts_.accepted = metrics_.counter("weir_connections_accepted_total", "Client connections accepted.");
  counts_.refused = metrics_.counter("weir_connections_refused_total",
                                     "Connections closed at once: server.max_connections.");
  reloads_ = metrics_.counter("weir_config_reloads_total", "Configs put in force by a reload.");
  failed_reloads_ =
      metrics_.counter("weir_config_reloads_failed_total", "Reloads that left the old config in force.");
  last_reload_ =
      metrics_.gauge("weir_config_loaded_timestamp_seconds", "When the config in force was loaded.");
  const auto now = std::chrono::system_clock::to_time_t(WallTime::clock::now());
  last_reload_->set(now);
  metrics_.gauge("weir_start_timestamp_seconds", "When the process started.")->set(now);
  metrics_.gauge_callback("weir_build_info", "Always 1; the labels tell what runs.",
                          {{"program", program_.name}, {"version", version()}}, [] { return 1.0; });
  metrics_.counter_callback("weir_log_lines_dropped_total", "Log lines that did not fit the queue.", {},
                            [] { return static_cast<double>(log::dropped()); });
}

std::string_view Lifecycle::state_name() const {
  switch (state_) {
    case State::starting:
      return "starting";
    case State::serving:
      return service_->is_ready() ? "serving" : "not ready";
    case State::draining:
      return "draining";
    case State::ended:
      return "ending";
  }
  return "";
}

StatusPage Lifecycle::status_page() {
  StatusPage page(program_.name, version());
  using Tone = StatusPage::Tone;
  const bool is_well = state_ == State::serving && service_->is_ready();
  page.state(state_name(), is_well ? Tone::good : state_ == State::draining ? Tone::info : Tone::warning);
  const std::chrono::duration<double> uptime = MonotonicTime::clock::now() - started_;
  page.figure("Uptime", human_duration(uptime.count()), std::to_string(workers_.size()) + " workers");
  page.figure("Connections", with_separators(static_cast<uint64_t>(counts_.open->value())),
              with_separators(counts_.accepted->total()) + " accepted");
  service_->add_status(page);
  std::vector<std::vector<StatusPage::Cell>> rows;
  for (const std::string& bound : listening_.bound()) rows.push_back({bound});
  page.table("Listening", {"Address"}, rows);
  return page;
}

}  // namespace weir::daemon
