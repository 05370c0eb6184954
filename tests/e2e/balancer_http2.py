"""HTTP/2 in front and to servers, with curl, nghttp, h2load and nghttpd."""

import os
import struct
import subprocess

import balancing
import harness
from certificates import Authority
from clients import curl, h2load, nghttp
from harness import PATIENCE, accepts, ask, until
from load import Load
from raw_http import Connection
from raw_http2 import (ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, Http2, credit, frame, get, literal,
                       settings)
from servers import lasting_port


class Nghttpd:
    """nghttpd, in clear or with a certificate; it answers files of its folder, and uploads with what was sent."""

    def __init__(self, case, *flags, certificate=None):
        self.port = lasting_port()
        tls = [certificate.key, certificate.chain] if certificate else []
        self.process = case.run_process(["nghttpd", "-a", "127.0.0.1", "-d", case.directory, "--echo-upload", *flags,
                                         *([] if tls else ["--no-tls"]), str(self.port), *tls])
        until(lambda: accepts(self.port), "nghttpd")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"


def answer_with_trailers(connection):
    """An HTTP/2 server by hand, which does not say how long its answers are."""
    connection.read(len(PREFACE))
    connection.send(settings())
    while True:
        head = connection.read(9)
        connection.read(int.from_bytes(head[:3], "big"))
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        if kind == SETTINGS and not flags & ACK:
            connection.send(frame(SETTINGS, ACK))
        if kind == HEADERS:
            connection.send(frame(HEADERS, END_HEADERS, stream, b"\x88") + frame(DATA, 0, stream, b"text")
                            + frame(HEADERS, END_HEADERS | END_STREAM, stream, literal("x-sum", "1")))


