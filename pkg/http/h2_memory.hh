// Where nghttp2's memory comes from: the lists that coroutine frames come from too. A request costs nghttp2
// seven allocations, most of which live until its answer is sent; with some hundred requests under way malloc
// serves them from its slow path.
#pragma once

#include <nghttp2/nghttp2.h>

namespace weir::http {

nghttp2_mem* h2_memory();

}  // namespace weir::http
