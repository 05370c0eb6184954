// Events to a Kafka topic, one record a line, by librdkafka, which batches and retries on threads of its own.

#include "pkg/daemon/event_writer.hh"
#include "pkg/daemon/kafka_library.hh"
#include "pkg/daemon/log.hh"

namespace weir::daemon {
namespace {

class KafkaWriter final : public EventWriter {
 public:
  KafkaWriter(const KafkaLibrary& library, rd_kafka_t* producer, std::string topic)
      : kafka_(library), producer_(producer), topic_(std::move(topic)) {}
  ~KafkaWriter() override {
    constexpr int kMillis = 3000;
    kafka_.rd_kafka_flush(producer_, kMillis);
    kafka_.rd_kafka_destroy(producer_);
  }

  size_t write(std::string_view lines) override {
    size_t done = 0;
    while (done < lines.size()) {
      const size_t end = lines.find('\n', done);
      const std::string_view line = lines.substr(done, end - done);
      const rd_kafka_resp_err_t error =
          kafka_.rd_kafka_producev(producer_, RD_KAFKA_V_TOPIC(topic_.c_str()),
                                   RD_KAFKA_V_VALUE(const_cast<char*>(line.data()), line.size()),
                                   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
      kafka_.rd_kafka_poll(producer_, 0);
      if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) break;
      done = end + 1;
    }
    return done;
  }

 private:
  const KafkaLibrary& kafka_;
  rd_kafka_t* producer_;
  std::string topic_;
};

void log_line(const rd_kafka_t*, int level, const char* facility, const char* text) {
  constexpr int kWarning = 4;  // syslog's
  log::write(level <= kWarning ? log::Level::warn : log::Level::debug, "kafka",
             {{"facility", facility}, {"detail", text}});
}

}  // namespace

Result<std::unique_ptr<EventWriter>> make_kafka_writer(const EventTarget& target) {
  const auto library = KafkaLibrary::load();
  if (!library) return std::unexpected(library.error());
  const KafkaLibrary& kafka = **library;
  char text[512];
  rd_kafka_conf_t* conf = kafka.rd_kafka_conf_new();
  kafka.rd_kafka_conf_set_log_cb(conf, log_line);
  const bool set = kafka.rd_kafka_conf_set(conf, "bootstrap.servers", target.brokers.c_str(), text,
                                           sizeof text) == RD_KAFKA_CONF_OK &&
                   kafka.rd_kafka_conf_set(conf, "client.id", "weir", text, sizeof text) == RD_KAFKA_CONF_OK;
  rd_kafka_t* producer = set ? kafka.rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text) : nullptr;
  if (producer == nullptr) {
    kafka.rd_kafka_conf_destroy(conf);
    return fail(Errc::invalid, std::string("kafka: ") + text);
  }
  return std::make_unique<KafkaWriter>(kafka, producer, target.topic);
}

}  // namespace weir::daemon
