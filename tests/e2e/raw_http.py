"""HTTP by hand: a client over one socket, and an upstream server in the test's own process."""

import json
import os
import socket
import threading

PATIENCE = float(os.environ.get("WEIR_TEST_PATIENCE", "30"))  # seconds; sanitizer builds are slow


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

    def __init__(self, port=None, path=None, host="127.0.0.1", timeout=PATIENCE):
        if path is not None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(path)
        else:
            self.socket = socket.create_connection((host, port), timeout=timeout)
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
