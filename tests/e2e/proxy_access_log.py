"""Access events and the replay of logs."""

import json
import os
import re
import signal
import socket
import subprocess
import unittest

import harness
from harness import PROXY, Connection, ask, until

SHARED_LOG = os.path.join(os.path.dirname(__file__), "../../../shared/data/apache_logs")


class AccessLog(harness.Case):
    def events_of(self, proxy, count):
        return until(lambda: (events := proxy.events()) and len(events) >= count and events, f"{count} events")

    def test_an_event_tells_the_whole_story(self):
        proxy = self.simple(self.origin(), extra='[[limit]]\nname = "rule"\nrate = "10/s"\n'
                            '[access_log]\nheaders = ["X-Tenant"]\n')
        ask(proxy.port, "POST", "/a/%62?q=1", body=b"12345",
            fields=[("X-Request-Id", "id-1"), ("User-Agent", 'me "too"'), ("Referer", "http://r/"), ("X-Tenant", "t\xe9")])
        event = self.events_of(proxy, 1)[0]
        self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        expected = {"event": "access", "request_id": "id-1", "client": "127.0.0.1", "method": "POST", "host": "test",
                    "path": "/a/b", "query": "q=1", "protocol": "HTTP/1.1", "status": 200, "route": "all",
                    "upstream": "app", "limit": "pass", "limit_rule": "rule", "retries": 0,
                    "user_agent": 'me "too"', "referer": "http://r/", "headers": {"X-Tenant": "t\ufffd"}}
        self.assertEqual({key: event[key] for key in expected}, expected)
        self.assertRegex(event["trace_id"] + event["span_id"], r"^[0-9a-f]{48}$")
        self.assertGreater(event["bytes_in"], 100)
        self.assertGreater(event["bytes_out"], 100)
        self.assertGreaterEqual(event["total_ms"], event["first_byte_ms"])
        self.assertGreaterEqual(event["first_byte_ms"], event["connect_ms"])

    def test_what_was_never_understood_is_logged_too(self):
        proxy = self.simple(self.origin())
        with Connection(proxy.port) as client:
            client.send("NONSENSE\r\n\r\n")
            self.assertEqual(client.read_answer().status, 400)
        event = self.events_of(proxy, 1)[0]
        self.assertEqual((event["status"], event["reason"]), (400, "a malformed request line"))

    def test_events_go_to_a_file_that_is_rotated(self):
        path = os.path.join(self.directory, "access.ndjson")
        proxy = self.simple(self.origin(), extra=f'[access_log]\nto = "file:{path}"\n')

        def paths(name):
            with open(name) as file:
                return [json.loads(line)["path"] for line in file]
        ask(proxy.port, path="/one")
        until(lambda: paths(path) == ["/one"], "the event")
        os.rename(path, path + ".1")
        ask(proxy.port, path="/two")
        until(lambda: paths(path + ".1") == ["/one", "/two"], "the event in the renamed file")
        proxy.signal(signal.SIGUSR1)
        until(lambda: os.path.exists(path), "the new file")
        ask(proxy.port, path="/three")
        until(lambda: paths(path) == ["/three"], "the event in the new file")

    def test_events_go_to_a_unix_socket_that_comes_later(self):
        path = os.path.join(self.directory, "events.sock")
        proxy = self.simple(self.origin(), extra=f'[access_log]\nto = "unix:{path}"\n')
        ask(proxy.port, path="/early")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            listener.settimeout(harness.PATIENCE)
            peer, _ = listener.accept()
            with peer, peer.makefile() as lines:
                self.assertEqual(json.loads(lines.readline())["path"], "/early")

    @unittest.skipIf(os.environ.get("WEIR_SANITIZE") == "thread",
                     "librdkafka makes its threads by thrd_create, which GCC 12's thread sanitizer does not know: it crashes")
    def test_events_go_to_a_kafka_topic(self):
        # A consumer whose librdkafka brings a cluster of its own, which others can reach while it lives.
        consumer = self.run_process(["kcat", "-X", "test.mock.num.brokers=1", "-b", "unused", "-C", "-u", "-q",
                                     "-t", "access", "-o", "beginning", "-d", "mock"])
        broker = until(lambda: re.search(r"bootstrap\.servers=(\S+)", consumer.err()), "the mock cluster").group(1)
        proxy = self.simple(self.origin(), extra=f'[access_log]\nto = "kafka://{broker}/access"\n')
        ask(proxy.port, path="/kafka")
        until(lambda: [json.loads(line)["path"] for line in consumer.out().splitlines()] == ["/kafka"],
              "the event to be consumed")

    def test_a_target_that_cannot_be_opened_is_told_at_the_start(self):
        proxy = self.simple(self.origin(), extra='[access_log]\nto = "file:/no/such/folder/x"\n', wait=False)
        self.assertEqual(proxy.wait(), 78)
        self.assertIn("/no/such/folder/x: No such file or directory", proxy.err())


