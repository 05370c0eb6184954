"""What the black-box tests share: starting weir's programs and real servers on free ports in temporary
directories, raw HTTP over sockets, waiting with a deadline. Nothing here sleeps for a fixed time to
synchronise: until() polls."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

BUILD = os.environ.get("WEIR_BUILD", os.path.join(os.path.dirname(__file__), "../../build/release"))
PROXY = os.path.join(BUILD, "cmd/weir-proxy")
PATIENCE = float(os.environ.get("WEIR_TEST_PATIENCE", "30"))  # seconds; sanitizer builds are slow


def until(condition, what="a condition", patience=PATIENCE):
    """Polls until `condition()` is true and returns its value; fails loudly after the deadline."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:.0f} s in vain for {what}")
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


class Proxy(Process):
    """weir-proxy with a config text; `{port}`-like placeholders are the test's business. Listens on port 0."""

    def __init__(self, directory, config, arguments=(), wait=True, **more):
        self.directory = directory
        self.config_path = os.path.join(directory, f"proxy.{id(self)}.toml")
        self.write_config(config)
        super().__init__([PROXY, "-c", self.config_path, *arguments], directory, **more)
        if wait:
            until(lambda: "msg=ready" in self.err() or not self.is_running(), "weir-proxy to be ready")
            if not self.is_running():
                raise AssertionError("weir-proxy ended at once:\n" + self.err())

    def write_config(self, config):
        with open(self.config_path + ".new", "w") as file:
            file.write(config)
        os.replace(self.config_path + ".new", self.config_path)

    def listening(self):
        return re.findall(r"msg=listening listen=(\S+)", self.err())

    @property
    def port(self):
        return int(self.listening()[0].rsplit(":", 1)[1])

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

    def events(self):
        return [json.loads(line) for line in self.out().splitlines()]


class Answer:
    def __init__(self, status, reason, fields, body, version="HTTP/1.1"):
        self.status, self.reason, self.fields, self.body, self.version = status, reason, fields, body, version
        self.trailers = []

    def __getitem__(self, name):
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]


class Connection:
    """HTTP by hand over one socket."""

    def __init__(self, port=None, path=None, host="127.0.0.1"):
        if path is not None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(path)
        else:
            self.socket = socket.create_connection((host, port), timeout=PATIENCE)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def _more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def read_line(self):
        while b"\r\n" not in self.buffer:
            if not self._more():
                raise EOFError(f"the connection ended, with {self.buffer!r} unread")
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def read(self, count):
        while len(self.buffer) < count:
            if not self._more():
                raise EOFError(f"the connection ended, {count - len(self.buffer)} bytes early")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_head(self):
        version, status, reason = (self.read_line() + "  ").split(" ", 2)
        fields = []
        while line := self.read_line():
            name, value = line.split(":", 1)
            fields.append((name, value.strip()))
        return Answer(int(status), reason.strip(), fields, b"", version)

    def read_answer(self, method="GET"):
        answer = self.read_head()
        if method == "HEAD" or answer.status < 200 or answer.status in (204, 304):
            return answer
        if answer["Transfer-Encoding"] == "chunked":
            while size := int(self.read_line().split(";")[0], 16):
                answer.body += self.read(size)
                assert self.read(2) == b"\r\n"
            while line := self.read_line():
                answer.trailers.append(tuple(part.strip() for part in line.split(":", 1)))
        elif answer["Content-Length"] is not None:
            answer.body = self.read(int(answer["Content-Length"]))
        else:
            while self._more():
                pass
            answer.body, self.buffer = self.buffer, b""
        return answer

    def ask(self, method="GET", path="/", fields=(), body=None, host="test"):
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in fields)
        if body is not None:
            head += f"Content-Length: {len(body)}\r\n"
        self.send(head.encode("latin-1") + b"\r\n" + (body or b""))
        return self.read_answer(method)

    def is_closed_by_peer(self):
        """Waits for the peer to close; False when it sends something instead."""
        if self.buffer:
            return False
        try:
            return not self._more()
        except ConnectionResetError:
            return True


def ask(port, *args, **kwargs):
    with Connection(port) as connection:
        return connection.ask(*args, **kwargs)


class Origin:
    """An upstream server in this process. `serve(connection)` handles one accepted Connection at a time; by
    default it answers every request with what it saw, as JSON, and keeps the connection alive."""

    def __init__(self, serve=None, path=None):
        self.connections = 0  # accepted so far
        self.requests = []    # (method, target, fields, body) as the default handler saw them
        self.serve = serve or self.echo
        if path is not None:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.address = "unix:" + path
        else:
            self.listener = socket.socket()
            self.listener.bind(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
            self.address = f"127.0.0.1:{self.port}"
        self.listener.listen(512)
        self.open = []
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            connection = Connection.__new__(Connection)
            connection.socket, connection.buffer = peer, b""
            self.open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.serve(connection)
        except (OSError, EOFError, ValueError):
            pass
        finally:
            connection.close()

    def read_request(self, connection):
        method, target, version = connection.read_line().split(" ")
        fields = []
        while line := connection.read_line():
            name, value = line.split(":", 1)
            fields.append((name, value.strip()))
        have = {name.lower(): value for name, value in fields}
        body = b""
        if have.get("transfer-encoding") == "chunked":
            while size := int(connection.read_line(), 16):
                body += connection.read(size)
                assert connection.read(2) == b"\r\n"
            while line := connection.read_line():
                fields.append(("trailer:" + line.split(":", 1)[0], line.split(":", 1)[1].strip()))
        elif "content-length" in have:
            body = connection.read(int(have["content-length"]))
        self.requests.append((method, target, fields, body))
        return method, target, fields, body

    def echo(self, connection):
        while True:
            method, target, fields, body = self.read_request(connection)
            seen = json.dumps({"method": method, "target": target, "fields": fields,
                               "body": body.decode("latin-1")}).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(seen)}\r\n\r\n"
            connection.send(head.encode() + (b"" if method == "HEAD" else seen))

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        except OSError:
            pass  # stopped before
        self.listener.close()
        for connection in self.open:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()


class Case(unittest.TestCase):
    """A temporary directory for each test, and everything started in it ended with it."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = holder.name

    def origin(self, serve=None, path=None):
        origin = Origin(serve, path)
        self.addCleanup(origin.stop)
        return origin

    def run_process(self, command, **more):
        process = Process(command, self.directory, **more)
        self.addCleanup(process.stop)
        return process

    def proxy(self, config, **more):
        proxy = Proxy(self.directory, config, **more)
        self.addCleanup(self._end_proxy, proxy)
        return proxy

    def _end_proxy(self, proxy):
        proxy.stop()
        log = proxy.err()
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
