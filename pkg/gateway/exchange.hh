// One request and its answer. run() names the stages in the order in which a request passes them; a stage
// lets it go on or answers it. An Exchange is used for request after request, so that its strings keep their
// memory.
//
// exchange.cc has the stages, forward.cc the attempts to get an answer from a server, upload.cc a request's
// body on its way there, relay_response.cc the answer's way back, answer.cc the answers of our own.
#pragma once

#include <optional>

#include "pkg/aio/scope.hh"
#include "pkg/aio/stream.hh"
#include "pkg/gateway/access_record.hh"
#include "pkg/gateway/arrival.hh"
#include "pkg/gateway/client_side.hh"
#include "pkg/gateway/server_choice.hh"
#include "pkg/gateway/server_connection.hh"
#include "pkg/gateway/snapshot.hh"
#include "pkg/http/head.hh"

namespace weir::gateway {

class Worker;

class Exchange {
 public:
  // What becomes of the client's connection.
  enum class Next { keep_alive, close, passed_on };  // passed_on: another process has it

  explicit Exchange(Worker& worker) : worker_(worker) {}

  aio::Task<Next> run(ClientSide& client, const Arrival& arrival);

  // Answers what is not a request: too long, too slow, or malformed as far as it came.
  aio::Task<> refuse(ClientSide& client, const Arrival& arrival, int status, std::string_view reason);

 private:
  // A request whose body is sent while its answer may already come.
  struct Upload {
    explicit Upload(aio::Loop& loop) : tasks(loop) {}
    aio::Scope tasks;
    aio::Event progress;
    uint64_t pieces = 0;  // of the body that were or are being sent
    bool is_writing = false;
    bool sent_all = false;
    bool server_stopped = false;  // it takes no more of the body; perhaps it answers
    int client_status = 0;        // the answer where the client's body was at fault; 0: it was not
    std::string_view client_reason;
    std::optional<Attempt> head;  // once the response's head is there, or will not come
  };

  void begin(ClientSide& client, const Arrival& arrival, aio::TaskContext& task);
  void finish();

  bool read_head();
  bool route();
  bool check_body_size();
  bool check_lag();
  void limit();
  aio::Task<> delay();

  aio::Task<Next> forward();
  aio::Task<resilience::Slot> enter_bulkhead();
  void mirror();
  aio::TaskContext* watcher() const { return settings().abort_when_client_leaves ? task_ : nullptr; }
  bool take_idle_connection();
  aio::Task<Attempt> connect(bool only_fresh);
  aio::Task<Attempt> send_request();
  aio::Task<Attempt> await_head(aio::Deadline deadline);
  aio::Task<bool> pass_on_interim();
  void choose_upstream();
  bool choose_server();
  void judge(Attempt outcome);
  void note_breaker(resilience::BreakerState before);
  bool may_repeat(Attempt outcome) const;
  bool should_retry(Attempt outcome, unsigned retries);
  aio::Task<Next> give_up(Attempt outcome);

  aio::Task<Attempt> upload(std::string_view first_piece);
  aio::Task<> pump(Upload& upload);
  aio::Task<> watch(Upload& upload);
  aio::Task<> end_upload();

  aio::Task<Next> relay_response();
  aio::Task<bool> relay_body(http::BodySource& body);
  bool passes_response_field(const http::Field& field) const;
  aio::Task<Next> switch_protocols();
  void keep_upstream();

  aio::Task<Result<>> send_piece(std::string_view head, std::string_view piece, bool last,
                                 aio::Deadline deadline);
  std::string trailers_of(const http::BodySource& body, bool (Exchange::*passes)(const http::Field&) const);

  void write_request_head();
  void make_target();
  std::string_view authority() const;
  bool passes_request_field(const http::Field& field) const;
  void append_request_field(const http::Field& field);
  void append_response_field(const http::Field& field);
  void append_request_framing();
  void append_sticky_cookie();
  void append_forwarded_fields();
  void write_response_head(Ending ending);

  // An answer of our own; `fields` are ready-made lines. Sets record_.reason when it is still empty.
  aio::Task<Next> answer(int status, std::string_view reason, std::string_view fields = {});
  aio::Task<Next> answer_with_body(int status, std::string_view fields, std::string_view type,
                                   std::string_view body);
  aio::Task<Next> answer_limited();
  aio::Task<bool> discard_body();

  const ClientSection& settings() const { return snapshot_->config.client; }
  aio::Loop& loop() const;

  Worker& worker_;
  std::shared_ptr<const Snapshot> snapshot_;
  const Listener* listener_ = nullptr;
  ClientSide* client_ = nullptr;
  Peer peer_;
  aio::TaskContext* task_ = nullptr;
  const Route* route_ = nullptr;

  http::RequestHead request_;
  http::ResponseHead response_;
  http::BodySource* body_ = nullptr;  // the request's
  AccessRecord record_;
  Trace trace_;
  int refusal_ = 0;  // the status to answer when a stage did not let the request go on
  std::string refusal_fields_;
  std::string normalised_;  // what path_ points into, where the received path was not normal
  std::string_view path_;
  std::string target_;  // as the server gets it
  std::string request_out_;
  std::string response_out_;
  std::string trailers_out_;  // of the request
  std::string problem_;

  ServerConnection connection_;  // of the present attempt
  std::shared_ptr<Upstream> upstream_;
  ServerChoice choice_;
  std::string sticky_server_;  // that the client's cookie names
  std::optional<Upload> upload_;
  bool sent_ = false;            // some of the request is with the server
  bool body_gone_ = false;       // part of the body has left our buffer: the request cannot be repeated
  bool answer_begun_ = false;    // the client has got part of an answer
  bool upstream_clean_ = false;  // request and response ended where they should: the connection can be reused
};

}  // namespace weir::gateway
