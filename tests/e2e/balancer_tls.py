"""TLS with clients and servers: Python's ssl, curl and openssl s_client against weir-balancer."""

import json
import ssl
import subprocess

import balancing
import harness
from balancing import balanced
from certificates import Authority
from clients import CurlError, TlsConnection, curl, tls_context
from harness import PATIENCE, ask, until
from load import Load


def tls_keys(*certificates, extra=""):
    files = ", ".join(f'{{ certificate = "{one.chain}", key = "{one.key}" }}' for one in certificates)
    return f"tls.certificates = [{files}]\n{extra}\n"


def s_client(port, *flags, name="localhost"):
    """One request by openssl; what it tells of the connection, and the answer."""
    run = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-ign_eof", *flags],
                         input=f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n", capture_output=True,
                         text=True, check=False, timeout=PATIENCE)
    return run.stdout + run.stderr


class TlsCase(balancing.Case):
    def setUp(self):
        super().setUp()
        self.authority = Authority(self.directory)
        self.certificate = self.authority.issue("localhost")
        self.trusting = lambda **more: tls_context(self.authority.chain, **more)


class Clients(TlsCase):
    def test_both_versions_are_spoken_by_every_client_and_older_ones_are_not(self):
        balancer = self.balance(self.plain_servers("a"), listener=tls_keys(self.certificate))
        for version, text in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            with self.subTest(text), TlsConnection(balancer.port, self.trusting(version=version)) as client:
                self.assertEqual(client.version, text)
                self.assertEqual(client.ask()["X-Server"], "a")
            told = s_client(balancer.port, "-" + text.replace("TLSv", "tls").replace(".", "_"), "-CAfile", self.authority.chain)
            self.assertIn("Verify return code: 0 (ok)", told)
            self.assertIn(text, told)
            self.assertIn("X-Server: a", told)
        self.assertEqual(curl(balancer.port, ca=self.authority.chain).body, b"a")
        told = s_client(balancer.port, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
        self.assertNotIn("X-Server", told)
        until(lambda: balancer.metric("weir_tls_handshakes_total", listener="front", result="failed") == 1, "the count")
        balancer.wait_for_metric(5, "weir_tls_handshakes_total", listener="front", result="ok")

    def test_a_lowest_version_is_kept_to(self):
        balancer = self.balance(self.plain_servers("a"), listener=tls_keys(self.certificate, extra='tls.min_version = "1.3"'))
        with self.assertRaises(ssl.SSLError):
            TlsConnection(balancer.port, self.trusting(version=ssl.TLSVersion.TLSv1_2))
        with TlsConnection(balancer.port, self.trusting()) as client:
            self.assertEqual(client.version, "TLSv1.3")

    def test_who_speaks_in_clear_is_hung_up_on_and_others_go_on(self):
        balancer = self.balance(self.plain_servers("a"), listener=tls_keys(self.certificate))
        with harness.Connection(balancer.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.socket.settimeout(PATIENCE)
            self.assertNotIn(b"HTTP", client.socket.recv(1000))  # an alert, or nothing
        self.assertEqual(curl(balancer.port, ca=self.authority.chain).status, 200)

    def test_the_certificate_is_chosen_by_name(self):
        other = self.authority.issue("b.example", "*.wide.example")
        balancer = self.balance(self.plain_servers("a"), listener=tls_keys(self.certificate, other))
        for name, certificate in (("localhost", ["localhost"]), ("b.example", ["b.example", "*.wide.example"]),
                                  ("B.Example", ["b.example", "*.wide.example"]),
                                  ("x.wide.example", ["b.example", "*.wide.example"])):
            with self.subTest(name), TlsConnection(balancer.port, self.trusting(), server_name=name) as client:
                self.assertEqual(client.server, certificate)
        unknown = self.trusting()
        unknown.check_hostname = False
        for name in ("unknown.example", None):
            with self.subTest(name), TlsConnection(balancer.port, unknown, server_name=name) as client:
                self.assertEqual(client.server, ["localhost"])

    def test_the_protocol_is_agreed_on(self):
        for http2, agreed in (("true", "h2"), ("false", "http/1.1")):
            balancer = self.balance(self.plain_servers("a"), listener=tls_keys(self.certificate, extra=f"http2 = {http2}"))
            with self.subTest(http2), TlsConnection(balancer.port, self.trusting(alpn=("h2", "http/1.1"))) as client:
                self.assertEqual(client.alpn, agreed)
            with TlsConnection(balancer.port, self.trusting(alpn=("http/1.1",))) as client:
                self.assertEqual((client.alpn, client.ask().status), ("http/1.1", 200))
            with TlsConnection(balancer.port, self.trusting()) as client:
                self.assertEqual((client.alpn, client.ask().status), (None, 200))
            answer = curl(balancer.port, ca=self.authority.chain, http="2")
            self.assertEqual((answer.version, answer.status), ("HTTP/2" if agreed == "h2" else "HTTP/1.1", 200))

    def test_sessions_are_resumed_even_after_a_reload(self):
        servers = self.plain_servers("a")
        config = balanced(servers, listener=tls_keys(self.certificate))
        balancer = self.balancer(config)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version):
                context = self.trusting(version=version)
                with TlsConnection(balancer.port, context) as client:
                    client.ask()
                    self.assertFalse(client.resumed)
                    session = client.session
                with TlsConnection(balancer.port, context, session=session) as client:
                    self.assertEqual((client.resumed, client.ask().status), (True, 200))
                self.assertTrue(balancer.reload(config))
                with TlsConnection(balancer.port, context, session=session) as client:
                    self.assertEqual((client.resumed, client.ask().status), (True, 200))
        self.assertTrue(balancer.reload(balanced(servers, listener=tls_keys(self.certificate, extra="tls.session_tickets = false"))))
        def resumes():
            with TlsConnection(balancer.port, context, session=session) as client:
                client.ask()
                return client.resumed
        until(lambda: not resumes(), "tickets to be refused")

    def test_client_certificates_are_asked_for_and_verified(self):
        clients = Authority(self.directory, "clients")
        good = clients.issue("good client")
        stranger = self.authority.issue("stranger")
        for wanted, statuses in (("required", [200, None, None]), ("optional", [200, 200, None])):
            balancer = self.balance(self.plain_servers("a"), listener=tls_keys(
                self.certificate, extra=f'tls.client_ca = "{clients.chain}"\ntls.client_certificate = "{wanted}"'))
            for certificate, status in zip((good, None, stranger), statuses):
                for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                    with self.subTest(wanted=wanted, certificate=certificate and certificate.chain, version=version):
                        self.assertEqual(self.status_with(balancer, certificate, version), status)
            flags = ["--cert", good.chain, "--key", good.key]
            self.assertEqual(curl(balancer.port, "/", *flags, ca=self.authority.chain).status, 200)

    def status_with(self, balancer, certificate, version):
        try:
            with TlsConnection(balancer.port, self.trusting(certificate=certificate, version=version)) as client:
                return client.ask().status
        except (OSError, EOFError):
            return None


class Reloads(TlsCase):
    def serves(self, balancer, name):
        context = self.trusting()
        context.check_hostname = False
        with TlsConnection(balancer.port, context) as client:
            return name in client.server and client.ask().status == 200

    def test_a_new_certificate_comes_into_force_under_load(self):
        config = balanced(self.plain_servers("a"), listener=tls_keys(self.certificate))
        balancer = self.balancer(config)
        connect = lambda: TlsConnection(balancer.port, self.trusting())
        with Load(balancer.port, connect=connect) as load:
            load.wait_for_answers(20)
            self.certificate.replace_with(self.authority.issue("localhost", "renewed.example", file="renewed"))
            self.assertTrue(balancer.reload())
            until(lambda: self.serves(balancer, "renewed.example"), "the new certificate")
            load.wait_for_answers(20)
        self.assertEqual(load.lost, [])

    def test_a_broken_certificate_keeps_the_old_one_in_force_and_the_log_says_so(self):
        config = balanced(self.plain_servers("a"), listener=tls_keys(self.certificate))
        balancer = self.balancer(config)
        other = self.authority.issue("other.example")
        with open(self.certificate.chain, "rb") as file:
            whole = file.read()
        broken = {"torn": whole[:len(whole) // 2], "empty": b"", "noise": b"not a certificate\n"}
        for name, content in broken.items():
            with self.subTest(name), open(self.certificate.chain, "wb") as file:
                file.write(content)
                file.flush()
                before = len(balancer.err())
                self.assertFalse(balancer.reload())
                self.assertIn(self.certificate.chain, balancer.err()[before:])
                self.assertTrue(self.serves(balancer, "localhost"))
        with self.subTest("another's key"):
            with open(self.certificate.chain, "wb") as file, open(other.chain, "rb") as source:
                file.write(source.read())
            self.assertFalse(balancer.reload())
            self.assertTrue(self.serves(balancer, "localhost"))


class Servers(TlsCase):
    def upstream(self, ca, name="localhost", more=""):
        return f'tls = true\ntls_ca = "{ca}"\ntls_server_name = "{name}"\n{more}'

    def test_servers_are_verified(self):
        servers = self.plain_servers("ab", certificate=self.certificate)
        balancer = self.balance(servers, upstream=self.upstream(self.authority.chain))
        with harness.Connection(balancer.port) as client:
            self.assertEqual({client.ask()["X-Server"] for _ in range(8)}, {"a", "b"})

    def test_a_certificate_of_another_authority_or_name_is_502_and_says_why(self):
        servers = self.plain_servers("a", certificate=self.certificate)
        stranger = Authority(self.directory, "stranger")
        for keys in (self.upstream(stranger.chain), self.upstream(self.authority.chain, name="other.example")):
            with self.subTest(keys):
                balancer = self.balance(servers, upstream=keys + "retries = 0")
                self.assertEqual(ask(balancer.port).status, 502)
                line = until(lambda: [one for one in balancer.err().splitlines() if "upstream failed" in one], "the log")[0]
                self.assertIn("TLS", line)
                balancer.stop()
                self.assertRegex(balancer.events()[0]["reason"], "(?i)certificate|hostname|verif")
        balancer = self.balance(servers, upstream='tls = true\ntls_verify = false')
        self.assertEqual(ask(balancer.port).status, 200)

    def test_the_client_sees_tls_and_the_server_is_told(self):
        servers = self.plain_servers("a", certificate=self.certificate)
        balancer = self.balance(servers, listener=tls_keys(self.certificate), upstream=self.upstream(self.authority.chain))
        seen = dict(json.loads(curl(balancer.port, "/seen", ca=self.authority.chain, http="2").body)["fields"])
        self.assertEqual(seen["X-Forwarded-Proto"], "https")

    def test_a_server_killed_under_load_costs_nothing(self):
        servers = self.plain_servers("abc", certificate=self.certificate)
        balancer = self.balance(servers, listener=tls_keys(self.certificate), upstream=self.upstream(self.authority.chain))
        with Load(balancer.port, connect=lambda: TlsConnection(balancer.port, self.trusting())) as load:
            load.wait_for_answers(50)
            servers[0].kill()
            load.wait_for_answers(100)
        self.assertEqual(load.lost, [])


class Errors(TlsCase):
    def test_a_listener_without_its_certificate_is_no_start(self):
        self.certificate.key = self.certificate.key + ".missing"
        balancer = self.balancer(balanced(self.plain_servers("a"), listener=tls_keys(self.certificate)), wait=False)
        self.assertNotEqual(balancer.wait(), 0)
        self.assertIn(self.certificate.key, balancer.err())

    def test_a_wrong_ca_is_seen_by_curl(self):
        balancer = self.balance(self.plain_servers("a"), listener=tls_keys(self.certificate))
        with self.assertRaises(CurlError) as caught:
            curl(balancer.port, ca=Authority(self.directory, "stranger").chain)
        self.assertEqual(caught.exception.status, 60)


if __name__ == "__main__":
    harness.main()
