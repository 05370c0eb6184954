"""Clients that black-box tests speak through: TLS by Python's ssl over harness.Connection, curl, nghttp, h2load."""

import dataclasses
import re
import ssl
import subprocess

from raw_http import PATIENCE, Answer, Connection


def tls_context(ca=None, alpn=(), certificate=None, version=None):
    """`ca` verifies the server and its name; without it anyone is believed. `certificate` is the client's own;
    `version` the only one to be spoken, as ssl.TLSVersion."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context.load_verify_locations(ca)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if certificate is not None:
        context.load_cert_chain(certificate.chain, certificate.key)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


class TlsConnection(Connection):
    """HTTP by hand over TLS. What was agreed on stands in `version`, `alpn`, `resumed` and `server`."""

    def __init__(self, port, context=None, server_name="localhost", session=None, **more):
        super().__init__(port, **more)
        self.context = context or tls_context()
        try:
            self.socket = self.context.wrap_socket(self.socket, server_hostname=server_name, session=session)
        except OSError:
            self.socket.close()
            raise

    @property
    def version(self):
        return self.socket.version()

    @property
    def alpn(self):
        return self.socket.selected_alpn_protocol()

    @property
    def resumed(self):
        return self.socket.session_reused

    @property
    def session(self):
        """To be given to the next connection of this context; TLS 1.3 has one after the first answer."""
        return self.socket.session

    @property
    def server(self):
        """The names in the server's certificate, where it was verified."""
        return [name for _, name in self.socket.getpeercert().get("subjectAltName", ())]


class CurlError(Exception):
    """curl's exit status (7: refused, 28: time is up, 35: TLS, 52: empty answer, 56: reset, 92: HTTP/2 stream)."""

    def __init__(self, status, text):
        super().__init__(f"curl ended with {status}: {text}")
        self.status = status


def curl(port, path="/", *flags, http="1.1", ca=None, name="localhost"):
    """One request by curl, over TLS where `ca` is given. `http` is "1.1" or "2": by ALPN over TLS, with prior
    knowledge in clear. The answer's version is what was really spoken."""
    scheme = "https" if ca else "http"
    version = "--http1.1" if http == "1.1" else "--http2" if ca else "--http2-prior-knowledge"
    run = subprocess.run(["curl", "-sS", "-i", version, "--max-time", str(PATIENCE), *(["--cacert", ca] if ca else []),
                          "--resolve", f"{name}:{port}:127.0.0.1", *flags, f"{scheme}://{name}:{port}{path}"],
                         capture_output=True, check=False)
    if run.returncode != 0:
        raise CurlError(run.returncode, run.stderr.decode(errors="replace").strip())
    head, rest = run.stdout.split(b"\r\n\r\n", 1)
    while re.match(rb"HTTP/\S+ 1\d\d", head):
        head, rest = rest.split(b"\r\n\r\n", 1)
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status, reason = (first + "  ").split(" ", 2)
    fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
    return Answer(int(status), reason.strip(), fields, rest, version)


def nghttp(port, path="/", *flags, tls=False, name="localhost"):
    """One request by nghttp; the frames that passed, as (direction, type, stream), and its whole account."""
    scheme = "https" if tls else "http"
    run = subprocess.run(["nghttp", "-nv", "-t", str(int(PATIENCE)), *flags, f"{scheme}://{name}:{port}{path}"],
                         capture_output=True, text=True, check=False)
    frames = re.findall(r"\] (send|recv) (?:\(stream_id=\d+\) )?(\w+) frame <.*stream_id=(\d+)", run.stdout)
    return [(direction, kind, int(stream)) for direction, kind, stream in frames], run.stdout + run.stderr


@dataclasses.dataclass
class H2Load:
    succeeded: int
    lost: int      # failed, errored, timed out or never answered
    statuses: dict  # "2xx" to "5xx": how many
    protocol: str   # "h2", "h2c", "http/1.1"
    text: str


def h2load(port, path="/", *flags, requests=1000, clients=4, streams=8, tls=False, name="localhost"):
    scheme = "https" if tls else "http"
    run = subprocess.run(["h2load", "-n", str(requests), "-c", str(clients), "-m", str(streams), *flags,
                          f"{scheme}://{name}:{port}{path}"], capture_output=True, text=True, check=False,
                         timeout=10 * PATIENCE)
    counts = re.search(r"requests: (\d+) total, .* (\d+) succeeded", run.stdout)
    if counts is None:
        raise AssertionError("h2load did not run:\n" + run.stdout + run.stderr)
    total, succeeded = (int(count) for count in counts.groups())
    statuses = {kind: int(count) for count, kind in re.findall(r"(\d+) (\dxx)", run.stdout)}
    protocol = re.search(r"^Application protocol: (\S+)", run.stdout, re.M)
    return H2Load(succeeded, total - succeeded, statuses, protocol.group(1) if protocol else "", run.stdout)
