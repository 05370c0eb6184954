// Field lines as HTTP/1.1 writes them, as the list of fields that nghttp2 takes. Copies nothing.
#pragma once

#include <nghttp2/nghttp2.h>

#include <span>
#include <string_view>
#include <vector>

#include "pkg/http/message.hh"

namespace weir::http {

class H2Lines {
 public:
  // The pseudo-header fields, then those of `lines`, without the ones that speak of a connection. The views
  // must stay valid as long as the list is used.
  void assign(std::span<const Field> pseudo, std::string_view lines);
  const nghttp2_nv* data() const { return fields_.data(); }
  size_t size() const { return fields_.size(); }

 private:
  void add(std::string_view name, std::string_view value, FieldId id);
  std::vector<nghttp2_nv> fields_;
};

}  // namespace weir::http
