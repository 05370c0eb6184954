"""Requests and answers on their way through weir-proxy."""

import json
import os
import socket
import threading

import harness
from harness import Connection, ask, until


def seen(answer):
    return json.loads(answer.body)


def field(request, name):
    return [value for key, value in request["fields"] if key.lower() == name.lower()]


class Forwarding(harness.Case):
    def test_connections_are_kept_alive_on_both_sides(self):
        origin = self.origin()
        proxy = self.simple(origin)
        with Connection(proxy.port) as client:
            for number in range(5):
                self.assertEqual(seen(client.ask(path=f"/{number}"))["target"], f"/{number}")
        self.assertEqual(origin.connections, 1)

    def test_a_body_with_a_length_goes_up_and_comes_back(self):
        origin = self.origin()
        proxy = self.simple(origin)
        body = os.urandom(300_000)
        answer = ask(proxy.port, "POST", "/up", body=body)
        self.assertEqual(seen(answer)["body"].encode("latin-1"), body)
        self.assertEqual(field(seen(answer), "Content-Length"), ["300000"])

    def test_a_chunked_body_and_its_trailers_go_up(self):
        origin = self.origin()
        proxy = self.simple(origin)
        with Connection(proxy.port) as client:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                        "5;ext=1\r\nhello\r\n")
            client.send("6\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n")
            request = seen(client.read_answer())
            self.assertEqual(request["body"], "hello world")
            self.assertEqual(field(request, "trailer:X-Sum"), ["11"])
            self.assertEqual(field(request, "Transfer-Encoding"), ["chunked"])
            self.assertEqual(seen(client.ask(path="/next"))["target"], "/next")

    def test_a_chunked_answer_and_its_trailers_come_down(self):
        def serve(connection):
            while True:
                origin.read_request(connection)
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
                connection.send("4\r\ndefg\r\n0\r\nX-End: yes\r\n\r\n")
        origin = self.origin(serve)
        proxy = self.simple(origin)
        with Connection(proxy.port) as client:
            for _ in range(2):
                answer = client.ask()
                self.assertEqual(answer.body, b"abcdefg")
                self.assertEqual(answer.trailers, [("X-End", "yes")])
        self.assertEqual(origin.connections, 1)

    def test_an_answer_that_ends_with_the_connection_is_chunked_for_the_client(self):
        def serve(connection):
            origin.read_request(connection)
            connection.send("HTTP/1.0 200 OK\r\n\r\nuntil the end")
        origin = self.origin(serve)
        proxy = self.simple(origin)
        with Connection(proxy.port) as client:
            for _ in range(2):
                answer = client.ask()
                self.assertEqual((answer.body, answer["Transfer-Encoding"]), (b"until the end", "chunked"))
        self.assertEqual(origin.connections, 2)

    def test_http_1_0_clients_get_no_chunks_and_a_close(self):
        def serve(connection):
            origin.read_request(connection)
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        origin = self.origin(serve)
        proxy = self.simple(origin)
        with Connection(proxy.port) as client:
            client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            answer = client.read_answer()
            self.assertEqual(answer.body, b"abc")
            self.assertIsNone(answer["Transfer-Encoding"])

    def test_http_1_0_keep_alive_is_kept_when_asked_for(self):
        proxy = self.simple(self.origin())
        with Connection(proxy.port) as client:
            for _ in range(2):
                client.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
                self.assertEqual(client.read_answer()["Connection"], "keep-alive")

    def test_head_and_304_have_a_length_and_no_body(self):
        def serve(connection):
            while True:
                method, target, _, _ = origin.read_request(connection)
                status = "304 Not Modified" if target == "/304" else "200 OK"
                connection.send(f"HTTP/1.1 {status}\r\nContent-Length: 12\r\n\r\n")
        origin = self.origin(serve)
        proxy = self.simple(origin)
        with Connection(proxy.port) as client:
            self.assertEqual(client.ask("HEAD")["Content-Length"], "12")
            self.assertEqual(client.ask("GET", "/304")["Content-Length"], "12")
            self.assertEqual(client.ask("HEAD").status, 200)

    def test_interim_answers_come_before_the_final_one(self):
        def serve(connection):
            origin.read_request(connection)
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
                            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        origin = self.origin(serve)
        proxy = self.simple(origin)
        with Connection(proxy.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            hints = client.read_answer()
            self.assertEqual((hints.status, hints["Link"]), (103, "</a.css>"))
            self.assertEqual(client.read_answer().body, b"ok")

    def test_expect_continue_waits_for_the_servers_word(self):
        def serve(connection):
            while line := connection.read_line():
                heads.append(line)
            connection.send("HTTP/1.1 100 Continue\r\n\r\n")
            body = connection.read(5)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)
        heads = []
        proxy = self.simple(self.origin(serve))
        with Connection(proxy.port) as client:
            client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            self.assertEqual(client.read_answer().status, 100)
            client.send("hello")
            self.assertEqual(client.read_answer().body, b"hello")
        self.assertIn("Expect: 100-continue", heads)

    def test_an_expectation_that_is_refused_closes_both_connections(self):
        def serve(connection):
            while connection.read_line():
                pass
            connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            ended.append(connection.is_closed_by_peer())
        ended = []
        proxy = self.simple(self.origin(serve))
        with Connection(proxy.port) as client:
            client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            answer = client.read_answer()
            self.assertEqual((answer.status, answer["Connection"]), (403, "close"))
            self.assertTrue(client.is_closed_by_peer())
        until(lambda: ended == [True], "the origin's connection to be closed")

    def test_an_answer_before_the_bodys_end_is_relayed_and_the_upstream_closed(self):
        def serve(connection):
            while connection.read_line():
                pass
            connection.send("HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n\r\nbig")
            try:
                while connection._more():
                    connection.buffer = b""
            finally:
                ended.append(True)
        ended = []
        proxy = self.simple(self.origin(serve))
        with Connection(proxy.port) as client:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + "x" * 1000)
            answer = client.read_answer()
            self.assertEqual((answer.status, answer.body, answer["Connection"]), (413, b"big", "close"))
        until(lambda: ended, "the origin's connection to be closed")

    def test_pipelined_requests_are_answered_in_order(self):
        proxy = self.simple(self.origin())
        with Connection(proxy.port) as client:
            client.send("".join(f"GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n" for n in range(50)))
            for n in range(50):
                self.assertEqual(seen(client.read_answer())["target"], f"/{n}")

    def test_pipelined_requests_with_bodies_keep_their_places(self):
        proxy = self.simple(self.origin())
        with Connection(proxy.port) as client:
            client.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
                        "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
                        "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
            bodies = [(seen(answer)["target"], seen(answer)["body"]) for answer in (client.read_answer() for _ in range(3))]
            self.assertEqual(bodies, [("/1", "one"), ("/2", "two"), ("/3", "")])

    def test_an_upgraded_connection_passes_bytes_both_ways(self):
        def serve(connection):
            _, _, fields, _ = origin.read_request(connection)
            upgrades.append(dict(fields).get("Upgrade"))
            connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi")
            while connection._more():
                connection.send(connection.buffer.upper())
                connection.buffer = b""
        upgrades = []
        origin = self.origin(serve)
        proxy = self.simple(origin)
        with Connection(proxy.port) as client:
            client.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            head = client.read_head()
            self.assertEqual((head.status, head["Upgrade"]), (101, "websocket"))
            self.assertEqual(client.read(2), b"hi")
            for word in (b"one", b"two", b"x" * 200_000):
                client.send(word)
                self.assertEqual(client.read(len(word)), word.upper())
        self.assertEqual(upgrades, ["websocket"])

    def test_switching_protocols_unasked_is_a_bad_gateway(self):
        def serve(connection):
            origin.read_request(connection)
            connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        origin = self.origin(serve)
        self.assertEqual(ask(self.simple(origin).port).status, 502)

    def test_hop_by_hop_fields_are_dropped(self):
        origin = self.origin()
        proxy = self.simple(origin)
        answer = ask(proxy.port, fields=[("Connection", "close, X-Mine"), ("X-Mine", "1"), ("Keep-Alive", "5"),
                                         ("Proxy-Connection", "x"), ("TE", "trailers"), ("X-Other", "stays")])
        names = [name.lower() for name, _ in seen(answer)["fields"]]
        for name in ("connection", "x-mine", "keep-alive", "proxy-connection", "te"):
            self.assertNotIn(name, names)
        self.assertIn("x-other", names)
        self.assertEqual(answer["Connection"], "close")

    def test_a_clients_word_on_who_it_is_is_dropped(self):
        proxy = self.simple(self.origin())
        request = seen(ask(proxy.port, fields=[("X-Forwarded-For", "1.2.3.4"), ("Forwarded", "for=1.2.3.4"),
                                               ("X-Forwarded-Proto", "https"), ("X_Forwarded_For", "5.6.7.8")]))
        self.assertEqual(field(request, "X-Forwarded-For"), ["127.0.0.1"])
        self.assertEqual(field(request, "X-Forwarded-Proto"), ["http"])
        self.assertEqual(field(request, "X-Forwarded-Host"), ["test"])
        self.assertEqual(field(request, "Forwarded"), ["for=127.0.0.1;host=test;proto=http"])
        self.assertEqual(field(request, "X_Forwarded_For"), [])

    def test_a_trusted_proxys_word_is_kept(self):
        proxy = self.simple(self.origin(), client='trusted_proxies = ["127.0.0.0/8"]')
        request = seen(ask(proxy.port, fields=[("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https"),
                                               ("Forwarded", "for=1.2.3.4")]))
        self.assertEqual(field(request, "X-Forwarded-For"), ["1.2.3.4, 127.0.0.1"])
        self.assertEqual(field(request, "X-Forwarded-Proto"), ["https"])
        self.assertEqual(field(request, "Forwarded"), ["for=1.2.3.4, for=127.0.0.1;host=test;proto=http"])

    def test_request_id_and_traceparent_are_taken_or_made(self):
        proxy = self.simple(self.origin())
        trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        answer = ask(proxy.port, fields=[("X-Request-Id", "mine-1"), ("traceparent", trace)])
        request = seen(answer)
        self.assertEqual((field(request, "X-Request-Id"), answer["X-Request-Id"]), (["mine-1"], "mine-1"))
        passed = field(request, "traceparent")[0]
        self.assertEqual((passed[:36], passed[-2:]), (trace[:36], "01"))
        self.assertNotEqual(passed, trace)
        made = seen(ask(proxy.port, fields=[("X-Request-Id", "bad id\x01"[:6]), ("traceparent", "nonsense")]))
        self.assertRegex(field(made, "traceparent")[0], r"^00-[0-9a-f]{32}-[0-9a-f]{16}-00$")
        self.assertRegex(field(made, "X-Request-Id")[0], r"^[0-9a-f]{32}$")

    def test_a_unix_socket_serves_and_is_served(self):
        path = os.path.join(self.directory, "app.sock")
        mine = os.path.join(self.directory, "proxy.sock")
        origin = self.origin(path=path)
        proxy = self.proxy(
            f'[server]\nlisten = ["unix:{mine}"]\n[upstream.default]\nservers = ["{origin.address}"]\n')
        with Connection(path=mine) as client:
            request = seen(client.ask(path="/over/unix"))
        self.assertEqual(request["target"], "/over/unix")
        self.assertEqual(field(request, "X-Forwarded-For"), [])
        self.assertTrue(proxy.is_running())


