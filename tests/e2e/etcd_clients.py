"""Clients of etcd for the tests of weir-locker, unchanged: etcdctl, and npm packages, which are installed once into the
build's folder; and an etcd to compare with."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

import harness
from harness import free_port, until

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../.."))
NODE_PACKAGES = ["etcd3@1.1.2"]


def node_modules(packages):
    """Where these packages are installed. Without the registry, and never having been there, the test is skipped."""
    folder = os.path.join(os.path.abspath(harness.BUILD), "npm", "+".join(packages).replace("/", "_"))
    if not os.path.isdir(folder):
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        fresh = tempfile.mkdtemp(dir=os.path.dirname(folder))
        try:
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", fresh,
                                   *packages], cwd=fresh, capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                raise unittest.SkipTest("npm cannot install " + " ".join(packages) + ": " + done.stderr[-500:])
            os.rename(fresh, folder)
        except OSError:
            if not os.path.isdir(folder):  # else another test was faster
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return os.path.join(folder, "node_modules")


def node(script, *arguments, patience=2 * harness.PATIENCE):
    """What the script prints, line by line; it must end well."""
    command = ["node", os.path.join(HERE, "node", script), *map(str, arguments)]
    environment = {**os.environ, "NODE_PATH": node_modules(NODE_PACKAGES)}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, env=environment)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"{script} did not end; it printed:\n" + (error.stdout or b"").decode()) from None
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


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
