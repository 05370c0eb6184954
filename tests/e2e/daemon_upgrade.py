"""A daemon's binary is replaced in place, tested on weir-proxy: while clients of all kinds are at it, one process
takes over from another, and nobody is refused, cut off or forgiven."""

import array
import concurrent.futures
import os
import re
import signal
import socket
import struct
import subprocess
import threading

import harness
from harness import PROXY, Connection, ask, until
from upgrading import Upgrading, is_alive, pids_serving

MESSAGES = ("hello", "refused", "listening", "state", "prepared", "ready", "settled", "tunnel", "aborted")


class UpgradingProxy(Upgrading, harness.Proxy):
    pass


class Case(harness.Case):
    def config(self, origin, extra="", server="", listen='"127.0.0.1:0"', upstream=""):
        text = harness.SIMPLE.format(addresses=f'"{origin.address}"', upstream=upstream, client="", route="",
                                     server=server, extra=extra)
        return text.replace('listen = ["127.0.0.1:0"]', f"listen = [{listen}]", 1)

    def start(self, config, **more):
        proxy = UpgradingProxy(self.directory, config, **more)
        self.addCleanup(self._end_daemon, proxy)
        return proxy

    def start_second(self, proxy, config=None):
        """Another process of the same daemon, started as anyone would."""
        path = proxy.config_path
        if config is not None:
            path = os.path.join(self.directory, "second.toml")
            with open(path, "w", encoding="ascii") as file:
                file.write(config)
        return self.run_process([PROXY, "-c", path])

    def handover(self):
        return os.path.join(self.directory, "handover")


def keep_asking(port, stop, fresh):
    """Returns (answers, what was lost). A keep-alive connection that says close, or that ends between requests, is
    opened anew, as any client does; a connection is never refused."""
    answers, lost, client = 0, [], None
    while not stop.is_set():
        try:
            client = client or Connection(port)
            answer = client.ask()
            if answer.status != 200:
                lost.append(answer.status)
            answers += 1
            if fresh or answer["Connection"] == "close":
                client.close()
                client = None
        except (EOFError, OSError) as error:
            lost.append(repr(error))
            client = None
    if client:
        client.close()
    return answers, lost


def upgrade_to_echo(port):
    client = Connection(port)
    client.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    assert client.read_head().status == 101
    return client


class UnderLoad(Case):
    def serve(self, connection):
        """Answers, slowly where asked to; echoes after an upgrade."""
        while True:
            _, target, _, _ = self.busy_origin.read_request(connection)
            if target == "/ws":
                connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
                while connection.buffer or connection._more():
                    data, connection.buffer = connection.buffer, b""
                    connection.send(data)
                return
            if target == "/slow":
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(10):
                    self.step.acquire()
                    connection.send(b"x" * 100)
                continue
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def hammer(self, proxy, upgrade_once, times):
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            loads = [pool.submit(keep_asking, proxy.port, stop, n % 2 == 0) for n in range(6)]
            try:
                until(lambda: len(self.busy_origin.requests) > 50, "load")
                slow = Connection(proxy.port)
                slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
                echo = upgrade_to_echo(proxy.port)
                for number in range(times):
                    upgrade_once()
                    self.step.release()
                    for word in (b"ping", b"x" * 100_000):
                        echo.send(word)
                        self.assertEqual(echo.read(len(word)), word, f"after upgrade {number}")
                    seen = len(self.busy_origin.requests)
                    until(lambda seen=seen: len(self.busy_origin.requests) > seen + 50, "more load")
                for _ in range(10):
                    self.step.release()
                self.assertEqual(slow.read_answer().body, b"x" * 1000)
            finally:
                stop.set()
            results = [load.result() for load in loads]
        self.assertEqual([lost for _, lost in results], [[]] * 6)
        self.assertGreater(min(answers for answers, _ in results), 5)
        return echo

    def setUp(self):
        super().setUp()
        self.step = threading.Semaphore(0)
        self.busy_origin = self.origin(self.serve)

    def test_sigusr2_again_and_again_loses_nothing(self):
        proxy = self.start(self.config(self.busy_origin))
        old = []
        echo = self.hammer(proxy, lambda: old.append(proxy.upgrade()), times=4)
        # The upgraded connection lives in the newest process; the others have nothing left to do.
        for pid in old:
            until(lambda pid=pid: not is_alive(pid), "an old process to leave")
        echo.send(b"still here")
        self.assertEqual(echo.read(10), b"still here")
        echo.close()
        self.assertEqual(proxy.wait(), 0)

    def test_a_second_process_takes_over_again_and_again(self):
        config = self.config(self.busy_origin, server=f'handover = "unix:{self.handover()}"')
        proxy = self.start(config)
        processes = [proxy]

        def start_another():
            one = self.start_second(proxy)
            until(lambda: "take over done" in one.err(), "the take over")
            processes.append(one)
        echo = self.hammer(proxy, start_another, times=3)
        for one in processes[:-1]:
            self.assertEqual(one.wait(), 0)
        echo.send(b"still here")
        self.assertEqual(echo.read(10), b"still here")
        echo.close()
        self.assertEqual(os.stat(self.handover()).st_mode & 0o777, 0o600)

    def test_other_numbers_of_workers_serve_the_same_sockets(self):
        for before, after in ((3, 1), (1, 3)):
            with self.subTest(before=before, after=after):
                proxy = self.start(self.config(self.busy_origin).replace("workers = 2", f"workers = {before}"))

                def upgrade_once(proxy=proxy, after=after):
                    proxy.write_config(self.config(self.busy_origin).replace("workers = 2", f"workers = {after}"))
                    proxy.upgrade()
                self.hammer(proxy, upgrade_once, times=1).close()


