"""UDP through weir-balancer: clients keep their servers, servers come and go, and what is limited is limited."""

import collections
import os
import signal
import socket
import subprocess
import threading
import time

import harness
from harness import until
from servers import lasting_port

CONFIG = """
[server]
workers = {workers}
drain_timeout = "{drain_timeout}"
[admin]
listen = ["127.0.0.1:0"]
[[listener]]
name = "udp"
listen = ["127.0.0.1:0"]
mode = "udp"
upstream = "app"
{listener}
[upstream.app]
servers = [{servers}]
{upstream}
"""


class Server:
    """Answers each datagram with its name, a colon and what it got; `answer` may say otherwise."""

    def __init__(self, name, answer=None):
        self.name, self.answer, self.got = name, answer, []
        self.port = lasting_port()
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", self.port))
        self.socket.settimeout(0.05)
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.ends.is_set():
            try:
                data, peer = self.socket.recvfrom(65536)
            except socket.timeout:
                continue
            self.got.append((peer, data))
            answer = self.answer(data) if self.answer else self.name.encode() + b":" + data
            if answer is not None:
                self.socket.sendto(answer, peer)

    def stop(self):
        """What comes to its port from now on is answered by ICMP."""
        self.ends.set()
        self.thread.join()
        self.socket.close()


