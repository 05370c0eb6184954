// librdkafka, loaded when the first event goes to Kafka and not before: with what it brings along (TLS, SASL,
// compression) it would be a fifth of an idle daemon's memory, and most daemons never need it.
#pragma once

#include <librdkafka/rdkafka.h>

#include "pkg/base/result.hh"

namespace weir::daemon {

// The functions in use, under their own names.
struct KafkaLibrary {
  decltype(&::rd_kafka_conf_new) rd_kafka_conf_new;
  decltype(&::rd_kafka_conf_destroy) rd_kafka_conf_destroy;
  decltype(&::rd_kafka_conf_set) rd_kafka_conf_set;
  decltype(&::rd_kafka_conf_set_log_cb) rd_kafka_conf_set_log_cb;
  decltype(&::rd_kafka_new) rd_kafka_new;
  decltype(&::rd_kafka_producev) rd_kafka_producev;
  decltype(&::rd_kafka_poll) rd_kafka_poll;
  decltype(&::rd_kafka_flush) rd_kafka_flush;
  decltype(&::rd_kafka_destroy) rd_kafka_destroy;

  // Stays loaded. Errors: not_found, with what to install.
  static Result<const KafkaLibrary*> load();
};

}  // namespace weir::daemon
