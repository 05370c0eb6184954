"""What the black-box tests share: starting weir's programs and real servers on free ports in temporary
directories, waiting with a deadline. Nothing here sleeps for a fixed time to synchronise: until() polls.

raw_http.py has HTTP by hand, clients.py other clients, servers.py servers that are killed and come back,
load.py requests without a pause, certificates.py what TLS needs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from raw_http import PATIENCE, Connection, Origin, ask

BUILD = os.environ.get("WEIR_BUILD", os.path.join(os.path.dirname(__file__), "../../build/release"))
PROXY = os.path.join(BUILD, "cmd/weir-proxy")
BALANCER = os.path.join(BUILD, "cmd/weir-balancer")


def until(condition, what="a condition", patience=PATIENCE):
    """Polls until `condition()` is true and returns its value; fails loudly after the deadline."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:.0f} s in vain for {what() if callable(what) else what}")
        time.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def commit_number():
    """A seed of each commit's own: over time they differ, and a run that failed can be repeated."""
    described = subprocess.run(["git", "rev-parse", "--short=7", "HEAD"], cwd=os.path.dirname(os.path.abspath(__file__)),
                               capture_output=True, text=True)
    return int(described.stdout.strip()[:7] or "1", 16)


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A child whose output is collected; ended, and checked for sanitizer reports, when the test is over."""

    def __init__(self, command, directory, env=None, pass_fds=(), stdin=subprocess.DEVNULL, preexec_fn=None):
        self.command = command
        self.out_path = os.path.join(directory, f"out.{id(self)}")
        self.err_path = os.path.join(directory, f"err.{id(self)}")
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(command, cwd=directory, stdout=out, stderr=err, stdin=stdin,
                                            env={**os.environ, **(env or {})}, pass_fds=pass_fds,
                                            preexec_fn=preexec_fn)

    @property
    def pid(self):
        return self.process.pid

    def out(self):
        with open(self.out_path, errors="replace") as file:
            return file.read()

    def err(self):
        with open(self.err_path, errors="replace") as file:
            return file.read()

    def wait_for_log(self, text, count=1):
        """The log is written behind an answer's back: what an answer implies may be there a moment later only."""
        until(lambda: self.err().count(text) >= count, f"{text!r} in the log of {self.command[0]}")

    def is_running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, patience=PATIENCE):
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command[0]} did not end; its log:\n{self.err()[-2000:]}") from None

    def stop(self):
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


class Daemon(Process):
    """One of weir's daemons with a config text; `{port}`-like placeholders are the test's business, and so is
    that it listens on port 0."""
    program = None

    def __init__(self, directory, config, arguments=(), wait=True, **more):
        self.directory = directory
        self.config_path = os.path.join(directory, f"{self.name}.{id(self)}.toml")
        self.write_config(config)
        super().__init__([self.program, "-c", self.config_path, *arguments], directory, **more)
        if wait:
            until(lambda: "msg=ready" in self.err() or not self.is_running(), f"{self.name} to be ready")
            if not self.is_running():
                raise AssertionError(f"{self.name} ended at once:\n" + self.err())

    @property
    def name(self):
        return os.path.basename(self.program)

    def write_config(self, config):
        with open(self.config_path + ".new", "w") as file:
            file.write(config)
        os.replace(self.config_path + ".new", self.config_path)

    def listening(self):
        """The addresses listened on now, by the listener's name; one without a name goes by its address."""
        addresses = {}
        for stops, address, name in re.findall(r'msg=(?:listening|"(stops) listening") listen=(\S+)(?: name=("[^"]*"|\S+))?',
                                               self.err()):
            name = (name or address).strip('"')
            if stops:
                addresses.pop(name, None)
            else:
                addresses[name] = address
        return addresses

    @property
    def ports(self):
        return {name: int(address.rsplit(":", 1)[1]) for name, address in self.listening().items()
                if not address.startswith("unix:")}

    @property
    def port(self):
        return next(iter(self.ports.values()))

    @property
    def admin_port(self):
        return int(re.search(r'msg="admin endpoint" listen=\S+:(\d+)', self.err()).group(1))

    def reload(self, config=None):
        """Reloads and waits until it took effect (True) or was refused (False)."""
        if config is not None:
            self.write_config(config)
        before = self.err()
        self.signal(signal.SIGHUP)
        done = lambda text: len(re.findall(r'msg="config (?:not )?reloaded', text))
        until(lambda: done(self.err()) > done(before), "the reload")
        # Workers adopt a config when their loops come round: ask each until all did, by asking often.
        return 'config not reloaded' not in self.err()[len(before):]

    def metric(self, name, **labels):
        """The sum of all samples of that name whose labels include these."""
        total = 0.0
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics") as answer:
            for line in answer.read().decode().splitlines():
                row = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
                if row and row.group(1) == name:
                    have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', row.group(2) or ""))
                    if all(have.get(key) == value for key, value in labels.items()):
                        total += float(row.group(3))
        return total

    def wait_for_metric(self, value, name, **labels):
        """Like the log, a count may be a moment behind the answer that it counts."""
        until(lambda: self.metric(name, **labels) == value, lambda: f"{name} {labels} to be {value}: it is {self.metric(name, **labels)}")

    def events(self):
        return [json.loads(line) for line in self.out().splitlines()]


class Proxy(Daemon):
    program = PROXY


class Balancer(Daemon):
    program = BALANCER


class Case(unittest.TestCase):
    """A temporary directory for each test, and everything started in it ended with it."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = holder.name

    def keep(self, running):
        """Hands back what was given, which is stopped when the test ends."""
        self.addCleanup(running.stop)
        return running

    def origin(self, serve=None, path=None):
        return self.keep(Origin(serve, path))

    def run_process(self, command, **more):
        return self.keep(Process(command, self.directory, **more))

    def proxy(self, config, **more):
        return self._daemon(Proxy, config, more)

    def balancer(self, config, **more):
        return self._daemon(Balancer, config, more)

    def _daemon(self, kind, config, more):
        daemon = kind(self.directory, config, **more)
        self.addCleanup(self._end_daemon, daemon)
        return daemon

    def _end_daemon(self, daemon):
        daemon.stop()
        log = daemon.err()
        for report in ("AddressSanitizer", "ThreadSanitizer", "LeakSanitizer", "runtime error:"):
            self.assertNotIn(report, log)

    def simple(self, origin, extra="", upstream="", client="", server="", route="", **more):
        """A proxy with one route to one origin."""
        addresses = ", ".join(f'"{one.address}"' for one in (origin if isinstance(origin, list) else [origin]))
        return self.proxy(SIMPLE.format(addresses=addresses, extra=extra, upstream=upstream, client=client,
                                        server=server, route=route), **more)


SIMPLE = """
[server]
listen = ["127.0.0.1:0"]
workers = 2
{server}
[admin]
listen = ["127.0.0.1:0"]
[client]
{client}
[upstream.app]
servers = [{addresses}]
{upstream}
[[route]]
name = "all"
upstream = "app"
{route}
{extra}
"""


def main():
    unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[1:]])
