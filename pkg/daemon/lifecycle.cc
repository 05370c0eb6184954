#include "pkg/daemon/lifecycle.hh"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <thread>

#include "pkg/daemon/log.hh"
#include "pkg/daemon/systemd.hh"
#include "pkg/daemon/version.hh"

namespace weir::daemon {
namespace {

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);  // with fewer the daemon still works
}

size_t worker_count(const ServerSection& server) {
  return server.workers != 0 ? server.workers : std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

Lifecycle::Lifecycle(const AnyProgram& program, config::Input input, AnyConfig config,
                     std::vector<std::string> command)
    : program_(program),
      input_(std::move(input)),
      command_(std::move(command)),
      config_(std::move(config)),
      tasks_(loop_),
      frame_(loop_),
      ending_(loop_),
      listening_(workers_, take_inherited_sockets()) {}

int Lifecycle::run() {
  raise_descriptor_limit();
  log::configure(config_.log.format, config_.log.level);
  int code = take_over();
  if (code == kExitFine) code = start();
  if (code != kExitFine) {
    stop_workers();
    loop_.post([this] { ending_.spawn(end()); });
    loop_.run();
    return code;
  }
  const aio::SignalWatch terminate(loop_, SIGTERM, [this] { drain(); });
  const aio::SignalWatch interrupt(loop_, SIGINT, [this] { drain(); });
  const aio::SignalWatch hang_up(loop_, SIGHUP, [this] { (void)reload(); });  // it has logged the error
  const aio::SignalWatch user(loop_, SIGUSR1, [this] { service_->reopen_files(); });
  const aio::SignalWatch user2(loop_, SIGUSR2, [this] { upgrade(); });
  frame_.spawn(watch_loops());
  state_ = State::serving;
  log_ready();
  events_.publish("state", {{"state", state_name()}});
  notify_service_manager("READY=1\nSTATUS=serving");
  wait_for_successors();
  if (predecessor_) frame_.spawn(follow_predecessor());
  loop_.run();
  log::info("ended");
  return exit_code_;
}

int Lifecycle::start() {
  auto service = program_.make(service_frame_, config_);
  if (!service) {
    log::error("cannot start", {{"reason", service.error().message}});
    return kExitConfig;
  }
  service_ = std::move(*service);
  admin_ = std::make_unique<AdminEndpoint>(
      loop_,
      AdminEndpoint::Content{[this](const Address& address) { return open_admin(address); },
                             [this] { return state_ == State::serving && service_->is_ready(); },
                             [this] { return metrics_.text(); }, [this] { return config_.json; },
                             [this] { return status_page(); }},
      events_, metrics_);
  add_api_routes(admin_->api());
  admin_->set_token(config_.admin.token);
  register_metrics();
  service_->import_state(std::move(inheritance_.state));
  listening_.take_over(inheritance_.sockets);
  counts_.most = config_.server.max_connections;
  for (unsigned i = 0; i < worker_count(config_.server); ++i) {
    workers_.push_back(std::make_unique<WorkerThread>(i, *service_, counts_));
  }
  auto listening = admin_->listen(config_.admin.listen);
  if (listening) listening = listening_.listen(config_.listen_points);
  if (listening) return kExitFine;
  log::error("cannot listen", {{"reason", listening.error().message},
                               {"hint", "is another process using the address? `ss -ltnp` tells"}});
  return kExitUnavailable;
}

void Lifecycle::log_ready() const {
  for (const std::string& bound : admin_->bound()) log::info("admin endpoint", {{"listen", bound}});
  for (const int fd : listening_.unused_inherited()) {
    log::warn("a socket was handed over that the config does not use", {{"fd", std::to_string(fd)}});
  }
  const auto bound = listening_.bound();
  log::info("ready", {{"listen", bound.empty() ? std::string() : bound.front()},
                      {"workers", std::to_string(workers_.size())},
                      {"version", version()},
                      {"pid", std::to_string(getpid())}});
}

Result<> Lifecycle::reload(config::Problems* problems) {
  if (state_ != State::serving) return fail(Errc::unavailable, "the daemon is ending");
  if (handing_over_) {
    log::warn("config not reloaded: another process is taking over");
    return fail(Errc::unavailable, "another process is taking over");
  }
  notify_reloading();
  auto loaded = program_.load(input_);
  Result<> applied;
  if (!loaded) {
    for (const config::Problem& problem : loaded.error())
      log::error("config", {{"problem", config::render(problem)}});
    applied = fail(Errc::invalid, std::to_string(loaded.error().size()) + " errors in the config");
    if (problems != nullptr) *problems = std::move(loaded.error());
  } else {
    applied = apply(*loaded);
  }
  if (applied) {
    reloads_->add();
    last_reload_->set(std::chrono::system_clock::to_time_t(WallTime::clock::now()));
    log::info("config reloaded");
    events_.publish("config_reloaded");
    notify_service_manager("READY=1\nSTATUS=serving");
  } else {
    failed_reloads_->add();
    log::error("config not reloaded; the old one stays in force", {{"reason", applied.error().message}});
    events_.publish("config_reload_failed", {{"reason", applied.error().message}});
    notify_service_manager("READY=1\nSTATUS=serving; the last reload failed");
  }
  return applied;
}

Result<> Lifecycle::apply(const AnyConfig& next) {
  for (const std::string& key : program_.changed_restart_keys(config_, next)) {
    log::warn("a changed key takes effect at the next start only", {{"key", key}});
  }
  auto applied = listening_.listen(next.listen_points);
  if (applied) applied = admin_->listen(next.admin.listen);
  if (applied) applied = program_.reload(*service_, next);
  if (!applied) {
    // New listeners must not serve the old config: back to its own, which are all still open.
    (void)listening_.listen(config_.listen_points);
    (void)admin_->listen(config_.admin.listen);
    close_unused_admin_sockets();
    return applied;
  }
  config_ = next;
  log::configure(config_.log.format, config_.log.level);
  admin_->set_token(config_.admin.token);
  counts_.most = config_.server.max_connections;
  close_unused_admin_sockets();
  metrics_.collect();
  return {};
}

void Lifecycle::drain() {
  if (state_ == State::draining && handed_over_ && !std::exchange(asked_to_end_, true)) {
    // The first time that a process is asked to end whose successor serves already.
    log::info("asked to end", {{"timeout", format_duration(config_.server.drain_timeout)}});
    frame_.spawn(force_end_after(config_.server.drain_timeout));
    return;
  }
  if (state_ == State::draining) {
    log::warn("asked again to end: ends at once");
    notify_service_manager("STATUS=ending at once");
    ending_.spawn(end());
    state_ = State::ended;
    return;
  }
  if (state_ != State::serving) return;
  state_ = State::draining;
  log::info("draining", {{"timeout", format_duration(config_.server.drain_timeout)}});
  events_.publish("state", {{"state", state_name()}});
  notify_service_manager("STOPPING=1\nSTATUS=draining");
  finish_within(config_.server.drain_timeout);
}

void Lifecycle::finish_within(Duration timeout) {
  listening_.forget_sockets();
  for (const auto& worker : workers_) {
    worker->drain([this] { loop_.post([this] { on_worker_ended(); }); });
  }
  tasks_.cancel();
  frame_.spawn(force_end_after(timeout));
}

void Lifecycle::on_worker_ended() {
  if (++workers_ended_ < workers_.size() || state_ != State::draining) return;
  state_ = State::ended;
  ending_.spawn(end());
}

aio::Task<> Lifecycle::force_end_after(Duration timeout) {
  const auto waited = co_await aio::sleep_until(loop_.in(timeout));
  if (!waited || state_ != State::draining) co_return;
  log::warn("drain timeout: ends what is still under way",
            {{"connections", std::to_string(counts_.open->value())}});
  state_ = State::ended;
  ending_.spawn(end());
}

void Lifecycle::stop_workers() {
  for (const auto& worker : workers_) worker->stop();
  workers_.clear();
}

aio::Task<> Lifecycle::end() {
  stop_workers();
  if (service_) service_->flush();
  if (successor_) co_await successor_->close(loop_.in(std::chrono::seconds(10)));
  co_await frame_.close();
  if (admin_) co_await admin_->close();
  co_await tasks_.close();
  loop_.stop();
}

// Tells the watchdog that we live, as long as every worker's loop answers; and measures how long that takes.
aio::Task<> Lifecycle::watch_loops() {
  const Duration wanted = watchdog_interval() / 2;
  const Duration interval =
      wanted > Duration{0} ? std::min<Duration>(wanted, std::chrono::seconds(1)) : std::chrono::seconds(1);
  const auto lag = metrics_.histogram("weir_loop_lag_seconds", "How long a worker's loop took to answer.");
  auto answers = std::make_shared<std::atomic<size_t>>(0);
  for (;;) {
    answers->store(0);
    const auto asked = MonotonicTime::clock::now();
    for (const auto& worker : workers_) {
      worker->ping([answers, asked, lag] {
        lag->observe(std::chrono::duration<double>(MonotonicTime::clock::now() - asked).count());
        answers->fetch_add(1);
      });
    }
    const auto slept = co_await aio::sleep_until(loop_.in(interval));
    if (!slept || state_ == State::ended) co_return;
    const bool all_answered = answers->load() == workers_.size();
    if (wanted > Duration{0} && !handed_over_ && (all_answered || state_ == State::draining))
      notify_service_manager("WATCHDOG=1");
  }
}

}  // namespace weir::daemon
