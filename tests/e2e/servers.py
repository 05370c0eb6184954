"""Upstream servers as processes, which a test kills, freezes and starts again on the same port under load."""

import os
import random
import re
import signal
import socket

from harness import Process, accepts, until

PLAIN_SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "origins/plain_server.py")


def lasting_port():
    """A free port that no outgoing connection is given while nobody listens on it: below the range for those.
    (Within it a connection to a dead server's port may even be connected to itself.)"""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as limits:
        low = int(limits.read().split()[0])
    while True:
        port = random.randrange(max(1024, low // 2), low)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class PlainServer:
    """origins/plain_server.py under a name; `certificate` makes it speak TLS. Listens when made."""

    def __init__(self, directory, name, certificate=None):
        self.directory, self.name, self.certificate = directory, name, certificate
        self.process, self.port = None, None
        while not self.is_running():  # another test may have taken the port in between
            self.port = lasting_port()
            self._launch()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.is_running()

    def _launch(self):
        tls = ["--cert", self.certificate.chain, "--key", self.certificate.key] if self.certificate else []
        self.process = Process(["/usr/bin/python3", PLAIN_SERVER, "--port", str(self.port), "--name", self.name, *tls],
                               self.directory)
        until(lambda: "ready" in self.process.out() or not self.is_running(), f"server {self.name} to listen")
        if not self.is_running() and "Address already in use" not in self.process.err():
            raise AssertionError(f"server {self.name} ended at once:\n" + self.process.err())

    def start(self):
        """Again, on the same port."""
        self._launch()
        if not self.is_running():
            raise AssertionError(f"server {self.name} cannot have its port {self.port} back")

    def kill(self):
        """As a crash does: what is under way is cut, new connections are refused."""
        self.process.signal(signal.SIGKILL)
        self.process.wait()

    def freeze(self):
        """The kernel still accepts connections, and nobody answers."""
        self.process.signal(signal.SIGSTOP)
        until(lambda: self._state() == "T", f"server {self.name} to be frozen")

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def _state(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            return re.search(r"\) (\S)", stat.read()).group(1)

    def restart(self):
        """As a deployment does: what is under way is answered, then the port is closed for a moment."""
        self.stop()
        self.start()

    def stop(self):
        if self.is_running():
            self.thaw()
            self.process.stop()

    def is_reachable(self):
        return accepts(self.port)
