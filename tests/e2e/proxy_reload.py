"""Reload and drain: nothing is dropped, nothing is forgotten."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import threading

import harness
from harness import Connection, ask, free_port, until


def keep_asking(port, stop, fresh):
    """Asks until told to stop or refused; returns (answers, what was lost). A keep-alive connection that says
    close, or that ends between requests, is opened anew, as any client does."""
    answers, lost, client = 0, [], None
    while not stop.is_set():
        try:
            client = client or Connection(port)
        except (ConnectionRefusedError, socket.timeout):
            break
        try:
            answer = client.ask()
            if answer.status != 200:
                lost.append(answer.status)
            answers += 1
            if fresh or answer["Connection"] == "close":
                client.close()
                client = None
        except (EOFError, OSError) as error:
            lost.append(repr(error))
            client.close()
            client = None
    if client:
        client.close()
    return answers, lost


class Reload(harness.Case):
    def config(self, origin, extra="", listen='"127.0.0.1:0"'):
        text = harness.SIMPLE.format(addresses=f'"{origin.address}"', upstream="", client="", server="", route="", extra=extra)
        return text.replace('listen = ["127.0.0.1:0"]', f"listen = [{listen}]", 1)

    def test_reloading_under_load_loses_no_request(self):
        origin = self.origin()
        proxy = self.proxy(self.config(origin))
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            loads = [pool.submit(keep_asking, proxy.port, stop, n % 2 == 0) for n in range(6)]
            for number in range(10):
                extra = f'[[limit]]\nname = "r{number}"\nrate = "1000000/s"\n'
                self.assertTrue(proxy.reload(self.config(origin, extra)))
            stop.set()
            results = [load.result() for load in loads]
        self.assertEqual([lost for _, lost in results], [[]] * 6)
        self.assertGreater(min(answers for answers, _ in results), 5)

    def test_a_request_ends_under_the_config_it_began_with(self):
        def serve(connection):
            origin.read_request(connection)
            release.wait(harness.PATIENCE)
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        release = threading.Event()
        origin = self.origin(serve)
        old = harness.SIMPLE.format(addresses=f'"{origin.address}"', upstream="", client="", server="",
                                    route='add_response_headers = { "X-Config" = "old" }', extra="")
        proxy = self.proxy(old)
        with Connection(proxy.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            until(lambda: origin.requests, "the request to be under way")
            self.assertTrue(proxy.reload(old.replace('"old"', '"new"')))
            release.set()
            self.assertEqual(client.read_answer()["X-Config"], "old")
            self.assertEqual(client.ask()["X-Config"], "new")

    def test_an_upgraded_connection_survives(self):
        def serve(connection):
            origin.read_request(connection)
            connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            while connection._more():
                connection.send(connection.buffer)
                connection.buffer = b""
        origin = self.origin(serve)
        proxy = self.proxy(self.config(origin))
        with Connection(proxy.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            self.assertEqual(client.read_head().status, 101)
            for number in range(3):
                self.assertTrue(proxy.reload(self.config(origin, f'[[limit]]\nname = "r{number}"\nrate = "1/s"\n')))
                client.send(b"ping")
                self.assertEqual(client.read(4), b"ping")

    def test_a_bad_config_is_reported_and_the_old_one_stays(self):
        origin = self.origin()
        proxy = self.proxy(self.config(origin))
        self.assertFalse(proxy.reload(self.config(origin).replace("workers", "wokers")))
        until(lambda: 'did you mean \\"workers\\"?' in proxy.err(), "the error in the log")
        self.assertEqual(ask(proxy.port).status, 200)
        proxy.wait_for_metric(1, "weir_config_reloads_failed_total")

    def test_a_port_that_is_in_use_leaves_the_old_config_in_force(self):
        origin = self.origin()
        proxy = self.proxy(self.config(origin))
        self.assertFalse(proxy.reload(self.config(origin, listen=f'"127.0.0.1:0", "127.0.0.1:{origin.port}"')))
        self.assertEqual(ask(proxy.port).status, 200)

    def test_listeners_come_and_go_and_those_that_stay_are_not_touched(self):
        origin = self.origin()
        proxy = self.proxy(self.config(origin))
        first, second = proxy.port, free_port()

        def sockets():
            found = set()
            for fd in os.listdir(f"/proc/{proxy.pid}/fd"):
                with contextlib.suppress(FileNotFoundError):  # closed in the meantime
                    found.add(os.readlink(f"/proc/{proxy.pid}/fd/{fd}"))
            return found
        before = {name for name in sockets() if name.startswith("socket:")}
        self.assertTrue(proxy.reload(self.config(origin, listen=f'"127.0.0.1:0", "127.0.0.1:{second}"')))
        until(lambda: harness.accepts(second), "the new listener")
        self.assertEqual((ask(first).status, ask(second).status), (200, 200))
        self.assertTrue(proxy.reload(self.config(origin)))
        until(lambda: not harness.accepts(second), "the listener to go")
        self.assertEqual(ask(first).status, 200)
        self.assertEqual(len(before - sockets()), 0)

    def test_a_listener_that_goes_resets_nobody(self):
        origin = self.origin()
        second = free_port()
        proxy = self.proxy(self.config(origin, listen=f'"127.0.0.1:0", "127.0.0.1:{second}"'))
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            loads = [pool.submit(keep_asking, second, stop, True) for _ in range(6)]
            until(lambda: len(origin.requests) > 100, "load")
            self.assertTrue(proxy.reload(self.config(origin)))
            results = [load.result() for load in loads]  # they end when they are refused
        self.assertEqual([lost for _, lost in results], [[]] * 6)


class Drain(harness.Case):
    def test_draining_under_load_loses_no_request(self):
        origin = self.origin()
        proxy = self.simple(origin)
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            loads = [pool.submit(keep_asking, proxy.port, stop, n % 2 == 0) for n in range(8)]
            until(lambda: len(origin.requests) > 200, "load")
            proxy.signal(signal.SIGTERM)
            self.assertEqual(proxy.wait(), 0)
            results = [load.result() for load in loads]
        self.assertEqual([lost for _, lost in results], [[]] * 8)

    def test_what_is_under_way_is_finished(self):
        def serve(connection):
            origin.read_request(connection)
            release.wait(harness.PATIENCE)
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        release = threading.Event()
        origin = self.origin(serve)
        proxy = self.simple(origin)
        with Connection(proxy.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            until(lambda: origin.requests, "the request to be under way")
            proxy.signal(signal.SIGTERM)
            until(lambda: not harness.accepts(proxy.port), "the listener to close")
            release.set()
            answer = client.read_answer()
            self.assertEqual((answer.body, answer["Connection"]), (b"done", "close"))
        self.assertEqual(proxy.wait(), 0)

    def stuck(self, server):
        def serve(connection):
            origin.read_request(connection)
            connection.is_closed_by_peer()
        origin = self.origin(serve)
        proxy = self.simple(origin, server=server)
        client = Connection(proxy.port)
        self.addCleanup(client.close)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: origin.requests, "the request to be under way")
        return proxy

    def test_the_drain_timeout_ends_it(self):
        proxy = self.stuck('drain_timeout = "300ms"')
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 0)
        self.assertIn("drain timeout", proxy.err())

    def test_a_second_signal_ends_it_at_once(self):
        proxy = self.stuck('drain_timeout = "1h"')
        proxy.signal(signal.SIGTERM)
        until(lambda: "draining" in proxy.err(), "the drain to begin")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(), 0)


if __name__ == "__main__":
    harness.main()
