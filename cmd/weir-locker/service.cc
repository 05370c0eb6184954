#include "cmd/weir-locker/service.hh"

#include "cmd/weir-locker/http_json.hh"
#include "cmd/weir-locker/locks.hh"
#include "pkg/base/text.hh"
#include "pkg/daemon/log.hh"
#include "pkg/daemon/program.hh"

namespace weir::locker {

namespace {

// A connection comes to its door by the name of its listener.
class Doorkeeper final : public daemon::WorkerService {
 public:
  Doorkeeper(Engine& engine, daemon::Worker& worker, std::shared_ptr<const DoorSettings> settings)
      : engine_(engine), http_(engine) {
    adopt(std::move(settings));
    engine_.start(worker.loop(), worker.tasks());
  }
  // Here, for the loop must outlive the journal's threads, and ends with the worker.
  ~Doorkeeper() override {
    const auto closed = engine_.close();
    if (!closed) log::error("the journal did not close", {{"reason", closed.error().message}});
  }

  void adopt(std::shared_ptr<const DoorSettings> settings) {
    settings_ = std::move(settings);
    http_.set(settings_->http);
  }

  aio::Task<> serve(aio::Stream stream, daemon::ListenPointPtr at) override {
    const std::shared_ptr<const DoorSettings> settings = settings_;
    const bool is_redis = at->name == kRedisListener;
    const bool is_etcd = at->name == kEtcdListener;
    const auto& tls = is_redis ? settings->redis_tls : is_etcd ? settings->etcd_tls : settings->http_tls;
    if (tls) {
      const auto agreed = co_await stream.start_tls(tls, engine_.loop().in(std::chrono::seconds(10)));
      if (!agreed) {
        log::debug("TLS handshake failed", {{"listener", at->name}, {"reason", agreed.error().message}});
        co_return;
      }
    }
    if (is_redis) {
      co_await serve_resp(engine_, std::move(stream), settings->redis);
    } else if (is_etcd) {
      co_await serve_etcd(engine_, std::move(stream), settings->etcd);
    } else {
      co_await http_.serve(std::move(stream));
    }
  }

  void on_drain() override {
    engine_.end_waits();
    http_.finish();
  }

