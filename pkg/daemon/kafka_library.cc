#include "pkg/daemon/kafka_library.hh"

#include <dlfcn.h>

namespace weir::daemon {

Result<const KafkaLibrary*> KafkaLibrary::load() {
  static KafkaLibrary library{};
  void* handle = dlopen("librdkafka.so.1", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return fail(Errc::not_found, "events to Kafka need librdkafka: install librdkafka1");
  bool complete = true;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
    complete = complete && function != nullptr;
  };
  find(library.rd_kafka_conf_new, "rd_kafka_conf_new");
  find(library.rd_kafka_conf_destroy, "rd_kafka_conf_destroy");
  find(library.rd_kafka_conf_set, "rd_kafka_conf_set");
  find(library.rd_kafka_conf_set_log_cb, "rd_kafka_conf_set_log_cb");
  find(library.rd_kafka_new, "rd_kafka_new");
  find(library.rd_kafka_producev, "rd_kafka_producev");
  find(library.rd_kafka_poll, "rd_kafka_poll");
  find(library.rd_kafka_flush, "rd_kafka_flush");
  find(library.rd_kafka_destroy, "rd_kafka_destroy");
  if (!complete) return fail(Errc::not_found, "this librdkafka lacks functions that events to Kafka need");
  return &library;
}

}  // namespace weir::daemon
