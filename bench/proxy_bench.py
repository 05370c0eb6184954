"""weir-proxy, nginx and HAProxy side by side: the same backend, the same load, one rate limit that counts
every request and rejects none, each proxy alone on processor 0 while wrk and the backend share processor 1.

Rounds are interleaved, so that a machine that slows down slows all of them. Medians are printed, and ratios
to nginx. CPU time is the proxy's own (user + system, all its processes) from /proc, divided by requests."""

import argparse
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

PROXY_CPU, LOAD_CPU = 0, 1
CONNECTIONS = 64
IDLE_CONNECTIONS = 10_000
TICKS = os.sysconf("SC_CLK_TCK")

BACKEND = """
daemon off; worker_processes 1; error_log stderr error; pid backend.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
  server {{
    listen 127.0.0.1:{backend} backlog=4096;
    location / {{ default_type text/plain; return 200 "{body}"; }}
  }}
}}
"""

NGINX = """
daemon off; worker_processes 1; error_log stderr error; pid nginx.pid;
events {{ worker_connections 19000; multi_accept on; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600; tcp_nodelay on; server_tokens off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  limit_req_zone $binary_remote_addr zone=perip:10m rate=1000000r/s;
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      limit_req zone=perip burst=1000000 nodelay;
      proxy_pass http://backend; proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 20000
  no strict-limits
  tune.listener.multi-queue off
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 60s
  timeout http-keep-alive 600s
  option http-keep-alive
  http-reuse always
backend limits
  stick-table type ip size 100k expire 60s store http_req_rate(10s)
frontend in
  bind 127.0.0.1:{port} backlog 4096
  http-request track-sc0 src table limits
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 100000000 }}
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  default_backend app
backend app
  server one 127.0.0.1:{backend} pool-max-conn 128
"""

