"""What tests of weir-lock need: a server to command, and weir-lock itself."""

import json
import os
import subprocess

import locking
from harness import BUILD, Process, until
from raw_http import PATIENCE, ask

LOCK = os.path.join(BUILD, "cmd/weir-lock")

CONFIG = """
store = "{store}"
{top}
[server]
listen = ["{listen}"]
[admin]
listen = ["127.0.0.1:0"]
{more}
"""


class Locker(locking.Locker):
    @property
    def url(self):
        address = next(iter(self.listening().values()))
        return address if address.startswith("unix:") else "http://" + address

    def api(self, method, path, body=None, port=None):
        """One request to the HTTP door; what it answers, from JSON."""
        fields = [("Content-Type", "application/json")]
        sent = None if body is None else json.dumps(body).encode()
        answer = ask(port or self.port, method, path, fields, sent, host="127.0.0.1")
        return answer.status, json.loads(answer.body)

    def lock(self, name):
        return self.api("GET", "/v1/locks/" + name)[1]

    def holders(self, name):
        return self.lock(name)["holders"]

    def waiters(self, name):
        return self.lock(name)["waiters"]

    def wait_for_holder(self, name):
        return until(lambda: self.holders(name), f"somebody to hold {name}")[0]

    def wait_for_waiter(self, name, count=1):
        return until(lambda: len(self.waiters(name)) >= count and self.waiters(name), f"{count} to wait for {name}")

    def wait_until_free(self, name):
        until(lambda: not self.holders(name), f"{name} to be free")

    def force(self, name, token):
        status, told = self.api("POST", "/api/release", {"lock": name, "token": token}, self.admin_port)
        assert status == 202, told


class Case(locking.Case):
    def locker(self, store="memory", listen="127.0.0.1:0", top="", more="", **started):
        return self._daemon(Locker, CONFIG.format(store=store, listen=listen, top=top, more=more), started)

    def environment(self, locker, **variables):
        return {"WEIR_LOCK_SERVER": locker if isinstance(locker, str) else locker.url, **variables}

    def weir_lock(self, locker, *arguments, env=None, **more):
        """Runs weir-lock to its end."""
        return subprocess.run([LOCK, *arguments], capture_output=True, text=True, timeout=PATIENCE, cwd=self.directory,
                              env={**os.environ, **self.environment(locker), **(env or {})}, **more)

    def start_lock(self, locker, *arguments, env=None, **more):
        """Starts it; it is ended with the test."""
        return self.keep(Process([LOCK, *arguments], self.directory,
                                 env={**self.environment(locker), **(env or {})}, **more))

    def path(self, name):
        return os.path.join(self.directory, name)

    def wait_until_there(self, name):
        until(lambda: os.path.exists(self.path(name)), f"the file {name}")

    def wait_for_text(self, name):
        """What a command has written into a file, once there is a whole line."""
        def text():
            try:
                with open(self.path(name), encoding="utf-8") as file:
                    return file.read()
            except FileNotFoundError:
                return ""
        return until(lambda: text().endswith("\n") and text(), f"a line in {name}").strip()
