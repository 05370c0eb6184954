#include <catch2/catch.hpp>

#include "cmd/weir-locker/redis_scripts.hh"
#include "pkg/base/sha1.hh"

using namespace weir::locker;

TEST_CASE("a script is the same in any spelling") {
  const std::string plain = plain_form_of_lua("if redis.call('get',KEYS[1]) == ARGV[1] then return 0 end");
  for (const char* same : {
           "if redis.call(\"GET\", KEYS[1])==ARGV[1]then return 0;end;",
           "-- releases\nif redis . call ( 'get' , KEYS [ 1 ] ) == ARGV [ 1 ]\n\tthen return 0 end",
           "--[[ a\nb ]] if redis.call('get',KEYS[1]) == ARGV[1] then return 0 end -- done",
       }) {
    INFO(same);
    CHECK(plain_form_of_lua(same) == plain);
  }
  for (const char* other : {
           "if redis.call('get',KEYS[2]) == ARGV[1] then return 0 end",
           "if redis.call('get',KEYS[1]) ~= ARGV[1] then return 0 end",
           "if redis.call('get',KEYS[1]) = = ARGV[1] then return 0 end",
           "if redis.call('g et',KEYS[1]) == ARGV[1] then return 0 end",
           "if redis.call('get',keys[1]) == ARGV[1] then return 0 end",
           "if redis.call('get',KEYS[1]) == ARGV[1] then return 0 end --[[",
           "if redis.call('get',KEYS[1]) == ARGV[1] then return 00 end",
       }) {
    INFO(other);
    CHECK((plain_form_of_lua(other) != plain || std::string_view(other).ends_with("--[[")));
  }
}

TEST_CASE("any bytes have a plain form") {
  for (const char* text : {"", "\"", "'", "'\\", "--", "--[[", "--[[]", "\xff\xfe", "=", "..", "a'b"}) {
    INFO(text);
    CHECK(plain_form_of_lua(plain_form_of_lua(text)) == plain_form_of_lua(text));
  }
}

TEST_CASE("scripts as everybody writes them are known") {
  RedisScripts scripts;
  CHECK(scripts.find("if redis.call(\"get\",KEYS[1]) == ARGV[1] then return redis.call(\"del\",KEYS[1]) else "
                     "return 0 end") == RedisScript::release);
  CHECK(scripts.find("if ARGV[1] == redis.call('GET', KEYS[1]) then return redis.call('DEL', KEYS[1]) end "
                     "return 0") == RedisScript::release);
  CHECK(scripts.find("if redis.call('get',KEYS[1]) == ARGV[1] then return "
                     "redis.call('pexpire',KEYS[1],ARGV[2]) end") == RedisScript::extend_or_nothing);
  CHECK(scripts.find("if (redis.call('get',KEYS[1]) == ARGV[1]) then return "
                     "redis.call('expire',KEYS[1],ARGV[2]) else return 0 end") ==
        RedisScript::extend_seconds);
  CHECK_FALSE(scripts.find("return 1"));
  CHECK_FALSE(scripts.find("return redis.call('del', KEYS[1])"));
  CHECK_FALSE(scripts.find(""));
}

TEST_CASE("a script is known by its digest once it has been sent") {
  RedisScripts scripts;
  const std::string text =
      "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end";
  CHECK_FALSE(scripts.find_by_sha1(weir::sha1_hex(text)));
  CHECK(scripts.load(text) == weir::sha1_hex(text));
  CHECK(scripts.find_by_sha1(weir::sha1_hex(text)) == RedisScript::release);
  scripts.flush();
  CHECK_FALSE(scripts.find_by_sha1(weir::sha1_hex(text)));
  CHECK_FALSE(scripts.load("return 1"));
}

TEST_CASE("endless spellings of one script take a bounded place") {
  RedisScripts scripts;
  const std::string text =
      "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end";
  for (size_t i = 0; i < 1000; ++i) REQUIRE(scripts.find(text + std::string(i, ' ')));
  size_t known = 0;
  for (size_t i = 0; i < 1000; ++i) {
    if (scripts.find_by_sha1(weir::sha1_hex(text + std::string(i, ' ')))) ++known;
  }
  CHECK(known <= 256);
}
