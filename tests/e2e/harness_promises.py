"""What the other tests lean on: servers that die and come back, loads that miss nothing, clients that tell what
was spoken."""

import json
import os
import ssl

import harness
from certificates import Authority, self_signed
from clients import CurlError, TlsConnection, curl, h2load, nghttp, tls_context
from harness import Connection, ask, free_port, until
from load import Load
from servers import PlainServer

NGINX = """
daemon off; worker_processes 1; error_log stderr error; pid {directory}/nginx.pid;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {directory}/b; proxy_temp_path {directory}/p;
  fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  ssl_certificate {chain}; ssl_certificate_key {key};
  server {{ listen 127.0.0.1:{tls} ssl http2; return 200 "tls"; }}
  server {{ listen 127.0.0.1:{clear} http2; return 200 "clear"; }}
}}
"""


class PlainServers(harness.Case):
    def test_it_answers_what_is_asked_for(self):
        server = self.keep(PlainServer(self.directory, "a"))
        with Connection(server.port) as client:
            self.assertEqual([client.ask().body, client.ask(path="/slow?ms=1").body], [b"a", b"a"])
            self.assertEqual((client.ask(path="/status/418").status, client.ask(path="/status/204").status), (418, 204))
            self.assertEqual(len(client.ask(path="/bytes/100000").body), 100000)
            self.assertEqual(client.ask("HEAD").body, b"")
            seen = client.ask("POST", "/seen?x=1", [("X-One", "1")], b"body")
            self.assertEqual(seen["X-Server"], "a")
            seen = json.loads(seen.body)
        self.assertEqual((seen["method"], seen["target"], seen["body"]), ("POST", "/seen?x=1", "body"))
        self.assertIn(["X-One", "1"], seen["fields"])

    def test_it_ends_gracefully(self):
        server = self.keep(PlainServer(self.directory, "a"))
        with Connection(server.port) as busy, Connection(server.port) as idle:
            idle.ask()
            busy.send("GET /slow?ms=300 HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: ask(server.port, path="/busy").body == b"2", "the request to arrive")
            server.process.signal(15)
            until(lambda: not server.is_reachable(), "the port to be closed")
            answer = busy.read_answer()
            self.assertEqual((answer.body, answer["Connection"]), (b"a", "close"))
            self.assertEqual(server.process.wait(), 0)
            self.assertTrue(idle.is_closed_by_peer())


class Loads(harness.Case):
    def test_a_server_that_stays_loses_nothing(self):
        server = self.keep(PlainServer(self.directory, "a"))
        with Load(server.port) as load:
            load.wait_for_answers(200)
        self.assertEqual(load.lost, [])
        self.assertEqual((load.statuses, load.answered_by), ({200: load.answers}, {"a": load.answers}))

    def test_a_server_that_is_killed_loses_and_comes_back(self):
        server = self.keep(PlainServer(self.directory, "a"))
        with Load(server.port) as load:
            load.wait_for_answers(50)
            server.kill()
            until(lambda: load.kinds["refused"], "a refused connection")
            server.start()
            load.wait_for_answers(50)
        self.assertLessEqual(set(load.kinds), {"refused", "reset", "closed"})

    def test_a_server_that_is_frozen_times_out(self):
        server = self.keep(PlainServer(self.directory, "a"))
        with Load(server.port, timeout=0.5) as load:
            load.wait_for_answers(50)
            server.freeze()
            until(lambda: load.kinds["timeout"], "a timeout")
            server.thaw()
            load.wait_for_answers(50)
        self.assertEqual(set(load.kinds), {"timeout"})

    def test_an_answer_that_says_so_is_lost(self):
        server = self.keep(PlainServer(self.directory, "a"))
        with Load(server.port, path="/status/503") as load:
            load.wait_for_answers(20)
        self.assertEqual(load.kinds, {"5xx": load.answers})

    def test_a_load_goes_over_tls(self):
        server = self.keep(PlainServer(self.directory, "a", self_signed(self.directory, "localhost")))
        with Load(server.port, connect=lambda: TlsConnection(server.port)) as load:
            load.wait_for_answers(50)
        self.assertEqual(load.lost, [])


class Tls(harness.Case):
    def test_an_authority_is_believed_and_a_stranger_is_not(self):
        authority = Authority(self.directory)
        server = self.keep(PlainServer(self.directory, "a", authority.issue("a.example", "*.b.example", "127.0.0.1")))
        with TlsConnection(server.port, tls_context(authority.chain), "x.b.example") as client:
            self.assertEqual((client.ask().body, client.version), (b"a", "TLSv1.3"))
            self.assertEqual(client.server, ["a.example", "*.b.example", "127.0.0.1"])
        with self.assertRaises(ssl.SSLCertVerificationError):
            TlsConnection(server.port, tls_context(authority.chain), "c.example")
        stranger = self_signed(self.directory, "a.example")
        with self.assertRaises(ssl.SSLCertVerificationError):
            TlsConnection(server.port, tls_context(stranger.chain), "a.example")

    def test_a_session_is_resumed(self):
        server = self.keep(PlainServer(self.directory, "a", self_signed(self.directory, "localhost")))
        context = tls_context()
        with TlsConnection(server.port, context) as first:
            first.ask()
            with TlsConnection(server.port, context, session=first.session) as second:
                self.assertEqual((first.resumed, second.resumed), (False, True))


class Http2(harness.Case):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.directory)
        certificate = self.authority.issue("localhost", "a.example")
        self.tls, self.clear = free_port(), free_port()
        config = os.path.join(self.directory, "nginx.conf")
        with open(config, "w") as file:
            file.write(NGINX.format(directory=self.directory, tls=self.tls, clear=self.clear,
                                    chain=certificate.chain, key=certificate.key))
        self.run_process(["nginx", "-e", "stderr", "-c", config])
        until(lambda: harness.accepts(self.clear) and harness.accepts(self.tls), "nginx")

    def test_curl_tells_the_version_and_why_it_failed(self):
        spoken = curl(self.tls, http="2", ca=self.authority.chain, name="a.example")
        self.assertEqual((spoken.status, spoken.version, spoken.body), (200, "HTTP/2", b"tls"))
        self.assertEqual(curl(self.tls, http="1.1", ca=self.authority.chain).version, "HTTP/1.1")
        self.assertEqual(curl(self.clear, http="2").body, b"clear")
        with self.assertRaises(CurlError) as refused:
            curl(free_port())
        self.assertEqual(refused.exception.status, 7)

    def test_nghttp_tells_the_frames(self):
        for port, tls in ((self.clear, False), (self.tls, True)):
            frames, text = nghttp(port, tls=tls)
            self.assertIn(("recv", "SETTINGS", 0), frames, text)
            self.assertEqual([frame[:2] for frame in frames if frame[2] and frame[1] in ("HEADERS", "DATA")],
                             [("send", "HEADERS"), ("recv", "HEADERS"), ("recv", "DATA")])

    def test_h2load_counts(self):
        for port, tls, protocol in ((self.clear, False, "h2c"), (self.tls, True, "h2")):
            result = h2load(port, requests=100, tls=tls)
            self.assertEqual((result.succeeded, result.lost, result.statuses["2xx"], result.protocol),
                             (100, 0, 100, protocol))


class Listening(harness.Case):
    def test_listeners_are_known_by_name(self):
        daemon = harness.Balancer.__new__(harness.Balancer)
        daemon.err = lambda: ("level=info msg=listening listen=127.0.0.1:1001 name=web\n"
                              "level=info msg=listening listen=127.0.0.1:1002\n"
                              'level=info msg=listening listen=unix:/run/x name="a b"\n'
                              "level=info msg=listening listen=127.0.0.1:1003 name=old\n"
                              'level=info msg="stops listening" listen=127.0.0.1:1003 name=old\n')
        self.assertEqual(daemon.ports, {"web": 1001, "127.0.0.1:1002": 1002})
        self.assertEqual((daemon.port, daemon.listening()["a b"]), (1001, "unix:/run/x"))


if __name__ == "__main__":
    harness.main()
