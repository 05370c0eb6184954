#include "cmd/weir-lock/answers.hh"

#include <nlohmann/json.hpp>

namespace weir::locking {

namespace {

using Json = nlohmann::ordered_json;

// `take` may throw what the library throws: the answer is not what we know.
template <typename T, typename Take>
Result<T> read(std::string_view text, Take take) {
  try {
    return take(Json::parse(text));
  } catch (const Json::exception& error) {
    return fail(Errc::invalid, std::string("an answer that is not understood: ") + error.what());
  }
}

std::string words_about(const Json& claim) {
  std::string who = claim.value("host", "");
  const auto pid = claim.value("pid", uint64_t{0});
  if (pid != 0) who += (who.empty() ? "pid " : " pid ") + std::to_string(pid);
  const std::string reason = claim.value("reason", "");
  if (!reason.empty()) who += (who.empty() ? "" : ": ") + reason;
  return who.empty() ? claim.value("text", "") : who;
}

Claimant claimant_of(const Json& json) {
  Claimant claimant;
  claimant.token = json.at("token").get<uint64_t>();
  claimant.session = json.at("session").get<std::string>();
  claimant.mode = json.value("mode", "exclusive");
  if (json.contains("permits")) claimant.mode += " of " + std::to_string(json.value("permits", uint64_t{0}));
  claimant.who = words_about(json);
  claimant.since = json.value("since", "");
  return claimant;
}

LockState lock_of(const Json& json) {
  LockState lock;
  lock.name = json.at("name").get<std::string>();
  lock.revision = json.at("revision").get<uint64_t>();
  for (const Json& holder : json.at("holders")) lock.holders.push_back(claimant_of(holder));
  lock.waiters = json.at("waiters").size();
  lock.json = json.dump();
  return lock;
}

}  // namespace

Result<SessionState> parse_session(std::string_view json) {
  return read<SessionState>(json, [](const Json& session) {
    SessionState state;
    state.id = session.at("session").get<std::string>();
    state.ttl = std::chrono::milliseconds(session.at("ttl_ms").get<int64_t>());
    state.locks = session.at("locks").get<std::vector<std::string>>();
    return state;
  });
}

Result<Grant> parse_grant(std::string_view json) {
  return read<Grant>(json, [](const Json& grant) {
    return Grant{grant.at("token").get<uint64_t>(), grant.at("session").get<std::string>()};
  });
}

Result<LockState> parse_lock(std::string_view json) {
  return read<LockState>(json, lock_of);
}

Result<LockList> parse_locks(std::string_view json) {
  return read<LockList>(json, [](const Json& list) {
    LockList locks;
    for (const Json& lock : list.at("locks")) locks.locks.push_back(lock_of(lock));
    locks.count = list.at("count").get<uint64_t>();
    return locks;
  });
}

Result<Happening> parse_happening(std::string_view json) {
  return read<Happening>(json, [](const Json& happening) {
    return Happening{happening.at("event").get<std::string>(), happening.at("lock").get<std::string>(),
                     happening.at("session").get<std::string>()};
  });
}

std::string problem_detail(std::string_view json) {
  const auto detail = read<std::string>(json, [](const Json& problem) {
    std::string words = problem.value("detail", problem.value("title", ""));
    for (const Json& one : problem.value("errors", Json::array()))
      words += (words.empty() ? "" : "; ") + one.value("pointer", "") + " " + one.value("detail", "");
    return words;
  });
  return detail.value_or("");
}

}  // namespace weir::locking
