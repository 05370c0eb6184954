// Upstreams and servers as the admin API shows them.
#pragma once

#include "pkg/base/json.hh"
#include "pkg/gateway/upstream.hh"

namespace weir::gateway {

void append_server(JsonWriter& json, const Upstream& upstream, const balance::MemberStatus& status);
void append_upstream(JsonWriter& json, const Upstream& upstream);

}  // namespace weir::gateway
