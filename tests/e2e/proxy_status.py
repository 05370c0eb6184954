"""What weir-proxy tells of itself while it works, and the run from flags alone that a newcomer begins with."""

import os
import re
import subprocess
import threading

import harness
from harness import PROXY, Connection, ask, until


class FlagsAlone(harness.Case):
    def check_serves_with_a_limit_of_three(self, process):
        until(lambda: "msg=ready" in process.err() or not process.is_running(), "weir-proxy to be ready")
        port = int(re.search(r"msg=listening listen=\S+:(\d+)", process.err()).group(1))
        answers = [ask(port) for _ in range(4)]
        self.assertEqual([answer.status for answer in answers], [200, 200, 200, 429])
        self.assertEqual(answers[0]["RateLimit-Policy"].split(";", 1)[1], "q=3;w=3600")

    def test_a_proxy_with_a_limit_needs_three_flags(self):
        origins = [self.origin(), self.origin()]
        flags = ["--listen", "127.0.0.1:0", "--upstream", origins[0].address, "--upstream", origins[1].address,
                 "--limit", "3/hour", "--access-log", "off"]
        process = self.run_process([PROXY, *flags])
        self.check_serves_with_a_limit_of_three(process)
        self.assertEqual([len(origin.requests) > 0 for origin in origins], [True, True])
        self.assertEqual(process.out(), "")

    def test_what_it_prints_of_itself_is_the_start_of_its_config_file(self):
        origin = self.origin()
        printed = subprocess.run([PROXY, "--listen", "127.0.0.1:0", "--upstream", origin.address, "--limit", "3/hour",
                                  "--print-config"], capture_output=True, text=True, timeout=harness.PATIENCE, check=True)
        path = os.path.join(self.directory, "printed.toml")
        with open(path, "w") as file:
            file.write(printed.stdout)
        self.check_serves_with_a_limit_of_three(self.run_process([PROXY, "-c", path]))


class Metrics(harness.Case):
    def test_what_is_under_way_and_what_failed_is_counted(self):
        def serve(connection):
            origin.read_request(connection)
            release.wait(harness.PATIENCE)
        release = threading.Event()
        self.addCleanup(release.set)
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream="retries = 0\nbreaker_failures = 1")
        proxy.wait_for_metric(0, "weir_upstream_in_flight", upstream="app")
        with Connection(proxy.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            until(lambda: proxy.metric("weir_upstream_in_flight", upstream="app") == 1, "the request to be under way")
            proxy.wait_for_metric(0, "weir_upstream_breaker_state", server=origin.address)
            release.set()
            self.assertEqual(client.read_answer().status, 502)
        self.assertEqual(ask(proxy.port).status, 503)
        proxy.wait_for_metric(2, "weir_upstream_breaker_state", server=origin.address)
        until(lambda: proxy.metric("weir_requests_total", route="all", status="5xx") == 2, "both to be counted")
        proxy.wait_for_metric(2, "weir_request_seconds_count", route="all")
        proxy.wait_for_metric(0, "weir_upstream_in_flight", upstream="app")

    def test_metrics_are_well_formed_with_names_that_need_escaping(self):
        proxy = self.simple(self.origin(), extra='[[limit]]\nname = "a\\"b\\\\c"\nrate = "1/hour"\n')
        self.assertEqual([ask(proxy.port).status for _ in range(2)], [200, 429])
        text = ask(proxy.admin_port, path="/metrics").body.decode()
        self.assertIn('rule="a\\"b\\\\c"', text)
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def test_readiness_ends_with_the_drain_and_health_does_not(self):
        def serve(connection):
            origin.read_request(connection)
            release.wait(harness.PATIENCE)
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        release = threading.Event()
        self.addCleanup(release.set)
        origin = self.origin(serve)
        proxy = self.simple(origin)
        admin = proxy.admin_port
        with Connection(proxy.port) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            until(lambda: origin.requests, "the request to be under way")
            proxy.signal(harness.signal.SIGTERM)
            until(lambda: ask(admin, path="/readyz").status == 503, "readiness to end")
            self.assertEqual(ask(admin, path="/healthz").status, 200)
            release.set()
            self.assertEqual(client.read_answer().status, 200)
        self.assertEqual(proxy.wait(), 0)


if __name__ == "__main__":
    harness.main()
