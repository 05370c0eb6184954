// One request and its answer. run() names the stages in the order in which a request passes them; a stage
// lets it go on or answers it. An Exchange is used for request after request, so that its strings keep their
// memory.
//
// exchange.cc has the stages, forward.cc the attempts to get an answer from a server, upload.cc a request's
// body on its way there, relay_response.cc the answer's way back, answer.cc the answers of our own.
#pragma once

#include <optional>

#include "cmd/weir-proxy/access_record.hh"
#include "cmd/weir-proxy/relay.hh"
#include "cmd/weir-proxy/snapshot.hh"
#include "pkg/aio/scope.hh"
#include "pkg/aio/stream.hh"
#include "pkg/http/head.hh"

namespace weir::proxy {

class Worker;

// Who sits at the other end of a client connection.
struct Peer {
  IpAddress address;
  bool has_address = true;  // false on a Unix socket
};

// While it lives, the client's leaving cancels `task`; with no task it does nothing.
class PeerWatch {
 public:
  PeerWatch(aio::Stream& client, aio::TaskContext* task) : client_(client) {
    if (task != nullptr) client_.cancel_when_peer_leaves(task);
  }
  ~PeerWatch() { client_.cancel_when_peer_leaves(nullptr); }
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;

 private:
  aio::Stream& client_;
};

class Exchange {
 public:
  // What becomes of the client's connection.
  enum class Next { keep_alive, close, passed_on };  // passed_on: another process has it

  explicit Exchange(Worker& worker) : worker_(worker) {}

  // Serves the request whose head fills the first `head_size` bytes that `client` has buffered. On return the
  // stream stands behind the request, if the answer is keep_alive.
  aio::Task<Next> run(aio::Stream& client, Peer peer, size_t head_size);

  // Answers what is not a request: too long, too slow, or malformed as far as it came.
  aio::Task<> refuse(aio::Stream& client, Peer peer, int status, std::string_view reason);

 private:
  // How an attempt to get an answer from a server ended.
  enum class Attempt {
    ok,          // so far; of a whole attempt: there is a response head
    unresolved,  // the server's name has no address yet
    connect_failed,
    connect_timed_out,
    broke_off,      // closed before an answer
    timed_out,      // no answer in time
    bad_answer,     // not HTTP as we know it
    client_failed,  // the request's body was bad, late or cut off: no server's fault
  };
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

  void begin(aio::Stream& client, Peer peer, aio::TaskContext& task);
  void finish();

  bool parse(size_t head_size);
  bool route();
  bool check_body_size();
  void limit();
  aio::Task<> delay();

  aio::Task<Next> forward();
  aio::Task<resilience::Slot> enter_bulkhead();
  Server* pick_server(resilience::Permit& permit);
  aio::TaskContext* watcher() const { return settings().abort_when_client_leaves ? task_ : nullptr; }
  void take_idle_connection(bool only_fresh);
  aio::Task<Attempt> open_connection();
  aio::Task<Attempt> send_request();
  aio::Task<Attempt> await_head(aio::Deadline deadline);
  aio::Task<bool> pass_on_interim();
  void judge(resilience::Permit& permit, Attempt outcome);
  bool may_repeat(Attempt outcome) const;
  bool should_retry(Attempt outcome, unsigned retries);
  aio::Task<Next> give_up(Attempt outcome);

  aio::Task<Attempt> upload(std::string_view first_piece);
  aio::Task<> pump(Upload& upload);
  aio::Task<> watch(Upload& upload);
  aio::Task<> end_upload();

  aio::Task<Next> relay_response();
  aio::Task<bool> relay_body(BodyReader& body, bool chunked);
  bool passes_response_field(const http::Field& field) const;
  aio::Task<Next> switch_protocols();
  void keep_upstream();

  aio::Task<Result<>> send_piece(std::string_view head, std::string_view piece, bool last,
                                 aio::Deadline deadline);

  void write_request_head();
  void append_target();
  bool passes_request_field(const http::Field& field) const;
  void append_forwarded_fields();
  void write_response_head(const http::Framing& framing, bool keep_alive);

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
  aio::Stream* client_ = nullptr;
  Peer peer_;
  aio::TaskContext* task_ = nullptr;
  const Route* route_ = nullptr;

  http::RequestHead request_;
  http::ResponseHead response_;
  std::optional<BodyReader> body_;  // the request's
  AccessRecord record_;
  Trace trace_;
  int refusal_ = 0;  // the status to answer when a stage did not let the request go on
  std::string refusal_fields_;
  std::string normalised_;  // what path_ points into, where the received path was not normal
  std::string_view path_;
  std::string request_out_;
  std::string response_out_;
  std::string problem_;

  aio::Stream upstream_;
  Server* server_ = nullptr;  // the snapshot's
  std::optional<Upload> upload_;
  size_t response_head_size_ = 0;
  bool reused_ = false;          // the upstream's connection had served before
  bool sent_ = false;            // some of the request is with the server
  bool body_gone_ = false;       // part of the body has left our buffer: the request cannot be repeated
  bool answer_begun_ = false;    // the client has got part of an answer
  bool upstream_clean_ = false;  // request and response ended where they should: the connection can be reused
};

}  // namespace weir::proxy
