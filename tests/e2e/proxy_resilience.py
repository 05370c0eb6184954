"""Upstreams that fail, and what weir-proxy makes of it."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import threading
import time

import harness
from harness import Connection, ask, free_port, until

OFF = "breaker_failures = 0\nbreaker_ratio = 0.0\n"


class Nowhere:
    """An address where nobody listens."""

    def __init__(self):
        self.address = f"127.0.0.1:{free_port()}"


@contextlib.contextmanager
def pouring(client):
    """Sends a body without end meanwhile, until the proxy takes no more of it."""
    def send():
        try:
            while True:
                client.socket.sendall(bytes(65536))
        except OSError:
            pass
    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the proxy may have closed it
            client.socket.shutdown(socket.SHUT_RDWR)
        sender.join()


class Resilience(harness.Case):
    def test_an_unreachable_upstream_is_502_and_the_log_says_which_and_why(self):
        nowhere = Nowhere()
        proxy = self.simple(nowhere, upstream="retries = 0")
        answer = ask(proxy.port)
        self.assertEqual((answer.status, answer.body), (502, b"502 Bad Gateway: the upstream cannot be reached\n"))
        line = until(lambda: [line for line in proxy.err().splitlines() if 'msg="upstream failed"' in line], "the log")[0]
        self.assertIn(f"server={nowhere.address}", line)
        self.assertIn("Connection refused", line)
        proxy.stop()
        self.assertIn("Connection refused", proxy.events()[0]["reason"])

    def test_a_missing_unix_socket_is_502(self):
        nowhere = Nowhere()
        nowhere.address = "unix:" + os.path.join(self.directory, "missing.sock")
        self.assertEqual(ask(self.simple(nowhere).port).status, 502)

    def test_a_server_that_does_not_answer_is_504(self):
        def serve(connection):
            origin.read_request(connection)
            connection.is_closed_by_peer()
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream='first_byte_timeout = "200ms"\nretries = 0')
        self.assertEqual(ask(proxy.port).status, 504)
        self.assertEqual(ask(proxy.port, "POST", body=b"x" * 200_000).status, 504)

    def test_a_connection_that_is_not_accepted_in_time_is_504(self):
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        full = Nowhere()
        full.address = f"127.0.0.1:{listener.getsockname()[1]}"
        waiting = []
        for _ in range(4):  # until the accept queue takes no more
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            waiting.append(one)
            self.addCleanup(one.close)
        proxy = self.simple(full, upstream='connect_timeout = "200ms"\nretries = 0')
        self.assertEqual(ask(proxy.port).status, 504)

    def test_a_server_that_breaks_off_is_502(self):
        def serve(connection):
            origin.read_request(connection)
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream="retries = 0\n" + OFF)
        self.assertEqual(ask(proxy.port).status, 502)
        self.assertEqual(ask(proxy.port, "POST", body=b"x").status, 502)

    def test_an_answer_that_stalls_is_cut_off(self):
        def serve(connection):
            origin.read_request(connection)
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            connection.is_closed_by_peer()
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream='idle_timeout = "200ms"')
        with Connection(proxy.port) as client, self.assertRaises(EOFError):
            client.ask()

    def test_only_what_may_be_repeated_is_retried(self):
        def serve(connection):
            origin.read_request(connection)  # and break off
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream="retries = 2\n" + OFF)
        for method, body, attempts in (("GET", None, 3), ("PUT", b"small", 3), ("DELETE", None, 3), ("POST", b"x", 1),
                                       ("PATCH", b"x", 1)):
            with self.subTest(method):
                before = len(origin.requests)
                self.assertEqual(ask(proxy.port, method, body=body).status, 502)
                self.assertEqual(len(origin.requests) - before, attempts)

    def test_a_retry_goes_to_another_server(self):
        good = self.origin()
        proxy = self.simple([Nowhere(), good], upstream=OFF)
        self.assertEqual([ask(proxy.port, "POST", body=b"x").status for _ in range(6)], [200] * 6)
        proxy.stop()
        self.assertGreater(sum(event["retries"] for event in proxy.events()), 0)

    def test_a_worker_that_lags_sheds_the_requests_at_the_end_of_its_queue(self):
        proxy = self.simple(self.origin(), client='shed_lag = "100ms"')
        self.assertEqual(ask(proxy.port).status, 200)
        clients = [Connection(proxy.port) for _ in range(20)]
        for client in clients:
            self.addCleanup(client.close)
        until(lambda: proxy.metric("weir_connections") >= 20, "the connections")
        # Each write takes a worker 20 ms, and all requests come at once.
        slow = self.run_process(["strace", "-f", "-p", str(proxy.pid), "-e", "trace=write,writev,sendmsg",
                                 "-e", "inject=write,writev,sendmsg:delay_enter=20000"])
        until(lambda: "attached" in slow.err(), "strace")
        proxy.signal(signal.SIGSTOP)
        for client in clients:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        proxy.signal(signal.SIGCONT)
        statuses = [client.read_answer().status for client in clients for _ in range(3)]
        slow.signal(signal.SIGINT)
        self.assertEqual(set(statuses), {200, 503})
        proxy.wait_for_metric(statuses.count(503), "weir_shed_requests_total")
        until(lambda: ask(proxy.port).status == 200, "the end of the overload")

    def test_statuses_are_retried_where_asked(self):
        def serve(connection):
            while True:
                origin.read_request(connection)
                good = len(origin.requests) % 2 == 0
                connection.send(f"HTTP/1.1 {'200 OK' if good else '503 No'}\r\nContent-Length: 0\r\n\r\n")
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream="retry_statuses = [503]\n" + OFF)
        self.assertEqual(ask(proxy.port).status, 200)
        self.assertEqual(ask(proxy.port, "POST", body=b"").status, 503)

    def test_retries_are_bounded_by_their_budget(self):
        def serve(connection):
            origin.read_request(connection)
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream='retries = 10\nretry_budget = 0.0\nretry_base = "0s"\n' + OFF)
        for _ in range(20):
            ask(proxy.port)
        self.assertLess(len(origin.requests), 20 + 60)  # without a budget they would be 220

    def test_a_connection_that_the_server_closed_while_idle_costs_no_error(self):
        def serve(connection):
            origin.read_request(connection)
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")  # keep-alive, it says, and closes
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream="retries = 0")
        self.assertEqual([ask(proxy.port).status for _ in range(20)], [200] * 20)

    def test_the_breaker_opens_probes_and_closes(self):
        def serve(connection):
            while True:
                origin.read_request(connection)
                if not healthy.is_set():
                    return
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        healthy = threading.Event()
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream='retries = 0\nbreaker_failures = 3\nbreaker_open_time = "300ms"')
        self.assertEqual([ask(proxy.port).status for _ in range(3)], [502] * 3)
        asked = len(origin.requests)
        answer = ask(proxy.port)
        self.assertEqual((answer.status, answer["Retry-After"], len(origin.requests)), (503, "1", asked))
        until(lambda: "state=open" in proxy.err(), "the log")
        healthy.set()
        until(lambda: ask(proxy.port).status == 200, "the probe")
        until(lambda: "state=closed" in proxy.err(), "the log")

    def test_a_bulkhead_queues_and_then_refuses(self):
        def serve(connection):
            while True:
                origin.read_request(connection)
                inside.append(1)
                most.append(len(inside))
                release.wait(harness.PATIENCE)
                inside.pop()
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        inside, most, release = [], [], threading.Event()
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream='max_in_flight = 2\nqueue = 3\nqueue_timeout = "20s"')
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(ask, proxy.port) for _ in range(8)]
            until(lambda: sum(answer.done() for answer in answers) == 3, "three to be refused")
            release.set()
            statuses = sorted(answer.result().status for answer in answers)
        self.assertEqual(statuses, [200] * 5 + [503] * 3)
        self.assertEqual(max(most), 2)

    def test_waiting_for_the_bulkhead_ends_in_time(self):
        def serve(connection):
            origin.read_request(connection)
            connection.is_closed_by_peer()
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream='max_in_flight = 1\nqueue = 3\nqueue_timeout = "200ms"')
        with Connection(proxy.port) as first:
            first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            until(lambda: origin.requests, "the first to be inside")
            self.assertEqual(ask(proxy.port).status, 503)

    def test_a_name_that_does_not_resolve_does_not_stop_the_start(self):
        class Name:
            address = f"no-such-host.invalid:{free_port()}"
        proxy = self.simple(Name(), upstream="retries = 0")
        answer = ask(proxy.port)
        self.assertEqual(answer.status, 502)
        proxy.stop()
        self.assertEqual(proxy.events()[0]["reason"], "the server's name does not resolve")

    def test_a_name_that_resolves_is_used(self):
        origin = self.origin()

        class Name:
            address = f"localhost:{origin.port}"
        proxy = self.simple(Name())
        until(lambda: ask(proxy.port).status == 200, "the name to resolve")

    def test_a_server_that_takes_no_more_of_a_body_is_504(self):
        def serve(connection):
            while connection.read_line():
                pass
            done.wait(harness.PATIENCE)
        done = threading.Event()
        self.addCleanup(done.set)
        proxy = self.simple(self.origin(serve), upstream='idle_timeout = "200ms"\nretries = 0')
        with Connection(proxy.port) as client:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
            with pouring(client):
                self.assertEqual(client.read_answer().status, 504)
        proxy.stop()
        self.assertEqual(proxy.events()[0]["reason"], "the server takes no more of the request's body")

    def test_an_answer_outlives_a_body_that_nobody_takes(self):
        """The server answers early and slowly, and never reads the rest."""
        def serve(connection):
            while connection.read_line():
                pass
            connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(ANSWER)}\r\n\r\n")
            for at in range(0, len(ANSWER), 1000):
                connection.send(ANSWER[at:at + 1000])
                stop.wait(0.05)  # the point is that it takes longer than idle_timeout
        ANSWER = bytes(range(256)) * 60
        stop = threading.Event()
        proxy = self.simple(self.origin(serve), upstream='idle_timeout = "300ms"\nretries = 0')
        with Connection(proxy.port) as client:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
            with pouring(client):
                answer = client.read_answer()
        self.assertEqual((answer.status, answer.body), (200, ANSWER))

    def test_a_breaker_stays_open_over_a_reload(self):
        nowhere = Nowhere()
        proxy = self.simple(nowhere, upstream='retries = 0\nbreaker_failures = 2\nbreaker_open_time = "1h"\nbreaker_open_cap = "1h"')
        self.assertEqual([ask(proxy.port).status for _ in range(3)], [502, 502, 503])
        self.assertTrue(proxy.reload())
        self.assertEqual(ask(proxy.port).status, 503)
        proxy.wait_for_metric(2, "weir_upstream_breaker_state", server=nowhere.address)

    def test_a_client_that_leaves_takes_its_request_with_it(self):
        def serve(connection):
            origin.read_request(connection)
            ended.append(connection.is_closed_by_peer())
        ended = []
        origin = self.origin(serve)
        proxy = self.simple(origin)
        client = Connection(proxy.port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: origin.requests, "the request to arrive")
        client.close()
        until(lambda: ended == [True], "the upstream's connection to be closed")
        proxy.stop()
        self.assertEqual([(event["status"], event["reason"]) for event in proxy.events()],
                         [(499, "the client left before the answer began")])

    def test_upstreams_that_die_under_load_cost_only_errors(self):
        origins = [self.origin(), self.origin()]
        proxy = self.simple(origins, upstream='connect_timeout = "1s"')
        stop = threading.Event()

        def load():
            got = []
            while not stop.is_set():
                got.append(ask(proxy.port).status)
            return got
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            loads = [pool.submit(load) for _ in range(4)]
            until(lambda: len(origins[0].requests) > 50, "load")
            origins[0].stop()
            seen = len(origins[1].requests)
            until(lambda: len(origins[1].requests) > seen + 200, "the other server to go on")
            stop.set()
            got = [status for one in loads for status in one.result()]
        self.assertTrue(set(got) <= {200}, sorted(set(got)))
        self.assertTrue(proxy.is_running())


if __name__ == "__main__":
    harness.main()
