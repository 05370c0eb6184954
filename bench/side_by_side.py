"""What the side-by-side benchmarks share: servers pinned to processors, their CPU time and memory from /proc,
the loads, rounds in turn, and tables.

The contestants have processor 0, where one at a time is busy; the load and the backend share processor 1.
Rounds are interleaved, so that a machine that slows down slows all of them. CPU time is the contestant's own
(user + system, all its processes and threads), divided by what was done: it is what to compare where the
machine has other work, or where the load is what limits the rate."""

import concurrent.futures
import dataclasses
import json
import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

SERVER_CPU, LOAD_CPU = 0, 1
SETTLING_SECONDS = 0.5
BODY = "x" * 256
BULK_BYTES = 64 * 1024 * 1024
PATH = "/path/to/resource?with=query"
BROWSER_FIELDS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
    "Accept": "text/html,application/xhtml+xml", "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate", "Cookie": "session=4f2c8e0a1b3d5f7a9c"}

# /seen tells what a proxy made of a request, /served how many came; /bulk is a file in the page cache.
BACKEND = """
daemon off; worker_processes 1; error_log stderr error; pid backend.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600; sendfile on; tcp_nopush on;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type text/plain; return 200 "{body}"; }}
    location = /seen {{
      return 200 '{{"for": "$http_x_forwarded_for", "proto": "$http_x_forwarded_proto",
                   "requests": $connection_requests}}';
    }}
    location = /served {{ stub_status; }}
    location = /bulk {{ alias {directory}/bulk; }}
  }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def raise_descriptor_limit():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


class Server:
    """A program that listens on all of `ports` (name to number), alone with its children on one processor."""

    def __init__(self, name, cpu, ports, command, directory):
        self.name, self.ports = name, ports
        self.log_path = os.path.join(directory, name + ".log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(["taskset", "-c", str(cpu), *command], cwd=directory,
                                            stdout=log, stderr=log)
        for port in ports.values():
            self._wait_for(port)

    def _wait_for(self, port):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended at once with status {self.process.returncode}:\n{self.log()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.01)
        self.stop()
        raise SystemExit(f"{self.name} does not listen on port {port}:\n{self.log()}")

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()[-2000:]

    def pids(self):
        found, seen = [self.process.pid], 0
        while seen < len(found):
            pid = found[seen]
            seen += 1
            with open(f"/proc/{pid}/task/{pid}/children") as children:
                found += [int(child) for child in children.read().split()]
        return found

    def cpu_seconds(self):
        """Of all threads, from the scheduler's nanoseconds: /proc/PID/stat counts in ticks of 10 ms."""
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as schedstat:
                    total += int(schedstat.read().split()[0])
        return total / 1e9

    def resident_kib(self):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                total += int(re.search(r"^Pss:\s+(\d+)", rollup.read(), re.M).group(1))
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def nginx_command(directory, config):
    return ["nginx", "-p", directory, "-e", "stderr", "-c", config]


