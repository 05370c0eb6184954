"""The contract of every daemon, tested on weir-proxy: command line, exit codes, config errors, admin endpoint,
the service manager's protocols."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import harness
from harness import PROXY, ask, free_port, until

BAD = """[server]
lisen = ["127.0.0.1:80"]
workers = "many"
[log]
level = "inof"
[upstream.app]
servers = ["127.0.0.1:99999"]
[[route]]
name = "a"
upstream = "ap"
[[limit]]
name = "l"
rate = "lots"
"""


def run(*arguments, **more):
    return subprocess.run([PROXY, *arguments], capture_output=True, text=True, timeout=harness.PATIENCE, check=False, **more)


def get(port, path, token=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if token:
        request.add_header("Authorization", "Bearer " + token)
    try:
        with urllib.request.urlopen(request, timeout=harness.PATIENCE) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


class CommandLine(harness.Case):
    def write(self, text, name="proxy.toml"):
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_help_has_examples_and_version_has_versions(self):
        text = run("--help")
        self.assertEqual(text.returncode, 0)
        for word in ("Examples:", "--check", "--print-config", "replay"):
            self.assertIn(word, text.stdout)
        version = run("--version")
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"^weir-proxy \d+\.\d+\.\d+ \(\w+\)\nlibuv 1\.")

    def test_a_wrong_option_is_64_with_a_suggestion(self):
        wrong = run("--chekc")
        self.assertEqual((wrong.returncode, wrong.stdout), (64, ""))
        self.assertIn("unknown option --chekc; did you mean --check?", wrong.stderr)
        self.assertEqual(run("--set", "nonsense").returncode, 64)
        self.assertEqual(run("--errors", "xml").returncode, 64)

    def test_check_says_ok(self):
        self.assertEqual(run("--check", "--upstream", "127.0.0.1:9000").stdout, "ok\n")

    def test_all_errors_are_told_with_place_and_suggestion(self):
        path = self.write(BAD)
        checked = run("-c", path, "--check")
        self.assertEqual((checked.returncode, checked.stdout), (78, ""))
        for expected in (':2:1: unknown key "lisen" in [server]; did you mean "listen"?', ":3:11: ", ":5:9: ",
                         ':7:12: "99999" is not a port', ':10:12: no upstream is named "ap"; did you mean "app"?',
                         ':13:8: "lots" is not a rate'):
            self.assertIn(f"weir-proxy: {path}{expected}", checked.stderr)
        self.assertIn('  lisen = ["127.0.0.1:80"]\n  ^', checked.stderr)

    def test_what_would_be_written_into_a_request_is_checked(self):
        route = '[upstream.a]\nservers = ["127.0.0.1:1"]\n[[route]]\nname = "r"\nupstream = "a"\n'
        for bad in ('rewrite = "/a\\r\\nX: 1"', 'rewrite = "a"', 'path = "/a/../b"', 'host_header = "a b"',
                    'set_request_headers = { "X" = "a\\r\\nb" }', 'add_response_headers = { "X Y" = "a" }',
                    'set_request_headers = { "Content-Length" = "1" }'):
            with self.subTest(bad):
                self.assertEqual(run("-c", self.write(route + bad + "\n"), "--check").returncode, 78)

    def test_errors_come_as_json_for_editors(self):
        checked = run("-c", self.write(BAD), "--check", "--errors", "json")
        problems = json.loads(checked.stdout)
        self.assertEqual(checked.returncode, 78)
        self.assertEqual([problem["line"] for problem in problems], [2, 3, 5, 7, 10, 13])

    def test_a_start_with_a_bad_config_is_78(self):
        self.assertEqual(run("-c", self.write(BAD)).returncode, 78)
        self.assertEqual(run("-c", os.path.join(self.directory, "missing.toml")).returncode, 78)

    def test_a_config_that_is_printed_gives_the_same_again(self):
        flags = ("--upstream", "127.0.0.1:9000", "--limit", "100/minute", "--listen", "127.0.0.1:8081", "--set", "server.workers=3")
        printed = run(*flags, "--print-config")
        self.assertEqual(printed.returncode, 0)
        self.assertIn("# from --limit", printed.stdout)
        again = run("-c", self.write(printed.stdout), "--print-config")
        strip = lambda text: [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
        self.assertEqual([line.split(" #")[0].rstrip() for line in strip(again.stdout)],
                         [line.split(" #")[0].rstrip() for line in strip(printed.stdout)])
        self.assertIn('rate = "100/minute"', printed.stdout)

    def test_a_secret_comes_from_a_file_and_is_never_shown(self):
        self.write("s3cret\n", "token")
        config = self.write('[admin]\ntoken_file = "token"\n')
        printed = run("-c", config, "--print-config")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.assertNotIn("s3cret", printed.stdout + printed.stderr)
        both = run("-c", self.write('[admin]\ntoken_file = "token"\ntoken = "x"\n'), "--check")
        self.assertEqual(both.returncode, 78)


class Admin(harness.Case):
    def test_health_readiness_metrics_and_config(self):
        proxy = self.simple(self.origin())
        ask(proxy.port)
        self.assertEqual(get(proxy.admin_port, "/healthz")[:2], (200, "ok\n"))
        self.assertEqual(get(proxy.admin_port, "/readyz")[:2], (200, "ready\n"))
        config = json.loads(get(proxy.admin_port, "/config")[1])
        self.assertEqual(config["route"][0]["name"], "all")
        proxy.wait_for_metric(1, "weir_requests_total", route="all", status="2xx")
        self.assertEqual(get(proxy.admin_port, "/nowhere")[0], 404)
        checked = subprocess.run(["promtool", "check", "metrics"], input=get(proxy.admin_port, "/metrics")[1],
                                 capture_output=True, text=True, check=False)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def test_the_status_page_shows_what_goes_on(self):
        proxy = self.simple(self.origin(), extra='[[limit]]\nname = "<b>&"\nrate = "10/minute"\n')
        ask(proxy.port)
        status, page, headers = get(proxy.admin_port, "/")
        self.assertEqual(status, 200)
        for text in ("weir-proxy", "serving", "Routes", "Limits", "Upstreams", "1 of 1 up", "&lt;b&gt;&amp;"):
            self.assertIn(text, page)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])

    def test_a_token_is_wanted_where_one_is_set(self):
        with open(os.path.join(self.directory, "token"), "w") as file:
            file.write("s3cret\n")
        config = harness.SIMPLE.format(addresses='"127.0.0.1:1"', upstream="", client="", server="", route="", extra="")
        proxy = self.proxy(config.replace("[client]", 'token_file = "token"\n[client]'),
                           env={"CREDENTIALS_DIRECTORY": self.directory})
        self.assertEqual(get(proxy.admin_port, "/metrics")[0], 401)
        self.assertEqual(get(proxy.admin_port, "/metrics", "s3cres")[0], 401)
        self.assertEqual(get(proxy.admin_port, "/metrics", "s3cret")[0], 200)
        self.assertEqual(get(proxy.admin_port, "/healthz")[0], 200)
        self.assertNotIn("s3cret", get(proxy.admin_port, "/config", "s3cret")[1] + proxy.err())


class Process(harness.Case):
    def test_a_port_in_use_is_69_and_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            refused = run("--listen", address)
            self.assertEqual(refused.returncode, 69)
            self.assertIn(f"listen {address}: bind: Address already in use", refused.stderr)

    def test_two_daemons_do_not_share_a_port_in_silence(self):
        proxy = self.simple(self.origin())
        self.assertEqual(run("--listen", f"127.0.0.1:{proxy.port}").returncode, 69)

    def test_a_stale_socket_file_is_replaced_and_a_served_one_is_not(self):
        path = os.path.join(self.directory, "x.sock")
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        self.proxy(f'[server]\nlisten = ["unix:{path}"]\n')
        with harness.Connection(path=path) as client:
            self.assertEqual(client.ask().status, 404)
        self.assertEqual(run("--listen", f"unix:{path}").returncode, 69)

    def test_a_socket_that_was_handed_over_is_served(self):
        with socket.create_server(("127.0.0.1", 0)) as handed:
            command = f'exec "{PROXY}" -c "$1"'
            config = os.path.join(self.directory, "fd.toml")
            with open(config, "w") as file:
                file.write('[server]\nlisten = ["fd:3"]\n')
            os.dup2(handed.fileno(), 30)
            process = self.run_process(["bash", "-c", f"LISTEN_PID=$$ LISTEN_FDS=1 {command} 3<&30", "bash", config],
                                       pass_fds=(30,))
            os.close(30)
            until(lambda: "msg=ready" in process.err() or not process.is_running(), "ready")
            self.assertEqual(ask(handed.getsockname()[1]).status, 404, process.err())

    def test_a_socket_that_was_not_handed_over_is_69(self):
        refused = run("--listen", "fd:3")
        self.assertEqual(refused.returncode, 69)
        self.assertIn("LISTEN_FDS", refused.stderr)

    def test_the_service_manager_is_told(self):
        path = os.path.join(self.directory, "notify.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(harness.PATIENCE)
            told = []

            def hear(word):
                while not any(word in text for text in told):
                    told.append(manager.recv(4096).decode())
            proxy = self.simple(self.origin(), env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"})
            hear("READY=1")
            hear("WATCHDOG=1")
            proxy.reload()
            hear("RELOADING=1\nMONOTONIC_USEC=")
            proxy.signal(signal.SIGTERM)
            hear("STOPPING=1")
            self.assertEqual(proxy.wait(), 0)

    def test_connections_beyond_the_most_are_closed(self):
        proxy = self.simple(self.origin(), server="max_connections = 2")
        with harness.Connection(proxy.port) as one, harness.Connection(proxy.port) as two:
            self.assertEqual((one.ask().status, two.ask().status), (200, 200))
            with harness.Connection(proxy.port) as three:
                self.assertTrue(three.is_closed_by_peer())
        until(lambda: proxy.metric("weir_connections") == 0, "the connections to end")
        self.assertEqual(ask(proxy.port).status, 200)
        proxy.wait_for_metric(1, "weir_connections_refused_total")

    def test_standard_output_that_nobody_reads_ends_nothing(self):
        reader, writer = os.pipe()
        process = self.run_process(["sh", "-c", f'exec "{PROXY}" --listen 127.0.0.1:0 >&{writer}'], pass_fds=(writer,))
        os.close(writer)
        os.close(reader)
        until(lambda: "msg=ready" in process.err(), "ready")
        port = int(re.search(r"msg=listening listen=\S+:(\d+)", process.err()).group(1))
        for _ in range(20):
            self.assertEqual(ask(port).status, 404)
        self.assertTrue(process.is_running())

    def test_logs_are_json_where_asked(self):
        proxy = self.proxy('[server]\nlisten = ["127.0.0.1:0"]\n[log]\nformat = "json"\n', wait=False)
        until(lambda: '"msg":"ready"' in proxy.err(), "ready")
        for line in proxy.err().splitlines():
            self.assertIn("level", json.loads(line))


if __name__ == "__main__":
    harness.main()
