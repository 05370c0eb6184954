// The scripts that lock libraries send to Redis. None is run here: each is known by its text, whatever its
// blanks, comments and quotes, and does what it would do there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace weir::locker {

enum class RedisScript : uint8_t {
  // Of one lock, KEYS[1], and a value, ARGV[1]; a time is ARGV[2].
  release,             // 1; 0 if it is not held with that value
  release_or_nothing,  // 1, nil
  release_telling,     // 1; 0: held with another value; -1: free
  extend,              // by milliseconds: 1, 0
  extend_or_nothing,   // 1, nil
  extend_seconds,      // 1, 0
  extend_seconds_or_nothing,
  extend_status,  // OK, 0
  extend_status_or_nothing,
  extend_or_take,  // 1, 0
  extend_by,       // adds to what is left if ARGV[3] is "0": 1, 0
  take,            // 1, 0
  take_seconds,    // 1, 0
  take_status,     // OK, nil
  take_or_extend,  // takes it only if ARGV[3] is "yes": OK, nil
  remaining,       // milliseconds; -3 if it is not held with that value
  look,            // of KEYS[1] alone: its value and its milliseconds
  // Of all KEYS, with the value ARGV[1] and the milliseconds ARGV[2]; how many, or 0.
  take_all,
  extend_all,
  release_all,
};

class RedisScripts {
 public:
  RedisScripts();

  // Nothing: not one of them.
  std::optional<RedisScript> find(std::string_view text);
  std::optional<RedisScript> find_by_sha1(std::string_view digest) const;
  // Finds it, and knows it by its digest from then on.
  std::optional<std::string> load(std::string_view text);
  void flush();

 private:
  // A text can be spelled in endless ways.
  static constexpr size_t kMostSpellings = 256;

  struct Spelling {
    std::string sha1;
    RedisScript script;
  };
  const Spelling* learn(std::string_view text);

  std::map<std::string, RedisScript, std::less<>> known_;    // by the digest of the text's plain form
  std::map<std::string, Spelling, std::less<>> spellings_;   // texts as they came
  std::map<std::string, RedisScript, std::less<>> digests_;  // of those
};

// The words of a Lua text, one blank between two of them, without comments and semicolons; texts in quotes in
// lower case and in one sort of quotes. For comparing with another one, not for running.
std::string plain_form_of_lua(std::string_view text);

}  // namespace weir::locker