POLICY = """
[[limit]]
name = "per-client"
rate = "3/minute"
"""


class Replay(harness.Case):
    def replay(self, lines, policy=POLICY, files=("-",)):
        config = os.path.join(self.directory, "policy.toml")
        with open(config, "w") as file:
            file.write(policy)
        run = subprocess.run([PROXY, "replay", *files, "-c", config], input=lines, capture_output=True, text=True,
                             timeout=120, check=False)
        return run.returncode, [json.loads(line) for line in run.stdout.splitlines()], run.stderr

    def event(self, second, client="192.0.2.7", **more):
        return json.dumps({"event": "access", "time": f"2026-11-24T10:00:{second:02}.000Z", "client": client,
                           "method": "GET", "host": "a", "path": "/", **more}) + "\n"

    def test_events_are_decided_at_the_time_they_bear(self):
        lines = "".join(self.event(second) for second in range(5)) + self.event(50) + self.event(1, "192.0.2.8")
        code, records, summary = self.replay(lines)
        self.assertEqual(code, 0)
        self.assertEqual(records, [{"rule": "per-client", "key": "192.0.2.7", "requests": 6, "limited": 2,
                                    "first": "2026-11-24T10:00:03.000Z", "last": "2026-11-24T10:00:04.000Z"}])
        self.assertIn("2 of 7 requests limited, 1 of 2 keys", summary)

    def test_the_proxys_own_log_is_replayed(self):
        proxy = self.simple(self.origin())
        for _ in range(10):
            ask(proxy.port)
        proxy.stop()
        _, records, _ = self.replay(proxy.out())
        self.assertEqual([(record["key"], record["requests"], record["limited"]) for record in records],
                         [("127.0.0.1", 10, 7)])

    def test_combined_log_lines_are_understood(self):
        line = '192.0.2.9 - - [17/May/2015:10:05:{:02} +0200] "GET /a?b HTTP/1.1" 200 5 "-" "agent \\"x\\""\n'
        code, records, _ = self.replay("".join(line.format(second) for second in range(4)))
        self.assertEqual((code, records[0]["limited"], records[0]["first"]), (0, 1, "2015-05-17T08:05:03.000Z"))

    def test_headers_that_were_logged_make_keys_and_missing_ones_are_told(self):
        policy = '[[limit]]\nname = "t"\nrate = "1/minute"\nkey = ["header:X-Tenant"]\n'
        lines = self.event(1, headers={"X-Tenant": "a"}) * 2 + self.event(1)
        _, records, summary = self.replay(lines, policy)
        self.assertEqual([(record["key"], record["limited"]) for record in records], [("a", 1)])
        self.assertIn("1 requests had no value for this key", summary)

    def test_lines_that_are_not_understood_are_named_and_fail(self):
        code, records, summary = self.replay("nonsense\n" + self.event(1))
        self.assertEqual((code, records), (1, []))
        self.assertIn("standard input:1: ", summary)
        self.assertEqual(self.replay("", files=("missing",))[0], 1)
        self.assertEqual(self.replay("", files=())[0], 64)

    def test_a_real_web_servers_log_is_replayed(self):
        """10,000 lines of a real server's log, where the folder with it is there; a small one always."""
        lines = ""
        if os.path.exists(SHARED_LOG):
            with open(SHARED_LOG, errors="replace") as file:
                lines = file.read()
        total = lines.count("\n")
        lines += '66.249.73.135 - - [20/May/2015:21:05:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"\n' * 20
        code, records, summary = self.replay(lines)
        self.assertEqual(code, 0, summary)
        self.assertIn("66.249.73.135", [record["key"] for record in records])
        self.assertTrue(summary.startswith("replayed "))
        self.assertGreaterEqual(int(summary.split()[1]), total)


if __name__ == "__main__":
    harness.main()
