"""What the tests of weir-locker share: the daemon on free ports, and its HTTP door spoken to from Python."""

import json
import os
import urllib.parse

import harness
from harness import Connection

LOCKER = os.path.join(harness.BUILD, "cmd/weir-locker")
HOST = "127.0.0.1:7420"

CONFIG = """
store = "{store}"
{top}
[server]
listen = ["127.0.0.1:{port}"]
[admin]
listen = ["127.0.0.1:0"]
[redis]
listen = ["127.0.0.1:{redis}"]
{redis_keys}
[etcd]
listen = ["127.0.0.1:{etcd}"]
[http]
{http}
{extra}
"""


class Locker(harness.Daemon):
    program = LOCKER

    @property
    def port(self):
        return next(port for name, port in self.ports.items() if name not in ("redis", "etcd"))

    @property
    def redis_port(self):
        return self.ports["redis"]

    @property
    def etcd_port(self):
        return self.ports["etcd"]


def config(store="memory", port=0, redis=0, etcd=0, top="", http="", redis_keys="", extra=""):
    return CONFIG.format(store=store, port=port, redis=redis, etcd=etcd, top=top, http=http, redis_keys=redis_keys,
                         extra=extra)


class Door:
    """The HTTP door over one connection, which is made anew when the server has closed it."""

    def __init__(self, port, token=None):
        self.port = port
        self.fields = [("Content-Type", "application/json")]
        if token is not None:
            self.fields.append(("Authorization", "Bearer " + token))
        self.connection = None

    def ask(self, method, path, body=None, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        text = None if body is None else json.dumps(body).encode()
        if self.connection is None:
            self.connection = Connection(self.port)
        try:
            answer = self.connection.ask(method, "/v1" + path, fields=self.fields, body=text, host=HOST)
        except BaseException:
            self.close()
            raise
        if answer["Connection"] == "close":
            self.close()
        return answer.status, json.loads(answer.body) if answer.body else None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def session(self, ttl="30s", **more):
        status, made = self.ask("POST", "/sessions", {"ttl": ttl, **more})
        assert status == 201, made
        return made["session"]

    def acquire(self, name, **body):
        return self.ask("POST", "/locks/" + urllib.parse.quote(name), body)

    def release(self, name, session):
        return self.ask("DELETE", "/locks/" + urllib.parse.quote(name), session=session)

    def show(self, name):
        status, lock = self.ask("GET", "/locks/" + urllib.parse.quote(name))
        assert status == 200, lock
        return lock

    def holders(self, name):
        return [holder["session"] for holder in self.show(name)["holders"]]

    def waiters(self, name):
        return [waiter["session"] for waiter in self.show(name)["waiters"]]


class Case(harness.Case):
    def locker(self, **more):
        """A weir-locker with these parts of a config."""
        return self._daemon(Locker, config(**more), {})

    def door(self, locker, **more):
        door = Door(locker.port, **more)
        self.addCleanup(door.close)
        return door