class WhatGoesAlong(Case):
    def test_who_is_over_a_limit_is_over_it_after_the_upgrade(self):
        origin = self.origin()
        for algorithm in ("token_bucket", "fixed_window", "sliding_window"):
            with self.subTest(algorithm):
                rule = f'[[limit]]\nname = "l"\nrate = "3/hour"\nalgorithm = "{algorithm}"\n'
                proxy = self.start(self.config(origin, extra=rule))
                self.assertEqual([ask(proxy.port).status for _ in range(4)], [200, 200, 200, 429])
                for _ in range(2):
                    proxy.upgrade()
                    self.assertEqual(ask(proxy.port).status, 429)

    def test_an_open_breaker_stays_open(self):
        origin = self.origin()
        config = self.config(origin, upstream='retries = 0\nbreaker_failures = 1\nbreaker_open_time = "1h"\n'
                                              'breaker_open_cap = "1h"')
        origin.stop()
        proxy = self.start(config)
        self.assertEqual(ask(proxy.port).status, 502)
        proxy.upgrade()
        self.assertEqual(ask(proxy.port).status, 503)
        proxy.wait_for_metric(2, "weir_upstream_breaker_state")

    def test_unix_inherited_and_admin_sockets_go_along(self):
        path = os.path.join(self.directory, "x.sock")
        with socket.create_server(("127.0.0.1", 0)) as handed:
            config = os.path.join(self.directory, "fd.toml")
            with open(config, "w", encoding="ascii") as file:
                file.write(f'[server]\nlisten = ["fd:3", "unix:{path}"]\n[admin]\nlisten = ["127.0.0.1:0"]\n')
            os.dup2(handed.fileno(), 30)
            command = f'LISTEN_PID=$$ LISTEN_FDS=1 exec "{PROXY}" -c "{config}" 3<&30'
            process = self.run_process(["bash", "-c", command], pass_fds=(30,))
            os.close(30)
            until(lambda: "msg=ready" in process.err() or not process.is_running(), "ready")
            os.kill(process.pid, signal.SIGUSR2)
            self.assertEqual(process.wait(), 0, process.err())
            new = pids_serving(process.err())[-1]
            self.addCleanup(lambda: is_alive(new) and os.kill(new, signal.SIGKILL))
            self.assertEqual(ask(handed.getsockname()[1]).status, 404)
            with Connection(path=path) as client:
                self.assertEqual(client.ask().status, 404)
            admins = re.findall(r'msg="admin endpoint" listen=\S+:(\d+)', process.err())
            self.assertEqual(len(set(admins)), 1)
            self.assertEqual(ask(int(admins[0]), path="/readyz").status, 200)
            os.kill(new, signal.SIGTERM)
            until(lambda: not is_alive(new), "the new process to end")

    def test_a_point_that_is_no_longer_wanted_goes_and_a_new_one_comes(self):
        origin = self.origin()
        first, second, third = (harness.free_port() for _ in range(3))
        proxy = self.start(self.config(origin, listen=f'"127.0.0.1:{first}", "127.0.0.1:{second}"'))
        proxy.write_config(self.config(origin, listen=f'"127.0.0.1:{second}", "127.0.0.1:{third}"'))
        proxy.upgrade()
        self.assertEqual((ask(second).status, ask(third).status), (200, 200))
        until(lambda: not harness.accepts(first), "the first to go")

    def test_many_tunnels_go_along(self):
        count = 2000 if not os.environ.get("WEIR_SANITIZE") else 200

        def serve(connection):
            origin.read_request(connection)
            connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            while connection.buffer or connection._more():
                data, connection.buffer = connection.buffer, b""
                connection.send(data)
        origin = self.origin(serve)
        proxy = self.start(self.config(origin, upstream=f"max_in_flight = {2 * count}"))
        clients = [upgrade_to_echo(proxy.port) for _ in range(count)]
        old = proxy.upgrade()
        until(lambda: not is_alive(old), "the old process to leave")
        for number, client in enumerate(clients):
            client.send(b"%06d" % number)
        for number, client in enumerate(clients):
            self.assertEqual(client.read(6), b"%06d" % number)
            client.close()


