// What a client of the admin endpoint sends, in any bytes: credentials, a path below /api, a body. Lines of
// the input, the body last.

#include <cstdint>
#include <cstdlib>

#include "pkg/base/text.hh"
#include "pkg/daemon/admin_access.hh"
#include "pkg/daemon/api.hh"
#include "pkg/http/path.hh"

using namespace weir;
using namespace weir::daemon;

namespace {

void require(bool condition) {
  if (!condition) abort();
}

ApiResponse read_everything(ApiRequest& request) {
  JsonBody& body = request.body;
  for (const std::string& name : body.names()) {
    body.string(name);
    body.integer(name, 0, 100);
    body.number(name, -1, 1);
    body.boolean(name);
    body.strings(name);
    if (auto inner = body.object(name)) inner->choice("a", {"b", "c"});
    for (JsonBody& item : body.objects(name)) item.require("a");
  }
  // Each member was asked for as six different things: it is wrong as most of them.
  require(body.is_fine() == body.names().empty());
  require(request.parameters.empty() || !request.parameter("x").empty());
  return body.is_fine() ? ApiResponse{} : body.refusal();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto take_line = [&text] {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
  };
  const auto given = parse_credentials(take_line());
  require(!given || given->user.find(':') == std::string::npos);

  Api api;
  api.add({http::Method::put, "/a/{x}", "", read_everything});
  api.add({http::Method::put, "/a/b", "", read_everything});
  std::string storage;
  const auto path = http::normalise_path(take_line(), storage);
  if (!path) return 0;
  const ApiResponse response = api.answer(http::Method::put, *path, text);
  require((response.status < 400) == !response.is_problem);
  require(response.status == 404 || !api.allowed(*path).empty());
  return 0;
}
