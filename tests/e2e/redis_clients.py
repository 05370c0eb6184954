"""Redis' protocol spoken from Python by hand, and what else the tests of the Redis door need: redis-cli, npm packages,
a redis-server to compare with."""

import socket
import subprocess

import harness
from harness import until

RELEASE = 'if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end'


class Refused(Exception):
    """An error reply."""


def encode(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Client:
    """One connection. Called with a command's words it returns the reply, and raises Refused for an error."""

    def __init__(self, port, patience=harness.PATIENCE):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def __call__(self, *words):
        self.send(encode(*words))
        reply = self.reply()
        if isinstance(reply, Refused):
            raise reply
        return reply

    def reply(self):
        """The next reply; an error is returned, not raised."""
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError(line)
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            return Refused(rest)
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"_" or (kind == b"$" and rest == "-1"):
            return None
        if kind == b"$":
            data = self.file.read(int(rest) + 2)
            return data[:-2].decode()
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        assert kind == b"%", line
        return {self.reply(): self.reply() for _ in range(int(rest))}

    def rest(self):
        """All that comes until the server closes."""
        return self.file.read()


def cli(port, *arguments, text=None):
    """What redis-cli prints."""
    done = subprocess.run(["redis-cli", "-p", str(port), *map(str, arguments)], input=text, capture_output=True, text=True,
                          timeout=harness.PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


class RedisServer(harness.Process):
    """The real one, without a disk."""

    def __init__(self, directory):
        self.port = harness.free_port()
        super().__init__(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
                         directory)
        until(lambda: harness.accepts(self.port), "redis-server")