class Drain(Case):
    def stuck(self, server=""):
        def serve(connection):
            origin.read_request(connection)
            connection.is_closed_by_peer()
        origin = self.origin(serve)
        proxy = self.start(self.config(origin, server=server))
        client = Connection(proxy.port)
        self.addCleanup(client.close)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: origin.requests, "the request to be under way")
        return proxy, proxy.upgrade()

    def test_the_handover_timeout_ends_the_old_process(self):
        proxy, old = self.stuck('handover_timeout = "300ms"')
        until(lambda: not is_alive(old), "the old process to end")
        self.assertIn("drain timeout", proxy.err())

    def test_an_old_process_that_is_asked_to_end_has_its_drain_timeout(self):
        proxy, old = self.stuck('drain_timeout = "300ms"')
        os.kill(old, signal.SIGTERM)
        until(lambda: not is_alive(old), "the old process to end")
        self.assertIn("drain timeout", proxy.err())

    def test_and_ends_at_once_when_asked_again(self):
        proxy, old = self.stuck('drain_timeout = "1h"')
        os.kill(old, signal.SIGTERM)
        until(lambda: "asked to end" in proxy.err(), "the first signal to be heard")
        os.kill(old, signal.SIGTERM)
        until(lambda: not is_alive(old), "the old process to end")


