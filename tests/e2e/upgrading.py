"""Daemons whose binary is replaced in place: the process changes, the log goes on."""

import os
import re
import signal

from harness import until


def pids_serving(log):
    """The processes that became ready, oldest first."""
    return [int(pid) for pid in re.findall(r"msg=ready .*pid=(\d+)", log)]


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Upgrading:
    """For a harness.Daemon whose process changes; all of them write to one log."""

    def current(self):
        return pids_serving(self.err())[-1]

    def upgrade(self):
        before = self.current()
        done = self.err().count("take over done")
        os.kill(before, signal.SIGUSR2)
        until(lambda: self.err().count("take over done") > done, "the take over")
        return before

    def stop(self):
        for pid in pids_serving(self.err())[1:]:
            if is_alive(pid):
                os.kill(pid, signal.SIGTERM)
        super().stop()
        for pid in pids_serving(self.err()):
            until(lambda pid=pid: not is_alive(pid), "a process to end")
