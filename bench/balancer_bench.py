"""weir-balancer, HAProxy, nginx and nghttpx side by side, as plain relays, with HTTP/1.1, TLS and HTTP/2 in front.
Every section prints medians of interleaved rounds: CPU time for each operation, then rate and latency, and the
ratios to the best peer. See side_by_side.py for how it is measured, balancer_contestants.py for who takes part."""

import argparse
import dataclasses
import json
import os
import subprocess
import tempfile
from typing import Callable

import balancer_contestants
import side_by_side
from side_by_side import PATH, run_h2load, run_loader, run_wrk

WEIR = "weir-balancer"
CLOSE = {"Connection": "close"}


@dataclasses.dataclass
class Section:
    name: str
    title: str
    port: str    # of the contestants; those without it take no part
    unit: str    # of what is counted
    load: Callable  # (port, seconds) -> Run


SECTIONS = [
    Section("tcp", "L4: small requests, 64 connections", "tcp", "req",
            lambda port, seconds: run_wrk(f"http://127.0.0.1:{port}{PATH}", seconds, 64)),
    Section("tcp-new", "L4: a connection for each request, 64 at a time", "tcp", "conn",
            lambda port, seconds: run_wrk(f"http://127.0.0.1:{port}{PATH}", seconds, 64, CLOSE)),
    Section("tcp-bulk", "L4: bodies of 64 MiB, 4 connections", "bulk", "GB",
            lambda port, seconds: run_loader("bulk", port, seconds, 4)),
    Section("http", "HTTP/1.1, 64 connections", "http", "req",
            lambda port, seconds: run_wrk(f"http://127.0.0.1:{port}{PATH}", seconds, 64)),
    Section("https", "HTTP/1.1 over TLS 1.3, 64 connections", "https", "req",
            lambda port, seconds: run_wrk(f"https://127.0.0.1:{port}{PATH}", seconds, 64)),
    Section("https-new", "TLS 1.3: a full handshake for each request, 16 at a time", "https", "conn",
            lambda port, seconds: run_loader("handshakes", port, seconds, 16)),
    Section("h2", "HTTP/2 over TLS, 16 connections of 32 streams", "https", "req",
            lambda port, seconds: run_h2load(f"https://127.0.0.1:{port}{PATH}", seconds, 16, 32)),
    Section("h2-single", "HTTP/2 over TLS, 64 connections of 1 stream", "https", "req",
            lambda port, seconds: run_h2load(f"https://127.0.0.1:{port}{PATH}", seconds, 64, 1)),
    Section("h2c", "HTTP/2 in clear, 16 connections of 32 streams", "h2c", "req",
            lambda port, seconds: run_h2load(f"http://127.0.0.1:{port}{PATH}", seconds, 16, 32)),
    Section("h2c-single", "HTTP/2 in clear, 64 connections of 1 stream", "h2c", "req",
            lambda port, seconds: run_h2load(f"http://127.0.0.1:{port}{PATH}", seconds, 64, 1)),
]

PROBES = [  # port, how curl is to speak to it, the version it must then report, X-Forwarded-Proto at the backend
    ("tcp", ["--http1.1"], "1.1", ""),
    ("bulk", ["--http1.1"], "1.1", ""),
    ("http", ["--http1.1"], "1.1", "http"),
    ("https", ["--http1.1", "--tlsv1.3"], "1.1", "https"),
    ("https", ["--http2", "--tlsv1.3"], "2", "https"),
    ("h2c", ["--http2-prior-knowledge"], "2", "http"),
]


