// Standard output of a utility: records for whoever reads. A reader that has left is no error: there is
// nothing more to do.
#pragma once

#include <string_view>

namespace weir::utility {

enum class Written { fine, nobody_reads, failed };

// Writes all of it, at once: a follower sees each line when it is there. `failed` leaves why in errno.
Written write_out(std::string_view text);
// Whether the reader of a pipe has left; false for all else.
bool reader_left();

bool is_terminal(int descriptor);
// How wide a terminal's lines are; 80 where nobody knows.
unsigned terminal_width(int descriptor);
// Whether text for people on this descriptor may be coloured: a terminal that can, and no NO_COLOR.
bool may_colour(int descriptor);

}  // namespace weir::utility
