// Sticky sessions by cookie: which server a client's cookie names, and what is told it.
//
// Our own cookie holds a signed name and nothing else; servers don't see it. An application's cookie is left
// to the application, with the signed name and a "~" put in front of its value on the way out and taken off
// on the way in.
#pragma once

#include <string>

#include "pkg/balance/sticky_token.hh"
#include "pkg/gateway/upstream_section.hh"
#include "pkg/http/message.hh"

namespace weir::gateway {

class StickyCookie {
 public:
  StickyCookie(const UpstreamSection& settings, std::string_view secret, std::string_view scope);

  // The server that the request's cookie names; empty: none.
  std::string server_of(const http::FieldList& request) const;
  // A Cookie field's value as servers see it; empty: nothing is left of it.
  std::string for_server(std::string_view cookie_field) const;
  // The value of our Set-Cookie field that names a server; empty where the application has its own.
  std::string set_cookie(std::string_view server, bool secure) const;
  // A Set-Cookie field of the application's, with the server's name where it is the cookie in question.
  std::string for_client(std::string_view set_cookie_field, std::string_view server) const;

  bool is_own() const { return is_own_; }

 private:
  std::string_view token_in(std::string_view value) const;

  balance::StickySigner signer_;
  std::string name_;
  bool is_own_;
  int64_t max_age_;  // seconds; 0: as long as the browser is open
};

}  // namespace weir::gateway
