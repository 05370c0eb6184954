#include "pkg/gateway/route_section.hh"

namespace weir::gateway {

config::Table<RouteSection> route_table() {
  config::Table<RouteSection> t;
  t.key("name", &RouteSection::name)
      .required()
      .unique()
      .example("api")
      .doc("The route's name, in logs, metrics and limits.");
  t.key("listeners", &RouteSection::listeners)
      .example("web")
      .doc("Names of the listeners whose requests it takes. None means all.");
  t.key("hosts", &RouteSection::hosts)
      .example("example.com")
      .doc("Hosts it takes: names, or *.example.com for all names below one. None means any.");
  t.key("path", &RouteSection::path).doc("The path prefix it takes, on slash boundaries.");
  t.key("methods", &RouteSection::methods).example("GET").doc("Methods it takes. None means any.");
  t.key("upstream", &RouteSection::upstream)
      .required()
      .example("app")
      .doc("The upstream, or split, that its requests go to.");
  t.key("mirror", &RouteSection::mirror)
      .example("shadow")
      .doc(
          "An upstream that gets copies of requests too; its answers are thrown away. Requests that are not "
          "whole when they are sent on (a body beyond some 60 KiB, Expect, upgrades) are not copied.");
  t.key("mirror_share", &RouteSection::mirror_share)
      .bounds(0.0, 1.0)
      .doc("The share of requests that is copied.");
  t.key("strip_prefix", &RouteSection::strip_prefix)
      .doc("Whether the prefix is cut off before the path goes upstream.");
  t.key("rewrite", &RouteSection::rewrite)
      .example("/v2")
      .doc("What stands in the prefix's place upstream. Implies strip_prefix.");
  t.key("host_header", &RouteSection::host_header)
      .example("app.internal")
      .doc("The Host that the upstream sees. Empty means the client's.");
  t.key("set_request_headers", &RouteSection::set_request_headers)
      .doc("Fields to set on the request, replacing the client's.");
  t.key("add_request_headers", &RouteSection::add_request_headers).doc("Fields to add to the request.");
  t.key("remove_request_headers", &RouteSection::remove_request_headers)
      .example("Cookie")
      .doc("Fields to take from the request.");
  t.key("set_response_headers", &RouteSection::set_response_headers)
      .doc("Fields to set on the answer, replacing the upstream's.");
  t.key("add_response_headers", &RouteSection::add_response_headers).doc("Fields to add to the answer.");
  t.key("remove_response_headers", &RouteSection::remove_response_headers)
      .example("Server")
      .doc("Fields to take from the answer.");
  return t;
}

}  // namespace weir::gateway
