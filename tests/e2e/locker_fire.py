"""weir-locker under fire: clients of all kinds, and a server that is killed again and again, stopped, lied to about the
time, and whose disk fails. Afterwards the whole history must make sense: see locking_history.py.

    WEIR_FIRE_CRASHES   of all servers together; scripts/torture asks for more
    WEIR_FIRE_SECONDS   no longer than about this
    WEIR_FIRE_SEED      for the same workloads and crashes again, as far as the machine's own chances allow"""

import asyncio
import concurrent.futures
import glob
import multiprocessing
import os
import random
import re
import signal
import tempfile
import time
import traceback
import unittest

import harness
import locking
from harness import until
from locking_clients import NAMES, HttpClient, Observer
from locking_history import History, Resource, now
from locking_redis import RedisClient
from locking_storm import FAKETIME, IS_SANITIZED, STRACE, HttpLine, Lost, NotSent, Server, faked_clock, set_clock

CRASHES = int(os.environ.get("WEIR_FIRE_CRASHES", 60 if IS_SANITIZED else 210))
SECONDS = float(os.environ.get("WEIR_FIRE_SECONDS", 150))
SEED = int(os.environ.get("WEIR_FIRE_SEED", 0)) or harness.commit_number()
FAILED = 70  # the exit status after the disk has failed

SYSTEM_CALLS = ["fdatasync", "pwritev", "fallocate", "ftruncate", "?rename,?renameat,?renameat2",
                "?unlink,unlinkat", "fsync"]


def injection(calls, what, when):
    """strace as the daemon's onlooker: the daemon is our child."""
    return [STRACE, "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + calls,
            "-e", f"inject={calls}:{what}:when={when}"]


