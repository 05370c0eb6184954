"""weir-proxy, nginx and HAProxy side by side: the same backend, the same load, one rate limit that counts
every request and rejects none. Medians are printed, and ratios to nginx; see side_by_side.py."""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import side_by_side
from side_by_side import SERVER_CPU, Server, free_port, nginx_command, write_file

CONNECTIONS = 64
IDLE_CONNECTIONS = 10_000

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


def count_system_calls(server, requests):
    """System calls of the proxy per request, one connection, steady state; None without strace."""
    if shutil.which("strace") is None:
        return None
    request = b"GET /x HTTP/1.1\r\nHost: bench\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.ports["http"])) as client:
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
        client = socket.create_connection(("127.0.0.1", server.ports["http"]))
        client.sendall(b"GET /x HTTP/1.1\r\nHost: bench\r\n\r\n")
        client.recv(65536)
        clients.append(client)
    after = server.resident_kib()
    for client in clients:
        client.close()
    return before, after


def start_proxies(weir, backend_port, directory):
    contestants = (("weir-proxy", WEIR, lambda path: [weir, "-c", path]),
                   ("nginx", NGINX, lambda path: nginx_command(directory, path)),
                   ("haproxy", HAPROXY, lambda path: ["haproxy", "-db", "-f", path]))
    for name, template, command in contestants:
        port = free_port()
        path = write_file(directory, name + ".conf", template.format(port=port, backend=backend_port))
        yield Server(name, SERVER_CPU, {"http": port}, command(path), directory)


def show_throughput(proxies, backend, seconds, rounds):
    def load(server, duration=seconds):
        url = f"http://127.0.0.1:{server.ports['http']}{side_by_side.PATH}"
        return side_by_side.run_wrk(url, duration, CONNECTIONS)
    for server in proxies:
        load(server, 1)
    medians = side_by_side.medians_of_rounds(proxies, rounds, load, "req", backend)
    print(f"\nmedians of {rounds} rounds of {seconds} s, {CONNECTIONS} connections")
    side_by_side.print_table(medians, ["nginx"])


def show_system_calls(proxies):
    print("\nsystem calls a request, one connection")
    for server in proxies:
        calls = count_system_calls(server, 2000)
        if calls is None:
            print("strace is not installed")
            break
        shown = ", ".join(f"{name} {count:.2f}" for name, count in sorted(calls.items()) if count >= 0.005)
        print(f"{server.name:12}{sum(calls.values()):6.2f}   ({shown})")


def show_idle_memory(proxies):
    print(f"\nresident memory (PSS, KiB) with {IDLE_CONNECTIONS} idle keep-alive connections")
    for server in proxies:
        before, after = idle_memory(server, IDLE_CONNECTIONS)
        per_connection = (after - before) * 1024 / IDLE_CONNECTIONS
        print(f"{server.name:12}{before:8} -> {after:8}   {per_connection:.0f} bytes a connection")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weir", required=True)
    parser.add_argument("seconds", nargs="?", type=int, default=8)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    options = parser.parse_args()
    side_by_side.raise_descriptor_limit()

    with tempfile.TemporaryDirectory() as directory:
        servers = [side_by_side.start_backend(directory)]
        try:
            for server in start_proxies(os.path.abspath(options.weir), servers[0].ports["http"], directory):
                servers.append(server)
            proxies = servers[1:]
            show_throughput(proxies, servers[0], options.seconds, options.rounds)
            show_system_calls(proxies)
            show_idle_memory(proxies)
        finally:
            for server in reversed(servers):
                server.stop()


if __name__ == "__main__":
    main()
