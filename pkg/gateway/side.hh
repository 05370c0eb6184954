// What the two sides of an exchange have in common, whatever protocol they speak.
//
// Heads are handed over as the field lines that HTTP/1.1 writes ("Name: value", each with CRLF). They are
// written once, in one place; a side that speaks another protocol reads the pairs back out of them.
#pragma once

#include <string_view>

namespace weir::gateway {

// What goes out in one step.
struct Outgoing {
  std::string_view head = {};      // "" once it has been sent
  std::string_view piece = {};     // of the content
  bool last = false;               // the message ends with this piece
  std::string_view trailers = {};  // field lines, with the last piece
};

}  // namespace weir::gateway