def make_certificate(directory):
    """One file with the key and its self-signed certificate; every contestant and curl take it as it is."""
    key, certificate, pem = (os.path.join(directory, name) for name in ("key.pem", "certificate.pem", "both.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with open(pem, "w") as both:
        for path in (certificate, key):
            with open(path) as part:
                both.write(part.read())
    return pem


def verify(server, pem):
    """A contestant that is set up wrongly would win: each must speak what it is measured for, and do all the work."""
    def fetch(port_name, flags, path):
        scheme = "https" if port_name == "https" else "http"
        url = f"{scheme}://localhost:{server.ports[port_name]}{path}"
        run = subprocess.run(["curl", "-sS", "--ipv4", "--max-time", "10", "--cacert", pem, *flags, "-w",
                              "\n%{http_code} %{http_version}", url], capture_output=True, text=True, check=False)
        body, _, result = run.stdout.rpartition("\n")
        return body, result, run.stderr

    def expect(what, found, wanted):
        if found != wanted:
            raise SystemExit(f"{server.name} is not set up as it should be: {what}: {found!r}, not {wanted!r}\n"
                             + server.log())
    for port_name, flags, version, proto in PROBES:
        if port_name not in server.ports:
            continue
        what = f"{port_name} by curl {' '.join(flags)}"
        body, result, error = fetch(port_name, flags, PATH)
        expect(what + " " + error, result, "200 " + version)
        expect(what, body, side_by_side.BODY)
        seen = json.loads(fetch(port_name, flags, "/seen")[0])
        expect(what + ": X-Forwarded-For", seen["for"], "127.0.0.1" if proto else "")
        expect(what + ": X-Forwarded-Proto", seen["proto"], proto)
        expect(what + ": the connection to the backend was used before", seen["requests"] > 1, bool(proto))


def run_section(section, servers, backend, seconds, rounds):
    def load(server, duration=seconds):
        return section.load(server.ports[section.port], duration)
    print(f"\n== {section.title} ({section.name})", flush=True)
    for server in servers:
        load(server, 1)
    medians = side_by_side.medians_of_rounds(servers, rounds, load, section.unit,
                                             backend if section.unit == "req" else None)
    print(f"\nmedians of {rounds} rounds of {seconds} s")
    side_by_side.print_table(medians, [name for name in medians if name != WEIR])
    return medians


def print_summary(results, names):
    """What an operation costs, by section and contestant."""
    heads = "".join(f"{name:>15}" for name in [*names, "weir/best peer"])
    print(f"\n== CPU time for each operation\n{'':24}{heads}")
    for section, rows in results.items():
        column = next(iter(next(iter(rows.values()))))
        cells = [side_by_side.rounded(rows[name][column]) if name in rows else "-" for name in names]
        peers = [name for name in rows if name != WEIR]
        if WEIR in rows and peers:
            cells.append(f"{rows[WEIR][column] / side_by_side.best_of(rows, column, peers):.2f}")
        print(f"{section:11}{column.removeprefix('CPU '):>13}" + "".join(f"{cell:>15}" for cell in cells))


def measure_all(servers, backend, sections, seconds, rounds):
    results = {}
    for section in sections:
        able = [server for server in servers if section.port in server.ports]
        if able:
            results[section.name] = run_section(section, able, backend, seconds, rounds)
    print_summary(results, [server.name for server in servers])


def arguments():
    def some_of(known):
        def parse(text):
            names = text.split(",")
            if unknown := set(names) - set(known):
                raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
            return names
        return parse
    contestants, sections = [WEIR, *balancer_contestants.PEERS], [section.name for section in SECTIONS]
    parser = argparse.ArgumentParser()
    parser.add_argument("--weir", required=True)
    parser.add_argument("--only", metavar="NAMES", type=some_of(contestants), default=contestants)
    parser.add_argument("--sections", metavar="NAMES", type=some_of(sections), default=sections)
    parser.add_argument("seconds", nargs="?", type=int, default=3)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    return parser.parse_args()


def main():
    options = arguments()
    side_by_side.raise_descriptor_limit()
    with tempfile.TemporaryDirectory() as directory:
        pem = make_certificate(directory)
        servers = [side_by_side.start_backend(directory)]
        try:
            for server in balancer_contestants.start(os.path.abspath(options.weir), options.only,
                                                     servers[0].ports["http"], pem, directory):
                servers.append(server)
                verify(server, pem)
            if len(servers) == 1:
                raise SystemExit("nothing is left to measure")
            measure_all(servers[1:], servers[0], [one for one in SECTIONS if one.name in options.sections],
                        options.seconds, options.rounds)
        finally:
            for server in reversed(servers):
                server.stop()


if __name__ == "__main__":
    main()
