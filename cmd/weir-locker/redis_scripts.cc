#include "cmd/weir-locker/redis_scripts.hh"

#include "pkg/base/sha1.hh"

namespace weir::locker {

namespace {

struct Known {
  std::string_view sha1;  // of the plain form
  RedisScript script;
};

// The scripts of libraries, of all versions that were looked at.
constexpr Known kLibraries[] = {
    {"cf5bca8f73a8165d2f7c0d50da32a8f6702e4ca0", RedisScript::take_all},  // redlock for Node.js, 4 and 5
    {"8479818fb87bc8b8120b68a2f0b79ce2bc306ea7", RedisScript::extend_all},
    {"d170c1b6d0d1e4e4392607d9d8789dc336c35116", RedisScript::release_all},
    {"6013ae0c95eeba7b3e33a88fc8d25a77f4b550fe", RedisScript::release},  // redis-py's Lock
    {"c71cad0a6ec0d7d5ebef9ee0a7da090bd349b10e", RedisScript::extend},
    {"d8a398966e7abc78a880ed5663c322deb19842b9", RedisScript::extend_by},
    {"431f8b0689baa2a78179a9d84b54b5ae214d6570", RedisScript::release_telling},  // redsync for Go
    {"6ec8a022fbf6bdf4fb651c46eedfd32d0b6625c5", RedisScript::extend_or_take},
    {"30cd4ff7ff9dea263f0fc63566fdf123fef27591", RedisScript::remaining},       // redislock for Go
    {"fec1404623a6073439947e352ab3dd415756093b", RedisScript::take_or_extend},  // redlock-rb
    {"8241bcadb9353e0c75a10bc6fa97b8c276790713", RedisScript::look},
};

// What is written by hand everywhere: a comparison, what happens then, and what if not.
constexpr std::string_view kComparisons[] = {
    "redis.call('get', KEYS[1]) == ARGV[1]",
    "ARGV[1] == redis.call('get', KEYS[1])",
    "(redis.call('get', KEYS[1]) == ARGV[1])",
    "(ARGV[1] == redis.call('get', KEYS[1]))",
};

struct Deed {
  std::string_view text;
  RedisScript or_zero;
  RedisScript or_nothing;
};
constexpr Deed kDeeds[] = {
    {"redis.call('del', KEYS[1])", RedisScript::release, RedisScript::release_or_nothing},
    {"redis.call('unlink', KEYS[1])", RedisScript::release, RedisScript::release_or_nothing},
    {"redis.call('pexpire', KEYS[1], ARGV[2])", RedisScript::extend, RedisScript::extend_or_nothing},
    {"redis.call('expire', KEYS[1], ARGV[2])", RedisScript::extend_seconds,
     RedisScript::extend_seconds_or_nothing},
    {"redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])", RedisScript::extend_status,
     RedisScript::extend_status_or_nothing},
};

struct Taking {
  std::string_view text;
  RedisScript script;
};
constexpr Taking kTakings[] = {
    {"return redis.call('set', KEYS[1], ARGV[1], 'nx', 'px', ARGV[2])", RedisScript::take_status},
    {"return redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2], 'nx')", RedisScript::take_status},
    {"if redis.call('setnx', KEYS[1], ARGV[1]) == 1 then return redis.call('pexpire', KEYS[1], ARGV[2]) "
     "else return 0 end",
     RedisScript::take},
    {"if redis.call('setnx', KEYS[1], ARGV[1]) == 1 then return redis.call('expire', KEYS[1], ARGV[2]) "
     "else return 0 end",
     RedisScript::take_seconds},
    {"if redis.call('set', KEYS[1], ARGV[1], 'nx', 'px', ARGV[2]) then return 1 else return 0 end",
     RedisScript::take},
    {"if redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2], 'nx') then return 1 else return 0 end",
     RedisScript::take},
};

std::string digest_of_plain_form(std::string_view text) {
  return sha1_hex(plain_form_of_lua(text));
}

}  // namespace

RedisScripts::RedisScripts() {
  for (const Known& known : kLibraries) known_.emplace(known.sha1, known.script);
  for (const Taking& taking : kTakings) known_.emplace(digest_of_plain_form(taking.text), taking.script);
  for (const std::string_view comparison : kComparisons) {
    for (const Deed& deed : kDeeds) {
      const std::string text =
          "if " + std::string(comparison) + " then return " + std::string(deed.text) + " ";
      known_.emplace(digest_of_plain_form(text + "else return 0 end"), deed.or_zero);
      known_.emplace(digest_of_plain_form(text + "end return 0"), deed.or_zero);
      known_.emplace(digest_of_plain_form(text + "end"), deed.or_nothing);
      known_.emplace(digest_of_plain_form(text + "else return nil end"), deed.or_nothing);
    }
  }
}

std::optional<RedisScript> RedisScripts::find(std::string_view text) {
  const Spelling* const spelling = learn(text);
  if (spelling == nullptr) return std::nullopt;
  return spelling->script;
}

std::optional<RedisScript> RedisScripts::find_by_sha1(std::string_view digest) const {
  const auto found = digests_.find(digest);
  if (found == digests_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> RedisScripts::load(std::string_view text) {
  const Spelling* const spelling = learn(text);
  if (spelling == nullptr) return std::nullopt;
  return spelling->sha1;
}

const RedisScripts::Spelling* RedisScripts::learn(std::string_view text) {
  const auto learned = spellings_.find(text);
  if (learned != spellings_.end()) return &learned->second;
  const auto known = known_.find(digest_of_plain_form(text));
  if (known == known_.end()) return nullptr;
  // A client whose script is forgotten is told so, and sends it again.
  if (spellings_.size() >= kMostSpellings) flush();
  const auto fresh = spellings_.emplace(text, Spelling{sha1_hex(text), known->second}).first;
  digests_.emplace(fresh->second.sha1, known->second);
  return &fresh->second;
}

void RedisScripts::flush() {
  spellings_.clear();
  digests_.clear();
}

}  // namespace weir::locker
