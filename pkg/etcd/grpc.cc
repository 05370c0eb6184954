#include "pkg/etcd/grpc.hh"

#include <utility>

#include "pkg/base/text.hh"

namespace weir::etcd {

namespace {

bool can_stand(char c) {
  return c >= ' ' && c <= '~' && c != '%';
}

}  // namespace

std::string percent_encode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (can_stand(c)) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

std::string status_lines(const Status& status) {
  std::string lines = "grpc-status: ";
  append_uint(lines, static_cast<uint64_t>(status.code));
  lines += "\r\n";
  if (!status.message.empty()) lines += "grpc-message: " + percent_encode(status.message) + "\r\n";
  return lines;
}

std::optional<Duration> parse_timeout(std::string_view text) {
  constexpr size_t kMostDigits = 8;
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  const auto number = parse_uint(text.substr(0, text.size() - 1));
  if (!number) return std::nullopt;
  const auto count = static_cast<int64_t>(*number);
  // 10^8 hours are 11,000 years, more than a Duration of nanoseconds holds.
  const auto bounded = [count](auto unit) {
    const auto most = std::chrono::duration_cast<decltype(unit)>(Duration::max()).count();
    return count >= most ? Duration::max() : std::chrono::duration_cast<Duration>(unit * count);
  };
  switch (text.back()) {
    case 'H':
      return bounded(std::chrono::hours(1));
    case 'M':
      return bounded(std::chrono::minutes(1));
    case 'S':
      return bounded(std::chrono::seconds(1));
    case 'm':
      return bounded(std::chrono::milliseconds(1));
    case 'u':
      return bounded(std::chrono::microseconds(1));
    case 'n':
      return bounded(std::chrono::nanoseconds(1));
    default:
      return std::nullopt;
  }
}

bool is_grpc_content(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (!iequals(content_type.substr(0, kType.size()), kType)) return false;
  std::string_view rest = content_type.substr(kType.size());
  constexpr std::string_view kProto = "+proto";
  if (iequals(rest.substr(0, kProto.size()), kProto)) rest.remove_prefix(kProto.size());
  rest = trim(rest);
  return rest.empty() || rest.front() == ';';
}

std::optional<MethodPath> parse_method_path(std::string_view path) {
  if (!path.starts_with('/')) return std::nullopt;
  const std::string_view rest = path.substr(1);
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const MethodPath parsed{rest.substr(0, slash), rest.substr(slash + 1)};
  const bool is_whole =
      !parsed.service.empty() && !parsed.method.empty() && parsed.method.find('/') == std::string_view::npos;
  if (!is_whole) return std::nullopt;
  return parsed;
}

size_t reserve_prefix(std::string& out) {
  const size_t at = out.size();
  out.append(kPrefixBytes, '\0');
  return at;
}

void set_prefix(std::string& out, size_t at) {
  const size_t size = out.size() - at - kPrefixBytes;
  for (size_t i = 0; i < 4; ++i) out[at + 1 + i] = static_cast<char>(size >> (8 * (3 - i)));
}

void MessageReader::feed(std::string_view bytes) {
  buffer_.erase(0, std::exchange(taken_, 0));
  buffer_ += bytes;
}

Reply<std::optional<std::string_view>> MessageReader::next() {
  const std::string_view rest = std::string_view(buffer_).substr(taken_);
  if (rest.size() < kPrefixBytes) return std::nullopt;
  const auto byte = [rest](size_t i) { return uint32_t{static_cast<unsigned char>(rest[i])}; };
  if (byte(0) > 1) return refuse(Code::internal, "a message's first byte is neither 0 nor 1");
  if (byte(0) == 1) return refuse(Code::unimplemented, "compressed messages are not understood");
  const size_t size = byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
  if (size > limit_) {
    return refuse(Code::resource_exhausted,
                  "a message of " + std::to_string(size) + " bytes is larger than " + std::to_string(limit_));
  }
  if (rest.size() < kPrefixBytes + size) return std::nullopt;
  taken_ += kPrefixBytes + size;
  return rest.substr(kPrefixBytes, size);
}

}  // namespace weir::etcd