class Front(balancing.Case):
    def test_curl_and_nghttp_are_served_in_clear(self):
        balancer = self.balance(self.plain_servers("ab"))
        answer = curl(balancer.port, http="2")
        self.assertEqual((answer.version, answer.status), ("HTTP/2", 200))
        asks_for_upgrade = subprocess.run(["curl", "-sS", "--http2", "-w", " %{http_code}", "--max-time", str(PATIENCE),
                                           f"http://127.0.0.1:{balancer.port}/"], capture_output=True, text=True, check=True)
        self.assertIn(asks_for_upgrade.stdout, ("a 200", "b 200"))
        frames, text = nghttp(balancer.port)
        self.assertEqual([frame[:2] for frame in frames if frame[2] and frame[1] in ("HEADERS", "DATA")],
                         [("send", "HEADERS"), ("recv", "HEADERS"), ("recv", "DATA")], text)

    def test_thousands_of_requests_are_all_answered_and_shared(self):
        balancer = self.balance(self.plain_servers("ab"))
        result = h2load(balancer.port, requests=2000, clients=4, streams=16)
        self.assertEqual((result.lost, result.statuses["2xx"]), (0, 2000), result.text)
        balancer.wait_for_metric(2000, "weir_requests_total", status="2xx")

    def test_http2_over_tls_loses_nothing_while_servers_restart(self):
        authority = Authority(self.directory)
        certificate = authority.issue("localhost")
        servers = self.plain_servers("abc")
        balancer = self.balance(servers, listener='tls.certificates = [{ certificate = "%s", key = "%s" }]'
                                                  % (certificate.chain, certificate.key))
        run = self.run_process(["h2load", "-D", "600", "-c", "2", "-m", "8", f"https://localhost:{balancer.port}/"])
        answered = lambda: balancer.metric("weir_requests_total", status="2xx")
        for server in servers:
            before = answered()
            until(lambda: answered() > before + 50, "answers")
            server.restart()
            until(lambda: balancer.metric("weir_upstream_breaker_state", upstream="app") == 0, "all servers to be in use")
        before = answered()
        until(lambda: answered() > before + 50, "answers")
        balancer.wait_for_metric(0, "weir_requests_total", status="5xx")
        self.assertTrue(run.is_running())

    def test_large_answers_and_a_slow_reader(self):
        balancer = self.balance(self.plain_servers("a"))
        size = 16 * 1024 * 1024
        self.assertEqual(len(curl(balancer.port, f"/bytes/{size}", http="2").body), size)
        with Http2(balancer.port, window=0) as slow:
            slow.send(get(1, "/bytes/300000") + get(3, "/bytes/300000"))
            slow.step_until(lambda: len(slow.heads) == 2)
            for _ in range(5):  # a little at a time, and others don't notice
                got = len(slow.bodies.get(1, b""))
                slow.send(credit(1, 1000))
                slow.step_until(lambda: len(slow.bodies.get(1, b"")) == got + 1000)
                self.assertEqual(ask(balancer.port).status, 200)
            self.assertNotIn(3, slow.bodies)
            slow.send(credit(3, 1_000_000) + credit(1, 1_000_000) + credit(0, 1_000_000))
            slow.step_until(lambda: slow.ended == {1, 3})
            self.assertEqual({stream: len(body) for stream, body in slow.bodies.items()}, {1: 300_000, 3: 300_000})

    def test_a_reader_that_stops_costs_itself_its_stream_only(self):
        balancer = self.balance(self.plain_servers("a"), client='write_timeout = "300ms"')
        with Http2(balancer.port, window=10) as client:
            client.send(get(1, "/bytes/3000000") + get(3))
            client.step_until(lambda: 1 in client.resets)
            self.assertEqual((client.heads[3], client.bodies[3]), ("200", b"a"))
            client.send(get(5))
            client.step_until(lambda: 5 in client.ended)
            self.assertIsNone(client.goaway)

    def test_draining_says_goaway_and_loses_nothing(self):
        server = self.plain_servers("a")[0]
        balancer = self.balance([server])
        with Http2(balancer.port) as client, Http2(balancer.port) as idle:
            client.send(b"".join(get(stream, "/slow?ms=700") for stream in (1, 3, 5)))
            until(lambda: ask(server.port, path="/busy").body == b"4", "the requests to arrive")
            idle.send(get(1))
            idle.step_until(lambda: 1 in idle.ended)
            balancer.signal(15)
            client.step_until(lambda: client.goaway is not None and len(client.ended) == 3)
            self.assertEqual((client.goaway, client.heads), (0, {1: "200", 3: "200", 5: "200"}))
            idle.step_until(lambda: idle.goaway is not None)
            self.assertEqual(balancer.wait(), 0)


