"""Clients of etcd for the tests of weir-locker, unchanged: etcdctl, and npm packages, which are installed once into the
build's folder; and an etcd to compare with."""

import json
import os
import subprocess

import harness
import node_packages
from harness import free_port, until

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../.."))
NODE_PACKAGES = ["etcd3@1.1.2"]


def node(script, *arguments):
    """What the script prints, line by line."""
    return node_packages.node(script, *arguments, packages=NODE_PACKAGES).splitlines()


class Etcdctl:
    """etcdctl for one server: called, it runs to its end; start() leaves it running."""

    def __init__(self, case, port, scheme=""):
        self.case, self.command = case, ["etcdctl", "--endpoints", f"{scheme}127.0.0.1:{port}"]
        self.environment = {"ETCDCTL_API": "3"}

    def run(self, *arguments, text=""):
        return subprocess.run([*self.command, *map(str, arguments)], input=text, capture_output=True, text=True,
                              timeout=harness.PATIENCE, env={**os.environ, **self.environment})

    def __call__(self, *arguments, text=""):
        """The lines it prints; it must succeed."""
        done = self.run(*arguments, text=text)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout.splitlines()

    def refusal(self, *arguments):
        """What it says when it fails."""
        done = self.run(*arguments)
        assert done.returncode != 0, (arguments, done.stdout)
        return done.stderr.splitlines()[-1]

    def json(self, *arguments):
        return json.loads("\n".join(self(*arguments, "-w", "json")))

    def grant(self, ttl):
        return self("lease", "grant", ttl)[0].split()[1]

    def start(self, *arguments):
        return self.case.run_process([*self.command, *map(str, arguments)], env=self.environment)


class Etcd(harness.Process):
    """The real one, alone and in memory as far as it can be."""

    def __init__(self, directory):
        self.port = free_port()
        client, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{free_port()}"
        super().__init__(["etcd", "--data-dir", os.path.join(directory, "etcd"), "--listen-client-urls", client,
                          "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                          "--initial-cluster", f"default={peer}", "--unsafe-no-fsync"], directory)
        until(lambda: "ready to serve client requests" in self.err() or not self.is_running(), "etcd to be ready")
        assert self.is_running(), self.err()