WEIR = """
[server]
listen = ["127.0.0.1:{port}"]
workers = 1
[access_log]
to = "off"
[client]
idle_timeout = "10m"
[upstream.app]
servers = ["127.0.0.1:{backend}"]
keepalive = 128
[[route]]
name = "all"
upstream = "app"
[[limit]]
name = "per-ip"
rate = "1000000/s"
burst = 1000000
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{process.args} ended at once with status {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise SystemExit("a server did not start listening")


class Server:
    def __init__(self, name, cpu, port, command, directory):
        self.name, self.port = name, port
        log = open(os.path.join(directory, name + ".log"), "wb")
        self.process = subprocess.Popen(["taskset", "-c", str(cpu), *command], cwd=directory,
                                        stdout=log, stderr=log)
        wait_for_port(port, self.process)

    def pids(self):
        found, seen = [self.process.pid], 0
        while seen < len(found):
            pid = found[seen]
            seen += 1
            with open(f"/proc/{pid}/task/{pid}/children") as children:
                found += [int(child) for child in children.read().split()]
        return found

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

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


def run_wrk(port, seconds):
    command = ["taskset", "-c", str(LOAD_CPU), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency",
               "-H", "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
               "-H", "Accept: text/html,application/xhtml+xml", "-H", "Accept-Language: en-US,en;q=0.5",
               "-H", "Accept-Encoding: gzip, deflate", "-H", "Cookie: session=4f2c8e0a1b3d5f7a9c",
               f"http://127.0.0.1:{port}/path/to/resource?with=query"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if re.search(r"Non-2xx|Socket errors", text):
        raise SystemExit("the load saw errors:\n" + text)
    units = {"us": 1, "ms": 1e3, "s": 1e6}
    latency = {share: float(value) * units[unit]
               for share, value, unit in re.findall(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s)$", text, re.M)}
    return int(re.search(r"(\d+) requests in", text).group(1)), latency["50"], latency["99"]


def measure(server, seconds):
    run_wrk(server.port, 1)
    cpu_before, start = server.cpu_seconds(), time.monotonic()
    requests, p50, p99 = run_wrk(server.port, seconds)
    elapsed = time.monotonic() - start
    cpu = server.cpu_seconds() - cpu_before
    return {"req/s": requests / elapsed, "p50 us": p50, "p99 us": p99, "CPU us/req": cpu / requests * 1e6}


def count_system_calls(server, requests):
    """System calls of the proxy per request, one connection, steady state; None without strace."""
    if shutil.which("strace") is None:
        return None
    request = b"GET /x HTTP/1.1\r\nHost: bench\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        def ask():
            client.sendall(request)
            client.recv(65536)
        for _ in range(20):
            ask()
        summary = tempfile.NamedTemporaryFile()
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", summary.name,
                                   *[word for pid in server.pids() for word in ("-p", str(pid))]],
                                  stderr=subprocess.PIPE, text=True)
        while "attached" not in tracer.stderr.readline():
            pass
        for _ in range(requests):
            ask()
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
    calls = {}
    with open(summary.name) as lines:
        for line in lines:
            row = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if row and row.group(2) != "total":
                calls[row.group(2)] = int(row.group(1)) / requests
    return calls


def idle_memory(server, connections):
    """Proportional resident memory, before and with idle keep-alive connections that had one request each."""
    before = server.resident_kib()
    clients = []
    for _ in range(connections):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(b"GET /x HTTP/1.1\r\nHost: bench\r\n\r\n")
        client.recv(65536)
        clients.append(client)
    after = server.resident_kib()
    for client in clients:
        client.close()
    return before, after


def print_table(rows, columns, reference):
    print(f"{'':12}" + "".join(f"{column:>14}" for column in columns))
    for name, row in rows.items():
        cells = "".join(f"{row[column]:>14.1f}" if row[column] is not None else f"{'-':>14}" for column in columns)
        print(f"{name:12}{cells}")
    for name, row in rows.items():
        if name != reference:
            cells = "".join(f"{row[column] / rows[reference][column]:>14.2f}" for column in columns)
            print(f"{name + '/' + reference:12.12}{cells}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weir", required=True)
    parser.add_argument("seconds", nargs="?", type=int, default=8)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    options = parser.parse_args()
    weir = os.path.abspath(options.weir)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    with tempfile.TemporaryDirectory() as directory:
        backend_port = free_port()

        def configure(name, template, port):
            path = os.path.join(directory, name + ".conf")
            with open(path, "w") as config:
                config.write(template.format(port=port, backend=backend_port, body="x" * 256))
            return path

        nginx = ["nginx", "-p", directory, "-e", "stderr", "-c"]
        servers = [Server("backend", LOAD_CPU, backend_port,
                          nginx + [configure("backend", BACKEND, backend_port)], directory)]
        try:
            contestants = (("weir-proxy", WEIR, lambda path: [weir, "-c", path]),
                           ("nginx", NGINX, lambda path: nginx + [path]),
                           ("haproxy", HAPROXY, lambda path: ["haproxy", "-db", "-f", path]))
            for name, template, command in contestants:
                port = free_port()
                servers.append(Server(name, PROXY_CPU, port, command(configure(name, template, port)), directory))
            proxies = servers[1:]

            results = {server.name: [] for server in proxies}
            for number in range(options.rounds):
                for server in proxies:
                    results[server.name].append(measure(server, options.seconds))
                    shown = ", ".join(f"{key} {value:.1f}" for key, value in results[server.name][-1].items())
                    print(f"round {number + 1} {server.name}: {shown}", flush=True)
            columns = list(results["nginx"][0])
            medians = {name: {column: statistics.median(run[column] for run in runs) for column in columns}
                       for name, runs in results.items()}
            print(f"\nmedians of {options.rounds} rounds of {options.seconds} s, {CONNECTIONS} connections")
            print_table(medians, columns, "nginx")

            print("\nsystem calls a request, one connection")
            for server in proxies:
                calls = count_system_calls(server, 2000)
                if calls is None:
                    print("strace is not installed")
                    break
                shown = ", ".join(f"{name} {count:.2f}" for name, count in sorted(calls.items()) if count >= 0.005)
                print(f"{server.name:12}{sum(calls.values()):6.2f}   ({shown})")

            print(f"\nresident memory (PSS, KiB) with {IDLE_CONNECTIONS} idle keep-alive connections")
            for server in proxies:
                before, after = idle_memory(server, IDLE_CONNECTIONS)
                per_connection = (after - before) * 1024 / IDLE_CONNECTIONS
                print(f"{server.name:12}{before:8} -> {after:8}   {per_connection:.0f} bytes a connection")
        finally:
            for server in reversed(servers):
                server.stop()


if __name__ == "__main__":
    main()