class Servers(balancing.Case):
    def setUp(self):
        super().setUp()
        with open(os.path.join(self.directory, "large"), "wb") as file:
            file.write(os.urandom(1024 * 1024) * 16)
        with open(os.path.join(self.directory, "small"), "w") as file:
            file.write("small")

    def large(self):
        with open(os.path.join(self.directory, "large"), "rb") as file:
            return file.read()

    def test_clients_of_either_version_are_served_by_h2_servers(self):
        balancer = self.balance([Nghttpd(self)], upstream='protocol = "h2"')
        for version in ("1.1", "2"):
            with self.subTest(version):
                self.assertEqual(curl(balancer.port, "/small", http=version).body, b"small")
                self.assertEqual(curl(balancer.port, "/none", http=version).status, 404)
                self.assertTrue(curl(balancer.port, "/large", http=version).body == self.large())
                upload = curl(balancer.port, "/", "--data-binary", "@" + os.path.join(self.directory, "large"), "-H",
                              "Expect:", "-H", "Content-Type: application/octet-stream", http=version)
                self.assertTrue(upload.body == self.large())

    def test_thousands_of_requests_share_few_connections(self):
        balancer = self.balance([Nghttpd(self), Nghttpd(self)], upstream='protocol = "h2"')
        result = h2load(balancer.port, "/small", requests=10_000, clients=8, streams=16)
        self.assertEqual((result.lost, result.statuses["2xx"]), (0, 10_000), result.text)

    def test_a_server_that_takes_few_streams_is_kept_to_its_word(self):
        balancer = self.balance([Nghttpd(self, "-m", "2")], upstream='protocol = "h2"\nretries = 0\n')
        result = h2load(balancer.port, "/small", requests=2000, clients=2, streams=32)
        self.assertEqual((result.lost, result.statuses["2xx"]), (0, 2000), result.text)
        balancer.wait_for_metric(2000, "weir_upstream_attempts_total", upstream="app")

    def test_a_server_that_does_not_begin_with_settings_is_an_error(self):
        silent = self.origin(lambda connection: connection.read(1_000_000))
        upstream = balancing.NO_BREAKER + 'protocol = "h2"\nretries = 0\nconnect_timeout = "200ms"\n'
        balancer = self.balance([silent], upstream=upstream)
        self.assertEqual(ask(balancer.port).status, 504)
        balancer.wait_for_log("the server sent no SETTINGS")
        balancer = self.balance(self.plain_servers("a"), upstream=upstream)
        self.assertEqual(ask(balancer.port).status, 502)
        balancer.wait_for_log("HTTP/2: ")

    def test_over_tls_by_alpn(self):
        authority = Authority(self.directory)
        certificate = authority.issue("localhost")
        tls = f'tls = true\ntls_ca = "{authority.chain}"\ntls_server_name = "localhost"\nretries = 0\n'
        balancer = self.balance([Nghttpd(self, certificate=certificate)], upstream=tls + 'protocol = "h2"')
        self.assertEqual(curl(balancer.port, "/small").body, b"small")
        without_h2 = self.plain_servers("a", certificate=certificate)
        balancer = self.balance(without_h2, upstream=tls + 'protocol = "h2"')
        self.assertEqual(ask(balancer.port).status, 502)
        balancer.wait_for_log("does not offer h2")

    def test_trailers_pass_as_grpc_wants_them(self):
        balancer = self.balance([Nghttpd(self, "--trailer", "grpc-status: 0", "--trailer", "grpc-message: fine")],
                                upstream='protocol = "h2"')
        _, text = nghttp(balancer.port, "/", "-d", os.path.join(self.directory, "small"), "-H", "te: trailers",
                         "-H", "content-type: application/grpc")
        answer = text[text.index(":status: 200"):]
        self.assertLess(answer.index("recv DATA frame"), answer.index("grpc-status: 0"), text)
        self.assertIn("grpc-message: fine", answer)

    def test_trailers_reach_http1_clients_that_want_them(self):
        balancer = self.balance([self.origin(answer_with_trailers)], upstream='protocol = "h2"')
        with Connection(balancer.port) as client:
            for _ in range(2):
                answer = client.ask(fields=[("TE", "trailers")])
                self.assertEqual((answer.status, answer["Transfer-Encoding"], answer.body, answer.trailers),
                                 (200, "chunked", b"text", [("x-sum", "1")]))
        balancer = self.balance([Nghttpd(self, "--trailer", "x-sum: 1")], upstream='protocol = "h2"')
        with Connection(balancer.port) as client:  # behind a body of a length that is told before, there is no place
            for _ in range(2):
                answer = client.ask(path="/small", fields=[("TE", "trailers")])
                self.assertEqual((answer.status, answer["Content-Length"], answer.body), (200, "5", b"small"))

    def test_a_killed_h2_server_costs_no_request_that_can_be_repeated(self):
        servers = [Nghttpd(self) for _ in "abc"]
        balancer = self.balance(servers, upstream='protocol = "h2"')
        with Load(balancer.port, path="/small", threads=6) as load:
            load.wait_for_answers(100)
            servers[0].process.signal(9)
            load.wait_for_answers(300)
        self.assertEqual((load.lost, set(load.statuses)), ([], {200}))


if __name__ == "__main__":
    harness.main()