class Arena:
    """One server with its clients, in a process of its own."""

    def __init__(self, number, seed, directory, durability):
        self.rng = random.Random(f"{seed} {number}")
        self.server = Server(directory, durability, rng=self.rng)
        self.clock = os.path.join(directory, "clock")
        self.gate = asyncio.Event()
        self.history = History(NAMES)
        self.resource = Resource(self.history)
        self.tasks = []
        self.crashes = 0
        self.kinds = {}
        self.covered = set()  # the names of snapshots
        self.jumps = self.failed_calls = 0

    def clients(self):
        kinds = [HttpClient] * 8 + [RedisClient] * 3 + [Observer]
        return [kind(self.gate, self.server, self.history, self.resource, random.Random(self.rng.random()))
                for kind in kinds]

    async def run(self, crashes, seconds):
        began = now()
        self.tasks = [asyncio.create_task(client.run()) for client in self.clients()]
        try:
            while self.crashes < crashes and now() < began + seconds and not self.history.violations:
                # Behind time, lives are shorter.
                left = (began + seconds - now()) / (crashes - self.crashes)
                await self.one_life(min(0.6, max(0.05, 1.2 * left - 0.25)))
                self.check_clients()
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            if not self.history.violations:
                await self.all_ends()
        finally:
            self.server.kill()
        self.history.check()

    def check_clients(self):
        for task in self.tasks:
            if task.done():
                task.result()

    async def one_life(self, longest):
        kinds = {self.kill: 12, self.kill_at_its_start: 2, self.stop_and_kill: 1, self.terminate: 1}
        if STRACE:
            kinds |= {self.kill_at_a_call: 4, self.fail_a_call: 1.5, self.kill_at_a_call_of_its_start: 1}
        kind = self.rng.choices(list(kinds), list(kinds.values()))[0]
        self.kinds[kind.__name__] = self.kinds.get(kind.__name__, 0) + 1
        await kind(self.rng.uniform(0.03, longest))
        if kind != self.terminate:
            self.crashes += 1
        if re.search("Sanitizer|runtime error:", self.server.log()):
            self.history.wrong(self.server.complaints())
        self.covered.update(os.path.basename(path) for path in glob.glob(self.server.store + "/snapshot-*[0-9]"))

    # How a life begins.

    async def start(self, before=(), may_fail=False):
        env = {}
        if FAKETIME and not before and self.rng.random() < 0.4:
            self.jump()
            env = faked_clock(self.clock)
        spawned = now()
        self.server.spawn(before, env)
        if may_fail:
            return spawned
        await self.server.ready()
        await self.look(spawned)
        return spawned

    async def look(self, spawned):
        """The first to see it: what it has remembered."""
        line = HttpLine(self.server)
        asked = now()
        (_, locks), (_, sessions) = await line.ask("GET", "/v1/locks"), await line.ask("GET", "/v1/sessions")
        line.close()
        self.history.restarted(spawned, locks["locks"], sessions["sessions"], asked)
        self.gate.set()

    def jump(self):
        self.jumps += 1
        seconds = self.rng.choice([0, -5, 5, -86400, 86400, 315360000, self.rng.randint(-3600, 3600)])
        set_clock(self.clock, f"{seconds:+}s")

    # How it ends.

    async def dead(self):
        self.gate.clear()
        self.server.kill()
        self.history.died()
        await asyncio.sleep(0.005)  # clients read what was left for them

    async def burn(self, seconds):
        ends = now() + seconds
        while now() < ends:
            await asyncio.sleep(min(0.1, max(0, ends - now())))
            if FAKETIME and self.rng.random() < 0.5:
                self.jump()
        if not self.server.is_running():
            self.history.wrong(f"the server has ended by itself, {self.server.process.returncode}:\n"
                               f"{self.server.complaints()}")

    async def kill(self, seconds):
        await self.start()
        await self.burn(seconds)
        await self.dead()

    async def kill_at_its_start(self, seconds):
        await self.start(may_fail=True)
        await asyncio.sleep(seconds * 0.05)
        self.server.kill()

    async def stop_and_kill(self, seconds):
        """Longer than sessions last, and than what it takes for a pause."""
        await self.start()
        await self.burn(seconds)
        self.server.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self.rng.uniform(0.3, 2.2))
        self.server.process.send_signal(signal.SIGCONT)
        await self.burn(0.3)
        await self.dead()

    async def terminate(self, seconds):
        await self.start()
        await self.burn(seconds)
        self.server.process.send_signal(signal.SIGTERM)
        status = await self.server.ended(20)
        if status != 0:
            self.history.wrong(f"after SIGTERM it ended with {status}:\n{self.server.complaints()}")
        await self.dead()

    async def kill_at_a_call(self, seconds):
        calls = self.rng.choice(["fdatasync", "fdatasync", "pwritev", *SYSTEM_CALLS])
        await self.start_injected(injection(calls, "signal=KILL", self.rng.randint(3, 60)))
        if not self.gate.is_set():
            return
        await self.server.ended(2 * seconds)
        await self.dead()

    async def kill_at_a_call_of_its_start(self, seconds):
        await self.start_injected(injection(self.rng.choice(SYSTEM_CALLS), "signal=KILL", self.rng.randint(1, 3)))
        if self.gate.is_set():
            await self.server.ended(seconds)
            await self.dead()

    async def start_injected(self, before):
        """It may end before it is ready."""
        spawned = await self.start(before, may_fail=True)
        while self.server.is_running() and not self.server.is_ready():
            await asyncio.sleep(0.003)
        try:
            await self.look(spawned)
        except (Lost, NotSent):
            self.server.kill()

    async def fail_a_call(self, seconds):
        """Once: it must not try again."""
        calls, error = self.rng.choice([("fdatasync", "EIO"), ("pwritev", "ENOSPC"), ("pwritev", "EIO")])
        await self.start_injected(injection(calls, f"error={error}", self.rng.randint(5, 40)))
        status = await self.server.ended(2 * seconds)
        self.failed_calls += status == FAILED
        is_told = "the journal cannot be written" in self.server.log()
        if status not in (None, FAILED) or status == FAILED and not is_told:
            self.history.wrong(f"after {error} of {calls} it ended with {status}:\n{self.server.complaints()}")
        if self.gate.is_set():
            await self.dead()

    async def all_ends(self):
        """Nobody is there any more: nothing is held for ever."""
        await self.start()
        line = HttpLine(self.server)
        deadline = now() + 20
        while True:
            (_, locks), (_, sessions) = await line.ask("GET", "/v1/locks"), await line.ask("GET", "/v1/sessions")
            if not locks["locks"] and not sessions["sessions"]:
                return
            if now() > deadline:
                return self.history.wrong(f"still there: {locks}, {sessions}")
            await asyncio.sleep(0.05)