class Client:
    def __init__(self, port, host="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.connect(("127.0.0.1", port))

    def send(self, data=b"x"):
        self.socket.send(data)

    def receive(self, patience=harness.PATIENCE):
        self.socket.settimeout(patience)
        try:
            return self.socket.recv(65536)
        except socket.timeout:
            return None

    def ask(self, data=b"x", patience=harness.PATIENCE):
        """The name of the server that answered this very datagram; None where nobody did."""
        self.send(data)
        answer = self.receive(patience)
        if answer is None:
            return None
        name, _, echo = answer.partition(b":")
        assert echo == data, (echo, data)
        return name.decode()

    def ask_until_answered(self):
        return until(lambda: self.ask(patience=0.1), "an answer")

    def stop(self):
        self.socket.close()


class Udp(harness.Case):
    def servers(self, *names, **more):
        return [self.keep(Server(name, **more)) for name in names]

    def config(self, servers, listener="", upstream="", workers=2, drain_timeout="30s"):
        addresses = ", ".join(f'"{server.address}"' for server in servers)
        return CONFIG.format(servers=addresses, listener=listener, upstream=upstream, workers=workers,
                             drain_timeout=drain_timeout)

    def start(self, servers, **more):
        return self.balancer(self.config(servers, **more))

    def client(self, balancer, host="127.0.0.1"):
        return self.keep(Client(balancer.ports["udp"], host))

    def test_a_client_keeps_its_server_and_clients_are_spread(self):
        balancer = self.start(self.servers("a", "b", "c"))
        clients = [self.client(balancer) for _ in range(60)]
        first = [client.ask() for client in clients]
        for number in range(5):
            self.assertEqual([client.ask(b"%d" % number) for client in clients], first)
        spread = collections.Counter(first)
        self.assertEqual(set(spread), {"a", "b", "c"})
        self.assertGreaterEqual(min(spread.values()), 15)

    def test_by_address_all_of_a_hosts_clients_have_one_server(self):
        balancer = self.start(self.servers("a", "b", "c"), upstream='algorithm = "maglev"\nhash_key = "ip"')
        chosen = {}
        for host in range(2, 22):
            names = {self.client(balancer, f"127.0.0.{host}").ask() for _ in range(4)}
            self.assertEqual(len(names), 1)
            chosen[host] = names.pop()
        self.assertGreater(len(set(chosen.values())), 1)

    def test_thousands_of_datagrams_of_many_clients_each_reach_the_right_one(self):
        balancer = self.start(self.servers("a", "b"))
        clients = [self.client(balancer) for _ in range(300)]
        first = [client.ask() for client in clients]
        for number in range(10):
            for client in clients:
                client.send(b"%d" % number)
            for client, name in zip(clients, first):
                self.assertEqual(client.receive(), f"{name}:{number}".encode())
        until(lambda: balancer.metric("weir_udp_datagrams_total", listener="udp", result="to_client") == 3300,
              "the counts")

    def test_large_and_empty_datagrams_pass_whole(self):
        balancer = self.start(self.servers("a", answer=lambda data: data))
        client = self.client(balancer)
        for data in (b"", b"x", os.urandom(1400), os.urandom(60_000)):
            client.send(data)
            self.assertEqual(client.receive(), data)

    def test_a_server_that_dies_is_left(self):
        servers = self.servers("a", "b")
        balancer = self.start(servers)
        clients = [self.client(balancer) for _ in range(30)]
        first = [client.ask() for client in clients]
        self.assertEqual(set(first), {"a", "b"})
        servers[0].stop()
        self.assertEqual({client.ask_until_answered() for client in clients}, {"b"})
        self.assertEqual([client.ask() for client, name in zip(clients, first) if name == "b"], ["b"] * first.count("b"))
        self.assertGreater(balancer.metric("weir_upstream_failures_total", upstream="app"), 0)
        balancer.wait_for_metric(2, "weir_upstream_breaker_state", server=servers[0].address)
        refused = until(lambda: [event for event in balancer.events() if event["server"] == servers[0].address],
                        "the refused sessions' events")
        self.assertIn("refused", refused[0]["reason"])

    def test_a_server_that_comes_back_is_asked_again(self):
        servers = self.servers("a", "b")
        balancer = self.start(servers, upstream='breaker_open_time = "200ms"')
        servers[0].stop()
        for _ in range(30):
            self.client(balancer).ask_until_answered()
        balancer.wait_for_metric(2, "weir_upstream_breaker_state", server=servers[0].address)
        servers[0].start()
        until(lambda: self.client(balancer).ask(patience=0.2) == "a", "the server to be asked again")

    def test_a_server_that_never_answers_is_trusted_after_a_while(self):
        servers = self.servers("a", answer=lambda data: None)
        balancer = self.start(servers, upstream='breaker_open_time = "100ms"\nconnect_timeout = "100ms"')
        state = lambda: balancer.metric("weir_upstream_breaker_state", server=servers[0].address)
        servers[0].stop()
        client = self.client(balancer)

        def ask_in_vain():
            try:
                client.send()
            except ConnectionRefusedError:
                pass
            return state() == 2
        until(ask_in_vain, "the breaker to open")
        servers[0].start()

        def tell():
            self.client(balancer).send(b"told")
            return state() == 0
        until(tell, "the breaker to close")
        self.assertIn(b"told", [data for _, data in servers[0].got])

    def test_who_is_denied_gets_nothing(self):
        servers = self.servers("a")
        balancer = self.start(servers, listener='deny = ["127.0.0.2"]')
        self.client(balancer, "127.0.0.2").send()
        self.assertEqual(self.client(balancer, "127.0.0.3").ask(), "a")
        until(lambda: balancer.metric("weir_listener_refused_total", listener="udp", reason="denied") == 1, "the count")
        until(lambda: balancer.metric("weir_udp_datagrams_total", listener="udp", result="refused") == 1, "the count")
        self.assertEqual(len(servers[0].got), 1)

    def test_sessions_are_limited_and_one_that_ends_makes_room(self):
        balancer = self.start(self.servers("a"), listener='max_connections = 3\nudp_timeout = "500ms"')
        for _ in range(3):
            self.assertEqual(self.client(balancer).ask(), "a")
        late = self.client(balancer)
        late.send()
        until(lambda: balancer.metric("weir_listener_refused_total", listener="udp", reason="full") == 1, "the count")
        self.assertEqual(late.ask_until_answered(), "a")

    def test_new_sessions_of_a_client_address_are_limited_in_rate(self):
        balancer = self.start(self.servers("a"), listener='connection_rate = "2/hour"')
        clients = [self.client(balancer) for _ in range(2)]
        for _ in range(3):
            self.assertEqual([client.ask() for client in clients], ["a", "a"])
        self.client(balancer).send()
        until(lambda: balancer.metric("weir_listener_refused_total", listener="udp", reason="rate") == 1, "the count")
        self.assertEqual(self.client(balancer, "127.0.0.2").ask(), "a")

    def test_a_session_is_told_of_when_it_has_ended(self):
        servers = self.servers("a")
        balancer = self.start(servers, listener='udp_timeout = "100ms"')
        client = self.client(balancer)
        client.ask(b"12345")
        client.ask(b"6789")
        event = until(balancer.events, "the event")[0]
        self.assertEqual({key: event[key] for key in ("listener", "client", "upstream", "server", "bytes_in", "bytes_out",
                                                      "reason")},
                         {"listener": "udp", "client": "127.0.0.1", "upstream": "app", "server": servers[0].address,
                          "bytes_in": 9, "bytes_out": 13, "reason": ""})
        self.assertGreater(event["seconds"], 0.09)
        until(lambda: balancer.metric("weir_udp_sessions", listener="udp") == 0, "the gauge")
        until(lambda: balancer.metric("weir_udp_bytes_total", listener="udp", result="to_client") == 13, "the count")
        balancer.wait_for_metric(9, "weir_udp_bytes_total", listener="udp", result="to_server")
        balancer.wait_for_metric(1, "weir_listener_connections_total", listener="udp")

    def test_sessions_are_work_on_their_server(self):
        balancer = self.start(self.servers("a", "b"), upstream='algorithm = "least_connections"\nmax_in_flight = 21')
        names = collections.Counter(self.client(balancer).ask() for _ in range(20))
        self.assertEqual(names, {"a": 10, "b": 10})
        balancer.wait_for_metric(20, "weir_upstream_in_flight", upstream="app")
        self.client(balancer).ask()
        self.client(balancer).send()
        until(lambda: balancer.metric("weir_upstream_turned_away_total", upstream="app") == 1, "the count")

    def test_a_reload_adds_a_server_for_new_clients_and_moves_no_other(self):
        servers = self.servers("a", "b")
        balancer = self.start(servers[:1])
        old = [self.client(balancer) for _ in range(5)]
        self.assertEqual([client.ask() for client in old], ["a"] * 5)
        self.assertTrue(balancer.reload(self.config(servers)))
        until(lambda: self.client(balancer).ask() == "b", "a new client to reach the new server")
        self.assertEqual([client.ask() for client in old], ["a"] * 5)

    def test_servers_have_names(self):
        server = self.keep(Server("a"))
        text = self.config([server]).replace("127.0.0.1:%d" % server.port, "localhost:%d" % server.port)
        client = self.client(self.balancer(text))
        self.assertEqual(client.ask_until_answered(), "a")

    def test_draining_passes_on_what_was_asked_for_and_takes_nothing_new(self):
        release = threading.Event()

        def answer(data):
            release.wait(harness.PATIENCE)
            return b"late"
        server = self.servers("a", answer=answer)[0]
        balancer = self.start([server], listener='udp_timeout = "1s"', workers=1)
        client = self.client(balancer)
        client.send()
        until(lambda: server.got, "the question")
        balancer.signal(signal.SIGTERM)
        until(lambda: "draining" in balancer.err(), "the drain")
        release.set()
        self.assertEqual(client.receive(), b"late")
        self.assertEqual(balancer.wait(), 0)
        self.assertNotIn("drain timeout", balancer.err())
        self.assertEqual(balancer.events()[0]["bytes_out"], 4)

    def test_the_drain_timeout_ends_sessions(self):
        balancer = self.start(self.servers("a"), drain_timeout="100ms")
        self.assertEqual(self.client(balancer).ask(), "a")
        begin = time.monotonic()
        balancer.signal(signal.SIGTERM)
        self.assertEqual(balancer.wait(), 0)
        self.assertLess(time.monotonic() - begin, 4)

    def test_a_listener_that_is_taken_away_ends_and_one_with_a_new_name_goes_on(self):
        servers = self.servers("a")
        port = lasting_port()
        text = self.config(servers).replace('listen = ["127.0.0.1:0"]\nmode', f'listen = ["127.0.0.1:{port}"]\nmode')
        balancer = self.balancer(text)
        client = self.client(balancer)
        self.assertEqual(client.ask(), "a")
        self.assertTrue(balancer.reload(text.replace('name = "udp"', 'name = "other"')))
        self.assertEqual(client.ask_until_answered(), "a")
        until(lambda: balancer.metric("weir_udp_sessions", listener="other") == 1, "the session's new name")

    def test_settings_that_udp_cannot_have_are_refused(self):
        text = self.config([]).replace('"127.0.0.1:0"]\nmode', '"unix:/x"]\nmode').replace(
            'mode = "udp"', 'mode = "udp"\nproxy_protocol = true')
        path = os.path.join(self.directory, "bad.toml")
        with open(path, "w") as file:
            file.write(text)
        run = subprocess.run([harness.BALANCER, "--check", "-c", path], capture_output=True, text=True,
                             timeout=harness.PATIENCE, check=False)
        self.assertEqual(run.returncode, 78)
        for key in ("proxy_protocol", "listen"):
            self.assertIn(key, run.stderr)

    def test_dns_is_balanced_over_real_servers(self):
        ports = [lasting_port() for _ in range(2)]
        for number, port in enumerate(ports):
            process = self.run_process(
                ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=",
                 f"--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces", "--user=", "--log-facility=-",
                 f"--address=/test/192.0.2.{number + 1}"])
            until(lambda: "started" in process.err() or not process.is_running(), "dnsmasq")
            self.assertTrue(process.is_running(), process.err())
        addresses = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        balancer = self.balancer(self.config([]).replace("servers = []", f"servers = [{addresses}]"))
        answers = collections.Counter(self.resolve(balancer) for _ in range(40))
        self.assertEqual(set(answers), {"192.0.2.1", "192.0.2.2"})
        self.assertEqual(sum(answers.values()), 40)

    def resolve(self, balancer):
        """The address of name.test, by a question as resolvers write it (RFC 1035 4.1)."""
        query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + b"\x04name\x04test\x00\x00\x01\x00\x01"
        client = self.client(balancer)
        client.send(query)
        answer = client.receive()
        self.assertEqual(answer[:2], query[:2])
        return socket.inet_ntoa(answer[-4:])


if __name__ == "__main__":
    harness.main()