def write_file(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def start_backend(directory):
    os.chmod(directory, 0o755)  # nginx reads the file with the rights of its worker
    with open(os.path.join(directory, "bulk"), "wb") as file:
        file.truncate(BULK_BYTES)
    port = free_port()
    config = BACKEND.format(port=port, body=BODY, directory=directory)
    command = nginx_command(directory, write_file(directory, "backend.conf", config))
    return Server("backend", LOAD_CPU, {"http": port}, command, directory)


def requests_served(backend):
    """How many requests the backend has had, this one among them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{backend.ports['http']}/served") as answer:
        return int(answer.read().split()[9])


@dataclasses.dataclass
class Run:
    """What a load did: `count` of its unit in so many seconds."""
    count: float
    seconds: float
    p50_us: float | None = None
    p99_us: float | None = None


def on_load_cpu(command):
    run = subprocess.run(["taskset", "-c", str(LOAD_CPU), *command], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{run.stdout}{run.stderr}")
    return run.stdout


def run_wrk(url, seconds, connections, fields=()):
    fields = {**BROWSER_FIELDS, **dict(fields)}
    text = on_load_cpu(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
                        *[word for name, value in fields.items() for word in ("-H", f"{name}: {value}")], url])
    if re.search(r"Non-2xx|Socket errors", text):
        raise SystemExit("the load saw errors:\n" + text)
    units = {"us": 1, "ms": 1e3, "s": 1e6}
    latency = {share: float(value) * units[unit]
               for share, value, unit in re.findall(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s)$", text, re.M)}
    count, elapsed, unit = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", text).groups()
    elapsed = float(elapsed) * {"ms": 1e-3, "s": 1, "m": 60}[unit]
    return Run(int(count), elapsed, latency["50"], latency["99"])


def run_h2load(url, seconds, clients, streams):
    """h2load knows no percentiles; they come from its list of requests."""
    fields = [f"-H{name.lower()}: {value}" for name, value in BROWSER_FIELDS.items()]
    with tempfile.NamedTemporaryFile("r") as log:
        text = on_load_cpu(["h2load", "-D", str(seconds), "-c", str(clients), "-m", str(streams),
                            "--log-file", log.name, *fields, url])
        rows = [line.split("\t") for line in log]
    failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", text)
    spoken = re.search(r"^Application protocol: (\S+)", text, re.M)
    if any(int(count) for count in failed.groups()) or not spoken or not spoken.group(1).startswith("h2"):
        raise SystemExit("the load saw errors:\n" + text)
    if statuses := {row[1] for row in rows} - {"200"}:
        raise SystemExit(f"the load saw answers other than 200: {sorted(statuses)}")
    times = sorted(int(row[2]) for row in rows)
    elapsed, unit = re.search(r"finished in ([\d.]+)(ms|s)", text).groups()
    return Run(len(times), float(elapsed) * (1e-3 if unit == "ms" else 1), *percentiles(times))


def run_loader(kind, port, seconds, connections):
    """Our own loads, for what wrk and h2load cannot do; see loader.py."""
    command = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "loader.py"),
               kind, str(port), str(seconds), str(connections)]
    result = json.loads(on_load_cpu(command))
    return Run(result["count"], result["seconds"], *percentiles(sorted(result["times_us"])))


def percentiles(ordered):
    if not ordered:
        return None, None
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


def measure(server, load, unit, backend=None):
    """One run of `load` on the server, as a row: what an operation costs, the rate, the latency. With `backend`
    the cost is that of the requests which came to it after all connections were made, so that handshakes are
    not spread over however many requests the machine had time for."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(load, server)
        if backend:
            concurrent.futures.wait([running], SETTLING_SECONDS)
        cpu, served = server.cpu_seconds(), requests_served(backend) if backend else 0
        run = running.result()
    cpu = server.cpu_seconds() - cpu
    count = requests_served(backend) - served - 1 if backend else run.count
    cost = {"CPU s/GB": cpu / count} if unit == "GB" else {f"CPU us/{unit}": cpu / count * 1e6}
    row = {**cost, f"{unit}/s": run.count / run.seconds}
    if run.p50_us is not None:
        row |= {"p50 us": run.p50_us, "p99 us": run.p99_us}
    return row


def medians_of_rounds(servers, rounds, load, unit, backend=None):
    """Measures each server in turn, `rounds` times; a row of medians for each, by name."""
    results = {server.name: [] for server in servers}
    for number in range(rounds):
        for server in servers:
            row = measure(server, load, unit, backend)
            results[server.name].append(row)
            cells = ", ".join(f"{column} {rounded(value)}" for column, value in row.items())
            print(f"round {number + 1} {server.name}: {cells}", flush=True)
    return {name: {column: statistics.median(row[column] for row in rows) for column in rows[0]}
            for name, rows in results.items()}


def best_of(rows, column, peers):
    values = [rows[name][column] for name in peers]
    return max(values) if column.endswith("/s") else min(values)


def rounded(value):
    return f"{value:.3f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def print_table(rows, peers):
    """The rows, and their ratios to the best of `peers` in each column."""
    columns = list(next(iter(rows.values())))
    print(f"{'':22}" + "".join(f"{column:>14}" for column in columns))
    for name, row in rows.items():
        print(f"{name:22}" + "".join(f"{rounded(row[column]):>14}" for column in columns))
    for name, row in rows.items():
        if peers and peers != [name]:
            label = f"{name}/{peers[0] if len(peers) == 1 else 'best peer'}"
            ratios = (row[column] / best_of(rows, column, peers) for column in columns)
            print(f"{label:22}" + "".join(f"{ratio:14.2f}" for ratio in ratios))
