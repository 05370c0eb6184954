#include "pkg/dns/message.hh"

#include <algorithm>

#include "pkg/base/text.hh"

namespace weir::dns {
namespace {

constexpr size_t kHeaderSize = 12;
constexpr size_t kMostNameBytes = 255;
constexpr uint16_t kTypeSrv = 33;
constexpr uint16_t kClassInternet = 1;

bool is_host_character(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '_';
}

// Goes through a message; once something did not fit, everything it gives is zero and is_good() is false.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> message) : message_(message) {}

  bool is_good() const { return good_; }
  size_t at() const { return at_; }
  void skip(size_t count) { take(count); }
  uint16_t number16() {
    const auto bytes = take(2);
    return bytes.empty() ? 0 : static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
  }
  uint32_t number32() {
    const uint32_t high = number16();
    return high << 16 | number16();
  }
  // Without the dot at its end, in lower case. Compression (RFC 1035 4.1.4) may lead to an earlier name.
  std::string name() {
    std::string out;
    size_t end = 0;  // behind the first pointer; 0 when none was met
    size_t lowest = at_;
    for (;;) {
      const auto size = take(1);
      if (size.empty()) return {};
      if (size[0] == 0) break;
      if ((size[0] & 0xc0) == 0xc0) {
        const auto low = take(1);
        if (low.empty()) return {};
        const size_t target = static_cast<size_t>(size[0] & 0x3f) << 8 | low[0];
        if (target >= lowest) return fail_name();  // each lies before the last: no circles
        if (end == 0) end = at_;
        at_ = lowest = target;
        continue;
      }
      if ((size[0] & 0xc0) != 0) return fail_name();
      const auto label = take(size[0]);
      if (!good_) return {};
      if (!out.empty()) out += '.';
      for (const uint8_t byte : label) out += ascii_lower(static_cast<char>(byte));
      if (out.size() > kMostNameBytes) return fail_name();
    }
    if (end != 0) at_ = end;
    return out;
  }

 private:
  std::string fail_name() {
    good_ = false;
    return {};
  }
  std::span<const uint8_t> take(size_t count) {
    if (!good_ || message_.size() - at_ < count) {
      good_ = false;
      return {};
    }
    at_ += count;
    return message_.subspan(at_ - count, count);
  }

  std::span<const uint8_t> message_;
  size_t at_ = 0;
  bool good_ = true;
};

struct RecordHead {
  uint16_t type = 0;
  uint16_t record_class = 0;
  uint32_t ttl = 0;
  uint16_t size = 0;
};

RecordHead read_head(Reader& reader) {
  reader.name();
  RecordHead head;
  head.type = reader.number16();
  head.record_class = reader.number16();
  head.ttl = reader.number32();
  if (head.ttl > INT32_MAX) head.ttl = 0;  // RFC 2181 8
  head.size = reader.number16();
  return head;
}

ServiceRecord read_service(Reader& reader) {
  ServiceRecord record;
  record.priority = reader.number16();
  record.weight = reader.number16();
  record.port = reader.number16();
  record.target = reader.name();
  return record;
}

}  // namespace

Result<ServiceRecords> parse_services(std::span<const uint8_t> message) {
  const auto bad = [] { return fail(Errc::invalid, "the answer is malformed"); };
  Reader reader(message);
  reader.skip(4);
  const uint16_t questions = reader.number16();
  const uint16_t answers = reader.number16();
  reader.skip(kHeaderSize - reader.at());
  for (uint16_t i = 0; i < questions && reader.is_good(); ++i) {
    reader.name();
    reader.skip(4);
  }
  ServiceRecords out;
  for (uint16_t i = 0; i < answers && reader.is_good(); ++i) {
    const RecordHead head = read_head(reader);
    out.ttl = i == 0 ? head.ttl : std::min(out.ttl, head.ttl);
    if (head.type != kTypeSrv || head.record_class != kClassInternet) {
      reader.skip(head.size);
      continue;
    }
    const size_t end = reader.at() + head.size;
    ServiceRecord record = read_service(reader);
    if (reader.at() != end) return bad();
    const bool is_host =
        std::ranges::all_of(record.target, [](char c) { return is_host_character(c) || c == '.'; });
    if (!is_host) return fail(Errc::invalid, "a service's target is not a host name");
    out.records.push_back(std::move(record));
  }
  if (!reader.is_good()) return bad();
  return out;
}

}  // namespace weir::dns
