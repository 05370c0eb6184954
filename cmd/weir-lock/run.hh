// Runs a command while a lock is held: `run`, `try` with a command, and `elect`.
#pragma once

#include <memory>
#include <optional>

#include "cmd/weir-lock/command.hh"
#include "cmd/weir-lock/options.hh"
#include "cmd/weir-lock/session.hh"

namespace weir::locking {

class Run {
 public:
  Run(aio::Loop& loop, const Options& options, Signals& signals);

  // Our exit status.
  aio::Task<int> perform();
  // The signal that we should end by, in its place; 0: none. After perform().
  int last_signal() const { return last_signal_; }

 private:
  // Before the lock is held. Nothing: it is; else the exit status.
  aio::Task<std::optional<int>> take();
  aio::Task<> try_or_be_called_off();
  aio::Task<> try_once(std::optional<Duration> patience);
  aio::Task<Reply<>> begin_session();
  aio::Task<> tell_who_holds();
  aio::Task<> pause(unsigned attempt);
  std::optional<Duration> patience_left() const;
  std::optional<int> give_up(const Trouble& trouble);

  // While it is.
  aio::Task<int> run_command(uint64_t token);
  aio::Task<> watch_over_command();
  aio::Task<> end_command();
  aio::Task<> give_back();

  void on_signal(Signals::Received received);
  bool is_lost() const { return session_ && session_->loss() != Session::Loss::none; }
  void tell(const std::string& message) const;
  std::string said_names() const;

  aio::Loop& loop_;
  const Options& options_;
  Signals& signals_;
  Session::Settings session_settings_;
  Claim claim_;
  Random random_;

  aio::Event changed_;  // any of what follows
  std::unique_ptr<Session> session_;
  std::optional<Reply<Grant>> outcome_;  // of an attempt to take it
  std::unique_ptr<Command> command_;
  int signal_ = 0;         // that came while no command ran
  int forwarded_ = 0;      // that came while one did
  bool was_lost_ = false;  // the lock, before the command had ended

  BootTime began_{};
  bool was_reached_ = false;              // the server, ever
  BootTime last_answer_{};                // of the server's
  std::vector<std::string> left_behind_;  // sessions that may still stand in the queue
  int last_signal_ = 0;
};

}  // namespace weir::locking
