// What the status page is made of beside its content: served as files of their own, so that the page's
// policy can forbid everything inline.
#pragma once

#include <string_view>

namespace weir::daemon {

extern const std::string_view kPageStyle;   // /status.css
extern const std::string_view kPageScript;  // /live.js
extern const std::string_view kPageIcon;    // /icon.svg

// Content-Security-Policy of the page.
inline constexpr std::string_view kPagePolicy =
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace weir::daemon
