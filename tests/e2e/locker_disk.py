"""weir-locker on a disk that is full, and on one that fails: it ends, has told nobody what it does not know to be kept,
and has all that it told when there is room again."""

import os
import re
import subprocess
import unittest

import harness
import locking
from harness import until
from locking_storm import NO_STRACE, STRACE, Server

FAILED = 70
CANNOT_START = 78
LOG_LINE = "the journal cannot be written; this process ends"


class SmallDisk:
    """A tmpfs, if we may make one."""

    def __init__(self, path, size):
        os.makedirs(path, exist_ok=True)
        self.path = path
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], capture_output=True,
                              text=True)
        self.problem = made.stderr.strip() if made.returncode else None

    def grow(self, size):
        subprocess.run(["mount", "-o", f"remount,size={size}", self.path], check=True)

    def stop(self):
        if self.problem is None:
            subprocess.run(["umount", "-l", self.path], check=True)


class Case(locking.Case):
    def door(self, where):
        door = locking.Door(where if isinstance(where, int) else where.port)
        self.addCleanup(door.close)
        return door

    def start(self, store, top="", **more):
        return self._daemon(locking.Locker, locking.config(store=store, top=top), more)

    def take_until_it_ends(self, door, size, most=3000):
        """The tokens of what was acknowledged, by name."""
        taken = {}
        for number in range(most):
            try:
                status, held = door.acquire(f"n{number}", ttl="10m", text="x" * size)
            except (OSError, EOFError):
                return taken
            if status == 503:
                return taken
            self.assertEqual(status, 200, held)
            taken[f"n{number}"] = held["token"]
        self.fail("it goes on and on")

    def assert_ended_clearly(self, locker, reason):
        self.assertEqual(locker.wait(), FAILED)
        self.assertIn(LOG_LINE, locker.err())
        self.assertRegex(locker.err(), reason)

    def assert_has(self, door, taken):
        shown = {name: [one["token"] for one in door.show(name)["holders"]] for name in taken}
        missing = {name: token for name, token in taken.items() if shown[name] != [token]}
        self.assertFalse(missing, "acknowledged, and forgotten")
        # The last was asked for, and perhaps written.
        self.assertLessEqual(door.ask("GET", "/sessions")[1]["count"], len(taken) + 1)
        status, held = door.acquire("after", ttl="1m")
        self.assertEqual(status, 200)
        self.assertGreater(held["token"], max(taken.values()))


class FullDisks(Case):
    def disk(self, size):
        disk = self.keep(SmallDisk(os.path.join(self.directory, "disk"), size))
        if disk.problem is not None:
            print(f"LEFT OUT: a full disk, for no tmpfs can be mounted here: {disk.problem}")
            raise unittest.SkipTest("needs to mount a tmpfs")
        return disk, "file:" + os.path.join(disk.path, "store")

    def test_no_room_for_records(self):
        disk, store = self.disk("70m")
        locker = self.start(store, 'snapshot_after = "1GiB"')
        taken = self.take_until_it_ends(self.door(locker), 30_000)
        self.assert_ended_clearly(locker, "No space left on device")
        self.assertGreater(len(taken), 1000)
        disk.grow("300m")
        self.assert_has(self.door(self.start(store, 'snapshot_after = "1GiB"')), taken)

    def test_no_room_for_a_snapshot(self):
        disk, store = self.disk("66m")
        locker = self.start(store, 'snapshot_after = "64KiB"')
        taken = self.take_until_it_ends(self.door(locker), 30_000)
        self.assert_ended_clearly(locker, "No space left on device")
        self.assertGreater(len(taken), 10)
        disk.grow("200m")
        self.assert_has(self.door(self.start(store, 'snapshot_after = "64KiB"')), taken)

    def test_no_room_to_start(self):
        disk, store = self.disk("70m")
        locker = self.start(store)
        taken = {"a": self.door(locker).acquire("a", ttl="10m")[1]["token"]}
        locker.stop()
        filler = os.path.join(disk.path, "filler")
        with open(filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, 10 << 20)
        again = self.start(store, wait=False)
        self.assertEqual(again.wait(), CANNOT_START)
        self.assertIn("No space left on device", again.err())
        os.unlink(filler)
        self.assert_has(self.door(self.start(store)), taken)


@unittest.skipUnless(STRACE, NO_STRACE)
class FailingDisks(Case):
    CALLS = "fdatasync,pwritev,pwrite64,fallocate,write,writev,sendto,sendmsg"

    def fail_once(self, call, error, size=10, of_snapshot=False, **more):
        """The server ends, with its thread that has made the call, and keeps what was acknowledged until then."""
        trace = os.path.join(self.directory, "trace")
        server = self.keep(Server(self.directory, **more))
        server.spawn([STRACE, "-D", "-f", "-q", "-s", "20", "-o", trace, "-e", "trace=" + self.CALLS,
                      "-e", f"inject={call}:error={error}:when=20"])
        until(lambda: server.is_ready(), "the server to be ready")
        taken = self.take_until_it_ends(self.door(server.http), size)
        until(lambda: not server.is_running(), "the server to end")
        self.assertEqual(server.process.returncode, FAILED)
        self.assertIn(LOG_LINE, server.log())
        until(lambda: "+++ exited with 70 +++" in read(trace).splitlines()[-1], "the end of the trace")
        before, after = read(trace).split("(INJECTED)", 1)
        failed = before.splitlines()[-1]
        self.assertIn(call, failed)
        thread = failed.split()[0]
        calls = [line for line in after.splitlines() if line.startswith(thread) and "exited" not in line]
        self.assertFalse([line for line in calls if re.search(r"fdatasync|pwritev|pwrite64", line)], "it tried again")
        if not of_snapshot:  # what comes of others' work meanwhile is no lie
            self.assertNotIn("HTTP/1.1 200", after)
        server.spawn()
        until(lambda: server.is_ready(), "the server to be ready")
        self.assert_has(self.door(server.http), taken)

    def test_records_that_cannot_be_synced(self):
        self.fail_once("fdatasync", "EIO")

    def test_records_that_cannot_be_written(self):
        self.fail_once("pwritev", "ENOSPC")

    def test_a_snapshot_that_cannot_be_synced(self):
        self.fail_once("fdatasync", "EIO", 2000, of_snapshot=True, durability="page_cache")


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


if __name__ == "__main__":
    harness.main()
