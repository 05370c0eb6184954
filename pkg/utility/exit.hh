// What utilities exit with: sysexits(3), as far as they are used, and what shells say of commands.
#pragma once

namespace weir::utility {

enum ExitCode {
  kExitFine = 0,
  kExitFailed = 1,
  kExitUsage = 64,
  kExitUnavailable = 69,  // a server cannot be reached
  kExitInternal = 70,
  kExitTemporary = 75,  // what was there has been lost; trying again may help
  kExitRefused = 77,    // the server does not let us
  kExitNotExecutable = 126,
  kExitNotFound = 127,
  kExitSignal = 128,  // and the signal's number
};

}  // namespace weir::utility
