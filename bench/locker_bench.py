"""weir-locker beside etcd (both durable, on the same disk) and beside redis (neither durable).

An operation of the first table is a lock taken and given back: at etcd and at weir-locker's door for etcd by the
very same client and calls (v3lock), at weir-locker's other doors by their own. All servers get all of processor 0
and, since they sync from threads, what is left of the others. The second table is redis-benchmark's."""

import argparse
import csv
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import side_by_side as sb


def bare_syncs(directory, seconds):
    """How many times a second this disk takes a small record: what no durable lock can beat, one at a time."""
    path = os.path.join(directory, "bare")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, 16 << 20)
    os.fdatasync(descriptor)
    count, began = 0, time.monotonic()
    while time.monotonic() < began + seconds:
        os.pwrite(descriptor, b"x" * 100, count * 104 % (16 << 20))
        os.fdatasync(descriptor)
        count += 1
    rate = count / (time.monotonic() - began)
    os.close(descriptor)
    os.unlink(path)
    return rate


def start_locker(program, directory, name, store):
    ports = {door: sb.free_port() for door in ("http", "redis", "etcd")}
    command = [program, "--listen", f"127.0.0.1:{ports['http']}", "--redis", f"127.0.0.1:{ports['redis']}",
               "--etcd", f"127.0.0.1:{ports['etcd']}", "--store", store, "--set", "log.level=warn"]
    return sb.Server(name, sb.SERVER_CPU, ports, command, directory)


def start_etcd(directory):
    ports = {"etcd": sb.free_port(), "peer": sb.free_port()}
    client, peer = (f"http://127.0.0.1:{ports[one]}" for one in ("etcd", "peer"))
    command = ["etcd", "--data-dir", os.path.join(directory, "etcd"), "--listen-client-urls", client,
               "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
               "--initial-cluster", f"default={peer}", "--log-level", "error", "--snapshot-count", "1000000"]
    return sb.Server("etcd", sb.SERVER_CPU, ports, command, directory)


def start_redis(directory):
    port = sb.free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
               "--dir", directory, "--loglevel", "warning"]
    return sb.Server("redis", sb.SERVER_CPU, {"redis": port}, command, directory)


def measure(server, run):
    """The load's own figures, with the server's processor time for each of its operations."""
    before = server.cpu_seconds()
    figures = run()
    figures["cpu_us"] = (server.cpu_seconds() - before) * 1e6 / figures["operations"]
    return figures


def lock_load(program, protocol, port, clients, seconds):
    return json.loads(sb.on_load_cpu([program, protocol, str(port), str(clients), str(seconds)]))


def redis_benchmark(port, requests, pipeline):
    """SET NX of fresh names, then DEL of them."""
    total, rate = 0, []
    for command in (["set", "key:__rand_int__", "value", "nx", "px", "600000"], ["del", "key:__rand_int__"]):
        text = sb.on_load_cpu(["redis-benchmark", "-p", str(port), "-c", "50", "-n", str(requests), "-r", "1000000",
                               "-P", str(pipeline), "--csv", *command])
        row = list(csv.DictReader(io.StringIO(text)))[-1]
        rate.append(float(row["rps"]))
        total += requests
    return {"operations": total, "rate": 2 / sum(1 / one for one in rate)}


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def durable_table(options, directory):
    bare = []
    servers = [start_locker(options.weir, directory, "weir-locker", f"file:{directory}/journal"), start_etcd(directory)]
    locker, etcd = servers
    contests = [("weir-locker, etcd's API", locker, "etcd"), ("weir-locker, HTTP", locker, "http"),
                ("weir-locker, Redis", locker, "redis"), ("etcd 3.4", etcd, "etcd")]
    try:
        for clients in (1, 16, 256):
            results = {name: [] for name, _, _ in contests}
            for _ in range(options.rounds):
                bare.append(bare_syncs(directory, options.seconds / 2))
                for name, server, protocol in contests:
                    results[name].append(measure(server, lambda: lock_load(
                        options.load, protocol, server.ports[protocol], clients, options.seconds)))
            print(f"\n{clients} clients; the disk alone syncs {statistics.median(bare[-options.rounds:]):,.0f} times a second")
            for name, rows in results.items():
                rate = statistics.median(row["operations"] / row["seconds"] for row in rows)
                print(f"  {name:26} {rate:10,.0f} locks/s   p50 {median(rows, 'p50_us'):9,.0f} us   "
                      f"p99 {median(rows, 'p99_us'):9,.0f} us   cpu {median(rows, 'cpu_us'):7,.1f} us/lock")
    finally:
        for server in servers:
            server.stop()


def memory_table(options, directory):
    servers = [start_locker(options.weir, directory, "weir-locker", "memory"), start_redis(directory)]
    try:
        for pipeline in (1, 16):
            results = {server.name: [] for server in servers}
            for _ in range(options.rounds):
                for server in servers:
                    requests = int(options.seconds * 20_000 * (1 if pipeline == 1 else 5))
                    results[server.name].append(measure(server, lambda: redis_benchmark(
                        server.ports["redis"], requests, pipeline)))
            print(f"\nredis-benchmark, SET NX PX and DEL, 50 clients, pipelines of {pipeline}; nothing durable")
            for name, rows in results.items():
                print(f"  {name:26} {median(rows, 'rate'):10,.0f} commands/s   cpu {median(rows, 'cpu_us'):7,.2f} us/command")
    finally:
        for server in servers:
            server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weir", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("seconds", nargs="?", type=float, default=3)
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    options = parser.parse_args()
    options.weir, options.load = os.path.abspath(options.weir), os.path.abspath(options.load)
    sb.raise_descriptor_limit()
    # Beside the build, not in /tmp: that may be memory, and the disk is what is measured.
    with tempfile.TemporaryDirectory(dir=os.path.dirname(options.load)) as directory:
        durable_table(options, directory)
        memory_table(options, directory)


if __name__ == "__main__":
    sys.exit(main())
