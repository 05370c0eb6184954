// Who may do what at the admin endpoint. Reading wants the token where one is set. Writing is an operator's
// power: without a token it is for those on the machine itself, and never for a web page that makes their
// browser ask: a browser reaches loopback too, and sends a password it knows with every request.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pkg/base/address.hh"
#include "pkg/http/message.hh"

namespace weir::daemon {

// Who is at the other end of a connection.
struct AdminPeer {
  std::string name = "unix:";  // for the log: "127.0.0.1:54321", "unix:uid=0,pid=1234"
  bool is_unix = false;
  bool is_loopback = false;
};
// `descriptor` is the connection's socket.
AdminPeer admin_peer(const Address& address, int descriptor);

// What an Authorization field brings: `Bearer TOKEN`, or `Basic` with the token as password, which is how a
// browser gives it.
struct Credentials {
  std::string user;  // of Basic
  std::string token;
};
std::optional<Credentials> parse_credentials(std::string_view authorization);

struct AdminRefusal {
  int status;
  std::string detail;
};

// The token where one is set, no more: for figures.
std::optional<AdminRefusal> refuse_scrape(const http::RequestHead& head, std::string_view token);
// The token where one is set; where none is, that a loopback peer named the endpoint by an address: a web
// site whose name was pointed at 127.0.0.1 is recognised by its name (DNS rebinding).
std::optional<AdminRefusal> refuse_read(const http::RequestHead& head, const AdminPeer& peer,
                                        std::string_view token);
// A read that holds a place as long as it lasts: besides, not for another site's page.
std::optional<AdminRefusal> refuse_stream(const http::RequestHead& head, const AdminPeer& peer,
                                          std::string_view token);
// The above, besides: from the machine itself where no token is set; not from another site's page; and as
// application/json, which such a page could not even try without being allowed to first.
std::optional<AdminRefusal> refuse_write(const http::RequestHead& head, const AdminPeer& peer,
                                         std::string_view token);

}  // namespace weir::daemon
