"""weir-locker as tests that kill it see it: a server that comes back on the same directory and ports within
milliseconds, and its doors by hand, on asyncio."""

import asyncio
import glob
import json
import os
import random
import re
import shutil
import socket
import subprocess
import time

from locking import LOCKER

CONFIG = """
store = "file:{directory}"
durability = "{durability}"
snapshot_after = "{snapshot_after}"
[server]
listen = ["127.0.0.1:{http}"]
[redis]
listen = ["127.0.0.1:{redis}"]
[admin]
listen = []
"""


class Lost(Exception):
    """No answer came: what was asked for may have happened, or may happen yet."""


class NotSent(Exception):
    """Nothing of it has reached the server."""


def quiet_port(rng):
    """A port that no outgoing connection takes while the server is away, for none is from below the range."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        lowest = int(file.read().split()[0])
    while True:
        port = rng.randrange(min(20000, lowest - 1000), lowest)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Server:
    def __init__(self, directory, durability="disk", snapshot_after="64KiB", store=None, rng=random):
        self.log_path = os.path.join(directory, "locker.log")
        self.config_path = os.path.join(directory, "locker.toml")
        self.store = store or os.path.join(directory, "store")
        self.http, self.redis = quiet_port(rng), quiet_port(rng)
        self.process = None
        self.log_start = 0
        with open(self.config_path, "w") as file:
            file.write(CONFIG.format(directory=self.store, durability=durability, snapshot_after=snapshot_after,
                                     http=self.http, redis=self.redis))

    def spawn(self, before=(), env=None):
        """`before`: a command that becomes it, such as strace -D."""
        with open(self.log_path, "ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen([*before, LOCKER, "-c", self.config_path], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})

    def complaints(self):
        """What this life's log has above the ordinary."""
        return "\n".join(line for line in self.log().splitlines() if "level=info" not in line)

    def log(self):
        """Of this life."""
        with open(self.log_path, errors="replace") as file:
            file.seek(self.log_start)
            return file.read()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def is_ready(self):
        return "msg=ready" in self.log()

    async def ready(self, patience=20):
        deadline = time.monotonic() + patience
        while not self.is_ready():
            if not self.is_running():
                raise AssertionError(f"the server ended at its start, {self.process.returncode}:\n{self.log()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"the server does not start:\n{self.log()}")
            await asyncio.sleep(0.003)

    async def ended(self, patience):
        """Its status; None when it goes on."""
        deadline = time.monotonic() + patience
        while self.is_running() and time.monotonic() < deadline:
            await asyncio.sleep(0.003)
        return self.process.returncode

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        self.kill()


class Line:
    """One connection to a door, opened when it is needed and again after it is lost."""
    door = None  # what the server calls it

    def __init__(self, server):
        self.server = server
        self.reader = self.writer = None

    async def open(self):
        if self.writer is not None:
            return
        try:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", getattr(self.server, self.door))
        except OSError as error:
            raise NotSent(str(error)) from None

    def close(self, abort=False):
        if self.writer is not None:
            self.writer.transport.abort() if abort else self.writer.close()
        self.reader = self.writer = None


class HttpLine(Line):
    door = "http"

    def send(self, method, target, body=None, only=None):
        """`only`: not more than so many bytes of it."""
        text = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(text)}\r\n\r\n"
        request = head.encode() + text
        self.writer.write(request[:only])
        return len(request)

    async def answer(self, patience=20):
        try:
            async with asyncio.timeout(patience):
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
                body = await self.reader.readexactly(length)
        except TimeoutError:
            raise AssertionError("no answer came, and the connection stays") from None
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise Lost from None
        except asyncio.CancelledError:
            self.close(abort=True)
            raise
        if b"\r\nConnection: close" in head:
            self.close()
        return int(head.split(None, 2)[1]), json.loads(body)

    async def ask(self, method, target, body=None):
        await self.open()
        self.send(method, target, body)
        return await self.answer()


class RedisError(Exception):
    pass


class RedisLine(Line):
    door = "redis"

    def send(self, *words):
        self.writer.write(f"*{len(words)}\r\n".encode() + b"".join(
            b"$%d\r\n%s\r\n" % (len(word), word) for word in (str(one).encode() for one in words)))

    async def answer(self, patience=20):
        try:
            async with asyncio.timeout(patience):
                line = await self.reader.readuntil(b"\r\n")
                if line[:1] == b"$" and line != b"$-1\r\n":
                    return (await self.reader.readexactly(int(line[1:]) + 2))[:-2].decode()
        except TimeoutError:
            raise AssertionError("no reply came, and the connection stays") from None
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise Lost from None
        except asyncio.CancelledError:
            self.close(abort=True)
            raise
        if line[:1] == b"-":
            raise RedisError(line.decode().strip())
        return {b"+": line[1:-2].decode(), b":": line[1:-2], b"$": None}[line[:1]]

    async def ask(self, *words):
        await self.open()
        self.send(*words)
        return await self.answer()


IS_SANITIZED = os.environ.get("WEIR_SANITIZE", "") not in ("", "OFF")



def usable_strace():
    """Some containers have it and forbid it."""
    path = shutil.which("strace")
    works = path and subprocess.run([path, "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL).returncode == 0
    return path if works else None


# Neither goes together with sanitizers.
STRACE = None if IS_SANITIZED else usable_strace()
NO_STRACE = "needs strace that may trace, and a build without sanitizers"
# So that a wall clock can jump while the server runs.
FAKETIME = next((path for path in glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1") if not IS_SANITIZED), None)


def faked_clock(path):
    """The environment of a process whose wall clock is as the file says: "+3600s"."""
    return {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": path, "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1"}


def set_clock(path, offset):
    with open(path + ".new", "w") as file:
        file.write(offset + "\n")
    os.replace(path + ".new", path)
