// Writes JSON text, one object a line where it is used for events. It only appends to a string: the
// caller owns the buffer and reuses it, so that an event costs no allocation in the steady state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so that the
// output is valid whatever a client sent.
void append_json_string(std::string& out, std::string_view text);

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);

  JsonWriter& string(std::string_view value);
  JsonWriter& number(uint64_t value);
  JsonWriter& number(int64_t value);
  JsonWriter& number(double value, int decimals);  // fixed point; not finite becomes null
  JsonWriter& boolean(bool value);
  JsonWriter& null();

 private:
  void separate();

  std::string& out_;
  bool need_comma_ = false;
};

}  // namespace weir