def fight(number, seed, durability, crashes, seconds):
    """In a process of its own: what came of it."""
    with tempfile.TemporaryDirectory() as directory:
        arena = None

        async def run():
            nonlocal arena
            arena = Arena(number, seed, directory, durability)
            await arena.run(crashes, seconds)
        failure = None
        try:
            asyncio.run(run())
        except BaseException:
            failure = traceback.format_exc() + arena.server.complaints()[-3000:]
        history = arena.history
        return {"durability": durability, "crashes": arena.crashes, "kinds": arena.kinds, "grants": history.grants,
                "operations": history.operations, "hardest": history.hardest, "undecided": history.undecided,
                "snapshots": len(arena.covered), "jumps": arena.jumps, "failed_calls": arena.failed_calls,
                "rejected": arena.resource.rejected,
                "violations": history.violations[:3] + ([failure] if failure else [])}


class UnderFire(harness.Case):
    def test_history_makes_sense(self):
        print(f"seed {SEED}; again with WEIR_FIRE_SEED={SEED}")
        for what, there in (("strace", STRACE), ("libfaketime", FAKETIME)):
            if not there:
                print(f"LEFT OUT: what needs {what}, which is not there or does not go with sanitizers")
        arenas = ["disk", "page_cache", "disk"]
        share = -(-CRASHES // len(arenas))
        began = time.monotonic()
        with concurrent.futures.ProcessPoolExecutor(len(arenas), multiprocessing.get_context("spawn")) as pool:
            running = [pool.submit(fight, number, SEED, durability, share, SECONDS)
                       for number, durability in enumerate(arenas)]
            reports = [one.result() for one in running]
        for report in reports:
            print({key: value for key, value in report.items() if key != "violations"})
        crashes = sum(report["crashes"] for report in reports)
        print(f"{crashes} crashes in {time.monotonic() - began:.0f} s")
        found = [text for report in reports for text in report["violations"]]
        self.assertFalse(found, f"seed {SEED}:\n" + "\n\n".join(found))
        self.assertEqual(sum(report["undecided"] for report in reports), 0)
        self.assertGreaterEqual(crashes, CRASHES)


class Clocks(harness.Case):
    @unittest.skipUnless(FAKETIME, "needs libfaketime, and a build without sanitizers")
    def test_a_wall_clock_that_jumps_ends_nothing_early_and_nothing_late(self):
        server = self.keep(Server(self.directory))
        clock = os.path.join(self.directory, "clock")
        set_clock(clock, "+0s")
        server.spawn(env=faked_clock(clock))
        until(server.is_ready, "the server to be ready")
        door = locking.Door(server.http)
        self.addCleanup(door.close)
        for offset in ("+315360000s", "-86400s", "+5s"):
            began = time.monotonic()
            status, held = door.acquire("a", ttl="700ms")
            self.assertEqual(status, 200)
            set_clock(clock, offset)
            waited, _ = door.acquire("a", ttl="700ms", wait="10s")
            self.assertEqual(waited, 200)
            self.assertGreater(time.monotonic() - began, 0.7)
            self.assertLess(time.monotonic() - began, 5)
            self.assertEqual(door.release("a", door.holders("a")[0])[0], 200)
        years = set(re.findall(r"time=(\d{4})", server.log()))
        self.assertGreater(len(years), 1, "the clock has not been faked at all")


if __name__ == "__main__":
    harness.main()
