"""Real clients from npm: packages that are installed once into the build's folder, and scripts that use them."""

import os
import shutil
import subprocess
import tempfile
import unittest

import harness

HERE = os.path.dirname(os.path.abspath(__file__))


def node_modules(packages):
    """Where these packages are installed. Without the registry, and never having been there, the test is skipped."""
    folder = os.path.join(os.path.abspath(harness.BUILD), "npm", "+".join(packages).replace("/", "_").replace(":", "_"))
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


def node(script, *arguments, packages, patience=4 * harness.PATIENCE):
    """What a script of the folder node/ prints; it must end well."""
    command = ["node", os.path.join(HERE, "node", script), *map(str, arguments)]
    environment = {**os.environ, "NODE_PATH": node_modules(packages)}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, env=environment)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"{script} did not end; it printed:\n" + (error.stdout or b"").decode()) from None
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
