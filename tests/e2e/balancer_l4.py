"""Connections that are passed on whole: halves closed, addresses told, names looked at, limits kept."""

import hashlib
import os
import socket
import ssl
import threading

import balancing
import harness
from balancing import connect_from
from certificates import Authority
from clients import TlsConnection, tls_context
from harness import Connection, until
from servers import lasting_port


class Lines:
    """A server that tells its name, then answers each line with "name: line", and "end" when its client has."""

    def __init__(self, case, name="a"):
        self.name = name
        self.origin = case.origin(self._serve)
        self.address = self.origin.address

    def _serve(self, connection):
        connection.send(f"{self.name}\r\n")
        try:
            while True:
                connection.send(f"{self.name}: {connection.read_line()}\r\n")
        except EOFError:
            connection.send("end\r\n")


class L4Case(balancing.Case):
    def tcp(self, servers, **more):
        return self.balance(servers, mode="tcp", **more)

    def reasons(self, balancer):
        """Why connections have ended, once there are no more to come."""
        balancer.stop()
        return [event["reason"] for event in balancer.events()]

    def lasting(self, connection):
        self.addCleanup(connection.close)
        return connection


class Relay(L4Case):
    def test_bytes_pass_and_each_half_is_closed_by_itself(self):
        balancer = self.tcp([Lines(self)])
        with Connection(balancer.port) as client:
            self.assertEqual(client.read_line(), "a")  # who speaks first does not matter
            client.send("one\r\n")
            self.assertEqual(client.read_line(), "a: one")
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(client.read_line(), "end")
            self.assertTrue(client.is_closed_by_peer())
        balancer.stop()
        event = balancer.events()[0]
        self.assertEqual((event["listener"], event["upstream"], event["client"], event["bytes_in"], event["bytes_out"],
                          event["reason"]), ("front", "app", "127.0.0.1", 5, 3 + 8 + 5, ""))

    def test_a_server_may_end_first_and_still_listen(self):
        heard = []

        def serve(connection):
            connection.send("bye\r\n")
            connection.socket.shutdown(socket.SHUT_WR)
            heard.append(connection.read_line())
        balancer = self.tcp([self.origin(serve)])
        with Connection(balancer.port) as client:
            self.assertEqual(client.read_line(), "bye")
            self.assertTrue(client.is_closed_by_peer())
            client.send("and you\r\n")
            until(lambda: heard == ["and you"], "the server to hear")

    def test_large_transfers_in_both_directions_at_once(self):
        def echo(connection):
            while data := connection.socket.recv(1 << 18):
                connection.socket.sendall(data)
            connection.socket.shutdown(socket.SHUT_WR)
        balancer = self.tcp([self.origin(echo)])
        piece, count = os.urandom(1 << 20), 64
        with Connection(balancer.port) as client:
            def send():
                for _ in range(count):
                    client.send(piece)
                client.socket.shutdown(socket.SHUT_WR)
            sender = threading.Thread(target=send)
            sender.start()
            received, size = hashlib.sha256(), 0
            while data := client.socket.recv(1 << 18):
                received.update(data)
                size += len(data)
            sender.join()
        self.assertEqual((size, received.hexdigest()), (len(piece) * count, hashlib.sha256(piece * count).hexdigest()))

    def test_many_connections_are_shared_by_servers(self):
        balancer = self.tcp([Lines(self, name) for name in "abc"], workers=1)
        clients = [self.lasting(Connection(balancer.port)) for _ in range(300)]
        names = [client.read_line() for client in clients]
        self.assertEqual({name: names.count(name) for name in "abc"}, {"a": 100, "b": 100, "c": 100})
        for number, client in enumerate(clients):
            client.send(f"{number}\r\n")
        self.assertEqual([client.read_line() for client in clients], [f"{name}: {n}" for n, name in enumerate(names)])

    def test_connections_outlive_a_reload_that_takes_their_server_away(self):
        old, new = Lines(self, "old"), Lines(self, "new")
        balancer = self.tcp([old])
        with Connection(balancer.port) as client:
            self.assertEqual(client.read_line(), "old")
            self.assertTrue(balancer.reload(balancing.balanced([new], mode="tcp")))

            def name():
                with Connection(balancer.port) as other:
                    return other.read_line()
            until(lambda: name() == "new", "the new server")
            client.send("still\r\n")
            self.assertEqual(client.read_line(), "old: still")

    def test_who_is_silent_for_too_long_is_hung_up_on(self):
        balancer = self.tcp([Lines(self)], upstream='tunnel_timeout = "200ms"')
        with Connection(balancer.port) as client:
            self.assertEqual(client.read_line(), "a")
            self.assertTrue(client.is_closed_by_peer())
        self.assertNotEqual(self.reasons(balancer), [""])

    def test_tls_is_opened_for_servers_in_clear(self):
        authority = Authority(self.directory)
        certificate = authority.issue("localhost")
        files = f'{{ certificate = "{certificate.chain}", key = "{certificate.key}" }}'
        balancer = self.tcp([Lines(self)], listener=f"tls.certificates = [{files}]")
        with TlsConnection(balancer.port, tls_context(authority.chain)) as client:
            self.assertEqual(client.read_line(), "a")
            client.send("sealed\r\n")
            self.assertEqual(client.read_line(), "a: sealed")


