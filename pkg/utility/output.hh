// Standard output of a utility: records for whoever reads. A reader that has left is no error: there is
// nothing more to do.
#pragma once

#include <string>
#include <string_view>

namespace weir::utility {

// Descriptors 0 to 2 are taken, if by nothing, so that nothing else gets their numbers: else words for people
// might be written to a server. A command that is run finds them as we did. First of all in main().
void keep_standard_descriptors();

enum class Written { fine, nobody_reads, failed };

// Writes all of it, at once: a follower sees each line when it is there. `failed` leaves why in errno.
Written write_out(std::string_view text);
// Whether the reader of a pipe has left; false for all else.
bool reader_left();

// Text from elsewhere, which cannot drive a terminal: control characters have become "?".
std::string harmless(std::string_view text);

bool is_terminal(int descriptor);
// Whether text for people on this descriptor may be coloured: a terminal that can, and no NO_COLOR.
bool may_colour(int descriptor);

}  // namespace weir::utility