class Peer:
    """A process that says what it likes on the socket of a handover."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(harness.PATIENCE)
        self.socket.connect(path)
        self.descriptors = []

    def send(self, kind, *fields, version=1):
        body = struct.pack("<I", len(fields)) + b"".join(struct.pack("<I", len(f)) + f for f in fields)
        self.socket.send(b"weirhand" + bytes([version, MESSAGES.index(kind), 0]) + body)

    def receive(self):
        """The kind of the next message, "" at the end."""
        space = socket.CMSG_SPACE(253 * 4)
        data, control, _, _ = self.socket.recvmsg(65536, space)
        for _, _, content in control:
            received = array.array("i")
            received.frombytes(content[:len(content) - len(content) % 4])
            self.descriptors.extend(received)
        return MESSAGES[data[9]] if data else ""

    def receive_until(self, kind):
        while True:
            got = self.receive()
            if got in (kind, ""):
                return got

    def die(self):
        self.socket.close()
        for descriptor in self.descriptors:
            os.close(descriptor)


class Failures(Case):
    def setUp(self):
        super().setUp()
        self.busy_origin = self.origin()
        self.text = self.config(self.busy_origin, server=f'handover = "unix:{self.handover()}"')
        self.proxy_under_test = self.start(self.text)

    def still_serves(self):
        for _ in range(8):  # whichever worker it is
            self.assertEqual(ask(self.proxy_under_test.port).status, 200)

    def goes_on(self):
        until(lambda: "not handed over; this process goes on" in self.proxy_under_test.err(), "the failure")
        self.still_serves()
        self.proxy_under_test.upgrade()  # and another one can take over
        self.still_serves()

    def test_a_successor_that_dies_before_it_says_anything(self):
        Peer(self.handover()).die()
        self.goes_on()

    def test_a_successor_that_dies_when_it_has_said_who_it_is(self):
        peer = Peer(self.handover())
        peer.send("hello", b"weir-proxy", b"1")
        peer.receive()
        peer.die()
        self.goes_on()

    def test_a_successor_that_dies_when_it_has_everything(self):
        peer = Peer(self.handover())
        peer.send("hello", b"weir-proxy", b"1")
        self.assertEqual(peer.receive_until("prepared"), "prepared")
        self.still_serves()
        peer.die()
        self.goes_on()

    def test_a_successor_that_dies_when_it_serves_and_has_not_got_all(self):
        peer = Peer(self.handover())
        peer.send("hello", b"weir-proxy", b"1")
        peer.receive_until("prepared")
        port = self.proxy_under_test.port
        peer.send("ready", b"stream 127.0.0.1:0 127.0.0.1:0")
        self.assertEqual(peer.receive_until("settled"), "settled")
        # Nobody accepts now; who comes waits, and is served once the old process knows.
        with Connection(port) as waiting:
            waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            peer.die()
            self.assertEqual(waiting.read_answer().status, 200)
        self.goes_on()

    def test_another_daemon_and_another_version_are_refused(self):
        for name, version in ((b"weir-echo", 1), (b"weir-proxy", 2)):
            with self.subTest(name=name, version=version):
                peer = Peer(self.handover())
                peer.send("hello", name, b"1", version=version)
                self.assertEqual(peer.receive(), "refused")
                peer.die()
                self.still_serves()

    def test_nonsense_is_refused(self):
        peer = Peer(self.handover())
        peer.socket.send(b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(peer.receive(), "refused")
        peer.die()
        self.goes_on()

    def test_only_one_takes_over_at_a_time(self):
        peer = Peer(self.handover())
        peer.send("hello", b"weir-proxy", b"1")
        peer.receive_until("prepared")
        second = Peer(self.handover())
        self.assertEqual(second.receive(), "refused")
        second.die()
        peer.die()
        self.goes_on()

    def test_a_successor_with_a_bad_config_leaves_the_old_process_serving(self):
        self.proxy_under_test.write_config(self.text.replace("workers", "wokers"))
        os.kill(self.proxy_under_test.pid, signal.SIGUSR2)
        until(lambda: 'did you mean "workers"' in self.proxy_under_test.err(), "the new process's complaint")
        self.proxy_under_test.write_config(self.text)
        self.goes_on()

    def test_a_successor_that_cannot_listen_leaves_the_old_process_serving(self):
        bad = self.text.replace('["127.0.0.1:0"]', f'["127.0.0.1:0", "127.0.0.1:{self.busy_origin.port}"]', 1)
        self.assertEqual(self.start_second(self.proxy_under_test, bad).wait(), 69)
        self.goes_on()

    def test_a_predecessor_that_was_killed_is_replaced_like_any(self):
        self.proxy_under_test.signal(signal.SIGKILL)
        self.proxy_under_test.wait()
        second = self.start_second(self.proxy_under_test)
        until(lambda: "msg=ready" in second.err(), "ready")
        self.assertNotIn("take over", second.err())

    def test_a_reload_during_a_handover_is_put_off(self):
        peer = Peer(self.handover())
        peer.send("hello", b"weir-proxy", b"1")
        peer.receive_until("prepared")
        self.proxy_under_test.signal(signal.SIGHUP)
        until(lambda: "another process is taking over" in self.proxy_under_test.err(), "the refusal")
        peer.die()
        self.goes_on()

    def test_a_daemon_that_is_asked_to_end_calls_a_handover_off(self):
        peer = Peer(self.handover())
        peer.send("hello", b"weir-proxy", b"1")
        peer.receive_until("prepared")
        self.proxy_under_test.signal(signal.SIGTERM)
        self.assertIn(peer.receive_until("aborted"), ("aborted", ""))
        peer.die()
        self.assertEqual(self.proxy_under_test.wait(), 0)


class TheFile(Case):
    def test_a_file_that_was_replaced_is_the_one_that_is_started(self):
        binary = os.path.join(self.directory, "weir-proxy")
        subprocess.run(["cp", PROXY, binary], check=True)
        process = self.run_process([binary, "--listen", "127.0.0.1:0"])
        until(lambda: "msg=ready" in process.err(), "ready")
        os.unlink(binary)
        with open(binary, "w", encoding="ascii") as script:
            script.write(f'#!/bin/sh\necho replaced >&2\nexec "{PROXY}" "$@"\n')
        os.chmod(binary, 0o755)
        os.kill(process.pid, signal.SIGUSR2)
        self.assertEqual(process.wait(), 0)
        self.assertIn("replaced\n", process.err())
        new = pids_serving(process.err())[-1]
        self.assertTrue(is_alive(new))
        os.kill(new, signal.SIGTERM)
        until(lambda: not is_alive(new), "the new process to end")

    def test_the_service_manager_learns_the_new_process(self):
        path = os.path.join(self.directory, "notify.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(harness.PATIENCE)
            proxy = self.start('[server]\nlisten = ["127.0.0.1:0"]\n', env={"NOTIFY_SOCKET": path})
            proxy.upgrade()
            told = ""
            while "MAINPID=" not in told:
                told = manager.recv(4096).decode()
            self.assertEqual(told.splitlines()[0], f"MAINPID={proxy.current()}")


if __name__ == "__main__":
    harness.main()