class Failures(L4Case):
    def test_a_dead_pool_is_closed_at_once_and_the_log_says_why(self):
        balancer = self.tcp([f"127.0.0.1:{lasting_port()}" for _ in range(2)], workers=1,
                            upstream='breaker_failures = 1\nbreaker_open_time = "1m"')
        for _ in range(2):
            with Connection(balancer.port) as client:
                self.assertTrue(client.is_closed_by_peer())
        until(lambda: balancer.err().count('msg="connection closed"') == 2, "the log")
        self.assertIn("no server of this upstream can be asked now", balancer.err())
        self.assertEqual(set(self.reasons(balancer)), {"no server of this upstream can be asked now"})

    def test_a_server_that_refuses_is_passed_over(self):
        balancer = self.tcp([f"127.0.0.1:{lasting_port()}", Lines(self)])
        for _ in range(20):
            with Connection(balancer.port) as client:
                self.assertEqual(client.read_line(), "a")

    def test_a_frozen_servers_clients_can_leave(self):
        server = self.plain_servers("a")[0]
        balancer = self.tcp([server])
        server.freeze()
        with Connection(balancer.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            until(lambda: balancer.metric("weir_upstream_in_flight", upstream="app") == 1, "the connection")
        server.thaw()
        until(lambda: balancer.metric("weir_upstream_in_flight", upstream="app") == 0, "the end")


class Admission(L4Case):
    def is_served(self, port, address="127.0.0.1"):
        with connect_from(address, port) as client:
            try:
                return client.read_line() == "a"
            except (EOFError, ConnectionResetError):
                return False

    def test_addresses_are_allowed_and_denied(self):
        balancer = self.tcp([Lines(self)], listener='allow = ["127.0.0.0/30"]\ndeny = ["127.0.0.2"]')
        served = [self.is_served(balancer.port, f"127.0.0.{number}") for number in (1, 2, 3, 4)]
        self.assertEqual(served, [True, False, True, False])
        balancer.wait_for_metric(2, "weir_listener_refused_total", listener="front", reason="denied")

    def test_who_connects_too_often_is_turned_away(self):
        balancer = self.tcp([Lines(self)], listener='connection_rate = "3/hour"')
        self.assertEqual([self.is_served(balancer.port) for _ in range(5)], [True] * 3 + [False] * 2)
        self.assertTrue(self.is_served(balancer.port, "127.0.0.2"))
        balancer.wait_for_metric(2, "weir_listener_refused_total", listener="front", reason="rate")

    def test_a_listener_that_is_full_closes(self):
        balancer = self.tcp([Lines(self)], listener="max_connections = 2")
        clients = [self.lasting(Connection(balancer.port)) for _ in range(2)]
        self.assertEqual([client.read_line() for client in clients], ["a", "a"])
        self.assertFalse(self.is_served(balancer.port))
        balancer.wait_for_metric(1, "weir_listener_refused_total", listener="front", reason="full")
        clients[0].close()
        until(lambda: self.is_served(balancer.port), "a place")

    def test_a_server_that_is_full_lets_connections_wait(self):
        balancer = self.tcp([Lines(self, name) for name in "ab"],
                            upstream='server_max_in_flight = 1\nqueue = 1\nqueue_timeout = "20s"')
        clients = [self.lasting(Connection(balancer.port)) for _ in range(2)]
        self.assertEqual({client.read_line() for client in clients}, {"a", "b"})
        waiting = [self.lasting(Connection(balancer.port)) for _ in range(2)]  # one may wait, one is too much
        until(lambda: "too many connections are under way" in balancer.err(), "the refusal")
        clients[0].close()
        refused, served = sorted(self.first_line(client) for client in waiting)
        self.assertEqual((refused, served in ("a", "b")), ("", True))

    def first_line(self, client):
        try:
            return client.read_line()
        except (EOFError, ConnectionResetError):
            return ""


class ProxyHeaders(L4Case):
    def test_servers_are_told_who_the_client_is(self):
        heads = []

        def serve(connection):
            heads.append(connection.read_line() if version == "v1" else connection.read(35))
            connection.send("done\r\n")
        for version in ("v1", "v2"):
            origin = self.origin(serve)
            balancer = self.tcp([origin], upstream=f'send_proxy = "{version}"')
            with connect_from("127.0.0.9", balancer.port) as client:
                self.assertEqual(client.read_line(), "done")
                port = client.socket.getsockname()[1]
            if version == "v1":
                self.assertEqual(heads.pop(), f"PROXY TCP4 127.0.0.9 127.0.0.1 {port} {origin.port}")
            else:
                self.assertEqual(heads.pop()[:28], b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13" + bytes([127, 0, 0, 9, 127, 0, 0, 1])
                                 + port.to_bytes(2, "big") + origin.port.to_bytes(2, "big"))  # and a checksum

    def test_what_a_proxy_tells_is_believed_and_passed_on(self):
        heads = []

        def serve(connection):
            heads.append(connection.read_line())
            connection.send("done\r\n")
        balancer = self.tcp([self.origin(serve)], listener='proxy_protocol = true\ndeny = ["192.0.2.66"]',
                            upstream='send_proxy = "v1"')
        v2 = lambda last: (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([192, 0, 2, last, 198, 51, 100, 1]) + b"\x10\x00\x01\xbb")
        for head in (b"PROXY TCP4 192.0.2.1 198.51.100.1 4096 443\r\n", v2(1)):
            with Connection(balancer.port) as client:
                client.send(head)
                self.assertEqual(client.read_line(), "done")
            self.assertRegex(heads.pop(), r"^PROXY TCP4 192\.0\.2\.1 \S+ 4096 ")
        for head in (v2(66), b"PROXY TCP4 nonsense\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
            with self.subTest(head), Connection(balancer.port) as client:
                client.send(head)
                self.assertTrue(client.is_closed_by_peer())

    def test_http_clients_are_told_by_a_proxy_too(self):
        origin = self.origin()
        balancer = self.balance([origin], listener="proxy_protocol = true")
        with Connection(balancer.port) as client:
            client.send("PROXY TCP6 2001:db8::7 2001:db8::1 4096 443\r\n")
            self.assertEqual(client.ask().status, 200)
        self.assertEqual(dict(origin.requests[0][2])["X-Forwarded-For"], "2001:db8::7")


class ServerNames(L4Case):
    def test_sealed_connections_go_by_the_name_that_is_asked_for(self):
        authority = Authority(self.directory)
        a, b, other = (self.plain_servers(letter, certificate=authority.issue(*names))[0] for letter, names in
                       (("a", ["a.example"]), ("b", ["*.b.example"]), ("o", ["localhost"])))
        extra = f'[upstream.a]\nservers = ["{a.address}"]\n[upstream.b]\nservers = ["{b.address}"]\n'
        names = 'sni = { "a.example" = "a", "*.b.example" = "b" }\n'
        balancer = self.balance([other], mode="sni", listener=names, extra=extra)
        for name, letter in (("a.example", "a"), ("A.EXAMPLE", "a"), ("x.b.example", "b"), ("localhost", "o")):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = tls_context(authority.chain, version=version)
                with self.subTest(name), TlsConnection(balancer.port, context, server_name=name) as client:
                    self.assertEqual(client.ask()["X-Server"], letter)
        with Connection(balancer.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            self.assertTrue(client.is_closed_by_peer())
        balancer.stop()
        events = balancer.events()
        self.assertEqual({event.get("server_name", "") for event in events} >= {"a.example", "x.b.example", "localhost"}, True)
        self.assertEqual([event["reason"] for event in events if event["reason"]], ["no TLS hello came"])


if __name__ == "__main__":
    harness.main()