 private:
  Engine& engine_;
  HttpDoor http_;
  std::shared_ptr<const DoorSettings> settings_;
};

Result<std::shared_ptr<const aio::TlsContext>> make_tls(
    const std::optional<daemon::TlsListenerSection>& section, const std::vector<std::string>& alpn,
    const char* table) {
  if (!section) return std::shared_ptr<const aio::TlsContext>();
  aio::TlsServerSettings settings = daemon::server_settings(*section);
  settings.alpn = alpn;
  auto made = aio::make_server_context(settings);
  if (!made) return std::unexpected(std::move(made.error()).context(table));
  return made;
}

EngineSettings engine_settings(const Config& config) {
  EngineSettings settings;
  settings.directory = config.store.directory;
  settings.sync = config.durability == Durability::disk ? journal::Sync::durable : journal::Sync::page_cache;
  settings.snapshot_after = config.snapshot_after;
  settings.limits.keys = config.limits.max_keys;
  settings.limits.leases = config.limits.max_sessions;
  settings.limits.value_bytes = config.limits.max_value.count;
  settings.limits.history = config.limits.history;
  settings.limits.shortest_ttl = std::chrono::ceil<keyspace::Millis>(config.limits.shortest_ttl);
  settings.limits.longest_ttl = std::chrono::floor<keyspace::Millis>(config.limits.longest_ttl);
  return settings;
}

// Nothing that was told may be lost, and nothing more can be kept.
[[noreturn]] void end_process(const Error& error) {
  log::error("the journal cannot be written; this process ends", {{"reason", error.message}});
  log::flush();
  _exit(daemon::kExitInternal);
}

}  // namespace

Result<std::unique_ptr<daemon::Service>> Service::make(daemon::Frame& frame, const Config& config) {
  std::unique_ptr<Service> service(new Service(frame));
  if (auto adopted = service->adopt(config); !adopted) return std::unexpected(std::move(adopted.error()));
  auto engine = Engine::open(engine_settings(config), end_process);
  if (!engine) return std::unexpected(std::move(engine.error()).context("store " + config.store.to_string()));
  service->engine_ = std::move(*engine);
  service->engine_->happenings().listen_always(
      [one = service.get()](const Happening& happening) { one->tell(happening); });
  Metrics::register_state(frame.metrics, *service->engine_);
  frame.tasks.spawn(service->sample_rates());
  return service;
}

Result<> Service::adopt(const Config& config) {
  auto doors = std::make_shared<DoorSettings>();
  auto http_tls = make_tls(config.http.tls, {"http/1.1"}, "http.tls");
  if (!http_tls) return std::unexpected(std::move(http_tls.error()));
  auto redis_tls = make_tls(config.redis.tls, {}, "redis.tls");
  if (!redis_tls) return std::unexpected(std::move(redis_tls.error()));
  auto etcd_tls = make_tls(config.etcd.tls, {"h2"}, "etcd.tls");
  if (!etcd_tls) return std::unexpected(std::move(etcd_tls.error()));
  doors->http_tls = std::move(*http_tls);
  doors->redis_tls = std::move(*redis_tls);
  doors->etcd_tls = std::move(*etcd_tls);
  doors->http.token = config.http.token;
  doors->redis.password = config.redis.password;
  if (doors_) doors->redis.shared = doors_->redis.shared;  // the scripts that clients have loaded
  if (!events_ || !(events_->target() == config.events.to)) {
    std::shared_ptr<daemon::EventSink> opened;
    if (config.events.to.kind != daemon::EventTarget::Kind::off) {
      auto sink = daemon::EventSink::open(config.events.to);
      if (!sink) return std::unexpected(std::move(sink.error()).context("events.to"));
      opened = std::move(*sink);
    }
    events_ = std::move(opened);
  }
  doors_ = std::move(doors);
  return {};
}

Result<> Service::reload(const Config& config) {
  if (auto adopted = adopt(config); !adopted) return adopted;
  worker_->loop().post([this, doors = doors_, events = events_] {
    adopt_doors_(doors);
    worker_events_ = events;
  });
  return {};
}

std::unique_ptr<daemon::WorkerService> Service::start_worker(daemon::Worker& worker) {
  auto keeper = std::make_unique<Doorkeeper>(*engine_, worker, doors_);
  worker_ = &worker;
  worker_events_ = events_;
  adopt_doors_ = [one = keeper.get()](std::shared_ptr<const DoorSettings> doors) {
    one->adopt(std::move(doors));
  };
  return keeper;
}

// On the worker's thread.
void Service::tell(const Happening& happening) {
  metrics_.count(happening);
  if (worker_events_) worker_events_->emit(happening_json(happening) + "\n");
  const bool is_lost = happening.kind == lock::Happening::Kind::released &&
                       (happening.cause == Cause::expired || happening.cause == Cause::forced);
  if (!is_lost) return;
  const std::string session = session_text(happening.ticket.lease);
  const auto token = static_cast<uint64_t>(happening.ticket.token);
  frame_.events.publish("lock_lost", {{"lock", happening.name},
                                      {"token", token},
                                      {"session", session},
                                      {"why", to_string(happening.kind, happening.cause)},
                                      {"host", happening.claim.holder.host}});
  log::info("lock lost", {{"lock", happening.name},
                          {"token", std::to_string(token)},
                          {"session", session},
                          {"why", to_string(happening.kind, happening.cause)},
                          {"host", happening.claim.holder.host}});
}

aio::Task<> Service::sample_rates() {
  for (;;) {
    grant_rate_.sample(metrics_.granted(), MonotonicTime::clock::now());
    const auto slept = co_await aio::sleep_until(frame_.loop.in(daemon::RateHistory::kInterval));
    if (!slept) co_return;
  }
}

std::vector<daemon::ApiRoute> Service::api_routes() {
  return {
      {http::Method::post, "/release",
       "Takes a lock from who holds it, or waits for it, with this token: {\"lock\", \"token\", \"reason\"}.",
       [this](daemon::ApiRequest& request) { return force_release(request); }}};
}

daemon::ApiResponse Service::force_release(daemon::ApiRequest& request) {
  const std::string name = request.body.string("lock").value_or("");
  const auto token = request.body.integer("token", 1, INT64_MAX);
  const std::string reason = request.body.string("reason").value_or("");
  request.body.require("lock");
  request.body.require("token");
  if (!request.body.is_fine()) return request.body.refusal();
  const auto revision = static_cast<keyspace::Revision>(*token);
  const bool exists = engine_->inspect([&](const keyspace::Keyspace&, const lock::Index& locks) {
    const lock::Queue* const queue = locks.find(name);
    return queue != nullptr && queue->find_token(revision) != nullptr;
  });
  if (!exists) return daemon::ApiResponse::problem(404, "there is no claim on this lock with this token");
  worker_->loop().post([this, name, revision] {
    (void)locker::force_release(*engine_, name, revision);  // else it has been given back in the meantime
  });
  std::string done = "lock " + name + " taken from token " + std::to_string(*token);
  if (!reason.empty()) done += ": " + reason;
  return {.status = 202, .done = std::move(done)};
}

void Service::reopen_files() {
  if (events_) events_->reopen();
}

void Service::flush() {
  worker_events_.reset();
  events_.reset();  // writes what is queued
}

}  // namespace weir::locker
