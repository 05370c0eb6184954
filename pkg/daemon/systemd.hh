// The service manager's protocols, spoken directly: sd_notify(3), socket activation (sd_listen_fds(3)) and
// the watchdog. Each does nothing where the environment does not ask for it.
#pragma once

#include <string_view>
#include <vector>

#include "pkg/base/units.hh"

namespace weir::daemon {

// Sends lines such as "READY=1\nSTATUS=…" to $NOTIFY_SOCKET.
void notify_service_manager(std::string_view lines);
// RELOADING=1 with the time that systemd wants to see.
void notify_reloading();

// The descriptors that were handed over, if they are meant for this process ($LISTEN_FDS, $LISTEN_PID). Takes
// the variables out of the environment, so that children don't take them for theirs.
std::vector<int> take_inherited_sockets();

// How often the watchdog wants to hear from this process ($WATCHDOG_USEC, $WATCHDOG_PID); zero: never.
Duration watchdog_interval();

}  // namespace weir::daemon
