#include "pkg/gateway/sticky.hh"

#include "pkg/base/text.hh"
#include "pkg/http/cookie.hh"

namespace weir::gateway {
namespace {

constexpr char kEndOfToken = '~';  // none of a token's characters

}  // namespace

StickyCookie::StickyCookie(const UpstreamSection& settings, std::string_view secret, std::string_view scope)
    : signer_(secret, scope),
      name_(settings.sticky_cookie),
      is_own_(settings.sticky == Sticky::cookie),
      max_age_(std::chrono::duration_cast<std::chrono::seconds>(settings.sticky_lifetime).count()) {}

std::string_view StickyCookie::token_in(std::string_view value) const {
  if (is_own_) return value;
  const size_t end = value.find(kEndOfToken);
  return end == std::string_view::npos ? std::string_view() : value.substr(0, end);
}

std::string StickyCookie::server_of(const http::FieldList& request) const {
  const auto value = http::find_cookie(request, name_);
  if (!value) return {};
  return signer_.decode(token_in(*value)).value_or("");
}

std::string StickyCookie::for_server(std::string_view cookie_field) const {
  return http::change_cookies(cookie_field, name_,
                              [this](std::string_view value) -> std::optional<std::string_view> {
                                if (is_own_) return std::nullopt;
                                const std::string_view token = token_in(value);
                                return token.empty() ? value : value.substr(token.size() + 1);
                              });
}

std::string StickyCookie::set_cookie(std::string_view server, bool secure) const {
  if (!is_own_) return {};
  std::string field = name_ + "=" + signer_.encode(server) + "; Path=/; HttpOnly; SameSite=Lax";
  if (secure) field += "; Secure";
  if (max_age_ > 0) field += "; Max-Age=" + std::to_string(max_age_);
  return field;
}

std::string StickyCookie::for_client(std::string_view set_cookie_field, std::string_view server) const {
  const bool is_its =
      !is_own_ && set_cookie_field.starts_with(name_) && set_cookie_field.find('=') == name_.size();
  if (!is_its) return std::string(set_cookie_field);
  return name_ + "=" + signer_.encode(server) + kEndOfToken +
         std::string(set_cookie_field.substr(name_.size() + 1));
}

}  // namespace weir::gateway