class ConstantMemory(harness.Case):
    SIZE = int(os.environ.get("WEIR_TEST_BODY_BYTES", str(1 << 30)))
    GROWTH_KIB = int(os.environ.get("WEIR_TEST_GROWTH_KIB", "24576"))

    def resident_kib(self, proxy):
        with open(f"/proc/{proxy.pid}/status") as status:
            return int(next(line.split()[1] for line in status if line.startswith("VmRSS")))

    def test_a_large_upload_runs_in_constant_memory(self):
        def serve(connection):
            while connection.read_line():
                pass
            total, view = len(connection.buffer), memoryview(bytearray(1 << 20))
            while total < self.SIZE:
                total += connection.socket.recv_into(view)
            connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(str(total))}\r\n\r\n{total}")
        proxy = self.simple(self.origin(serve))
        before = self.resident_kib(proxy)
        piece = bytes(1 << 20)
        with Connection(proxy.port) as client:
            client.send(f"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {self.SIZE}\r\n\r\n")
            for _ in range(self.SIZE // len(piece)):
                client.socket.sendall(piece)
            self.assertEqual(client.read_answer().body.decode(), str(self.SIZE))
        self.assertLess(self.resident_kib(proxy) - before, self.GROWTH_KIB)

    def test_a_large_download_runs_in_constant_memory(self):
        def serve(connection):
            while connection.read_line():
                pass
            connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {self.SIZE}\r\n\r\n")
            piece = bytes(1 << 20)
            for _ in range(self.SIZE // len(piece)):
                connection.socket.sendall(piece)
        proxy = self.simple(self.origin(serve))
        before = self.resident_kib(proxy)
        with Connection(proxy.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.read_head()
            total, view = len(client.buffer), memoryview(bytearray(1 << 20))
            while total < self.SIZE:
                total += client.socket.recv_into(view)
        self.assertEqual(total, self.SIZE)
        self.assertLess(self.resident_kib(proxy) - before, self.GROWTH_KIB)

    def test_a_client_that_does_not_read_stops_the_server(self):
        def serve(connection):
            while connection.read_line():
                pass
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            connection.socket.settimeout(1)
            try:
                while True:
                    sent.append(connection.socket.send(bytes(65536)))
            except socket.timeout:
                stopped.set()
        sent, stopped = [], threading.Event()
        proxy = self.simple(self.origin(serve))
        with Connection(proxy.port) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertTrue(stopped.wait(harness.PATIENCE))
        self.assertLess(sum(sent), 64 << 20)

    def test_a_client_that_takes_nothing_for_too_long_is_cut_off(self):
        def serve(connection):
            while connection.read_line():
                pass
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while True:
                connection.send(bytes(65536))
        proxy = self.simple(self.origin(serve), client='write_timeout = "300ms"')
        with Connection(proxy.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            event = until(proxy.events, "the request's end")[0]
        self.assertEqual((event["status"], event["reason"]), (200, "the client did not take the answer: writing: timed out"))


if __name__ == "__main__":
    harness.main()
