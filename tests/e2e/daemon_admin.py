"""The admin endpoint of every daemon, tested on weir-proxy: the API and who may write, events, the page that
updates itself."""

import base64
import json
import os
import re
import subprocess
import urllib.request

import harness
from harness import Connection, ask, until

JSON = ("Content-Type", "application/json")
HERE = "127.0.0.1:9901"  # a Host as a browser on the machine would send it


def read(path):
    with open(path) as file:
        return file.read()


class Events:
    """Server-sent events from one connection."""

    def __init__(self, connection, path="/events", fields=()):
        self.connection = connection
        head = f"GET {path} HTTP/1.1\r\nHost: {HERE}\r\n"
        connection.send(head + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n")
        self.answer = connection.read_head()
        self.text = ""

    def next(self):
        """The next event as (type, id, data); comments and retry lines are passed over."""
        while True:
            while "\n\n" not in self.text:
                size = int(self.connection.read_line(), 16)
                if size == 0:
                    raise EOFError("the stream ended")
                self.text += self.connection.read(size).decode()
                self.connection.read(2)
            block, self.text = self.text.split("\n\n", 1)
            fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
            if "data" in fields:
                return fields.get("event"), fields.get("id"), json.loads(fields["data"])

    def until(self, kind):
        while True:
            event = self.next()
            if event[0] == kind:
                return event


class AdminCase(harness.Case):
    def daemon(self, admin="", **more):
        config = harness.SIMPLE.format(addresses='"127.0.0.1:1"', upstream="", client="", server="", route="",
                                       extra="")
        return self.proxy(config.replace("[client]", admin + "\n[client]"), **more)

    def api(self, proxy, method, path, body=None, fields=(JSON,), host=HERE, **more):
        with Connection(proxy.admin_port, **more) as connection:
            text = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
            answer = connection.ask(method, path, fields=fields, body=text, host=host)
        return answer.status, json.loads(answer.body) if answer.body else None, answer

    def audit(self, proxy):
        return [line for line in proxy.err().splitlines() if 'msg="admin write"' in line]


class Api(AdminCase):
    def test_the_index_lists_what_there_is(self):
        proxy = self.daemon()
        status, index, answer = self.api(proxy, "GET", "/api")
        self.assertEqual((status, answer["Content-Type"]), (200, "application/json"))
        routes = {(route["method"], route["path"]) for route in index["routes"]}
        self.assertLessEqual({("POST", "/api/reload"), ("PUT", "/api/log"), ("GET", "/api/log"), ("GET", "/api/status")}, routes)

    def test_status_tells_how_the_daemon_is(self):
        status, body, _ = self.api(self.daemon(), "GET", "/api/status")
        self.assertEqual((status, body["program"], body["state"], body["workers"]), (200, "weir-proxy", "serving", 2))

    def test_the_log_level_is_set_and_the_change_is_on_record(self):
        proxy = self.daemon()
        status, body, _ = self.api(proxy, "PUT", "/api/log", {"level": "error"})
        self.assertEqual((status, body), (200, {"level": "error", "format": "logfmt"}))
        until(lambda: self.audit(proxy), "the audit line")
        # One line, whatever the level is now.
        line = self.audit(proxy)[0]
        self.assertRegex(line, r"peer=127\.0\.0\.1:\d+ ")
        self.assertIn('method=PUT path=/api/log status=200 done="log level info to error"', line)
        self.assertEqual(self.api(proxy, "GET", "/api/log")[1]["level"], "error")
        proxy.wait_for_metric(1, "weir_admin_writes_total", result="done")

    def test_a_reload_tells_what_is_wrong_with_the_config(self):
        proxy = self.daemon()
        self.assertEqual(self.api(proxy, "POST", "/api/reload")[:2], (200, {"reloaded": True}))
        proxy.write_config('[server]\nlisen = ["127.0.0.1:0"]\nworkers = "x"\n')
        status, body, answer = self.api(proxy, "POST", "/api/reload")
        self.assertEqual((status, answer["Content-Type"]), (422, "application/problem+json"))
        self.assertEqual(body["status"], 422)
        details = "".join(error["detail"] for error in body["errors"])
        self.assertIn('unknown key "lisen"', details)
        self.assertIn(":3:11: ", details)
        self.assertEqual(self.api(proxy, "GET", "/api/status")[1]["state"], "serving")

    def test_what_is_wrong_with_a_body_is_told_where(self):
        proxy = self.daemon()
        status, body, answer = self.api(proxy, "PUT", "/api/log", {"lvel": "info"})
        self.assertEqual((status, answer["Content-Type"]), (400, "application/problem+json"))
        self.assertEqual({(error["pointer"], error["detail"]) for error in body["errors"]},
                         {("#/level", "is missing"), ("#/lvel", 'there is no such member; did you mean "level"?')})
        for wrong, detail in ((b'{"level":', "the body is not JSON: line 1, column 10"),
                              (b"[]", "the body must be a JSON object"),
                              (b'{"level":"info","level":"warn"}', 'the body: "level" is there twice')):
            status, body, _ = self.api(proxy, "PUT", "/api/log", wrong)
            self.assertEqual((status, body["detail"]), (400, detail))
        self.assertEqual(self.api(proxy, "GET", "/api/log")[1]["level"], "info")
        self.assertEqual(ask(proxy.admin_port, "PUT", "/api/log", fields=(JSON,), body=b" " * 40000, host=HERE).status, 413)

    def test_unknown_paths_and_methods(self):
        proxy = self.daemon()
        self.assertEqual(self.api(proxy, "GET", "/api/nothing")[0], 404)
        self.assertEqual(ask(proxy.admin_port, path="/apix", host=HERE).status, 404)
        status, _, answer = self.api(proxy, "DELETE", "/api/log")
        self.assertEqual((status, answer["Allow"]), (405, "GET, HEAD, PUT"))
        answer = ask(proxy.admin_port, "POST", "/metrics", host=HERE, fields=(JSON,))
        self.assertEqual((answer.status, answer["Allow"]), (405, "GET, HEAD"))


class Access(AdminCase):
    def put(self, proxy, *fields, host=HERE, kind=JSON):
        return self.api(proxy, "PUT", "/api/log", {"level": "info"}, fields=((kind,) if kind else ()) + fields, host=host)[0]

    def test_a_page_of_another_site_changes_nothing(self):
        proxy = self.daemon()
        for fields in ((("Origin", "http://evil.example"),), (("Origin", "null"),), (("Sec-Fetch-Site", "cross-site"),),
                       (("Sec-Fetch-Site", "same-site"),)):
            self.assertEqual(self.put(proxy, *fields), 403, fields)
        for kind in (None, ("Content-Type", "text/plain"), ("Content-Type", "application/x-www-form-urlencoded")):
            self.assertEqual(self.put(proxy, kind=kind), 415, kind)
        self.assertEqual(self.put(proxy, ("Origin", f"http://{HERE}"), ("Sec-Fetch-Site", "same-origin")), 200)
        until(lambda: len(self.audit(proxy)) == 1, "the audit line of the one that was taken")
        proxy.wait_for_metric(7, "weir_admin_writes_total", result="refused")

    def test_a_name_that_was_pointed_here_is_refused(self):
        proxy = self.daemon()
        self.assertEqual(self.put(proxy, host="evil.example:9901"), 403)
        for path in ("/", "/config", "/api", "/events", "/live"):
            self.assertEqual(ask(proxy.admin_port, path=path, host="evil.example").status, 403, path)
        for path in ("/healthz", "/readyz", "/metrics"):
            self.assertEqual(ask(proxy.admin_port, path=path, host="metrics.example").status, 200, path)
        self.assertEqual(self.put(proxy, host="localhost:9901"), 200)

    def test_what_came_through_a_proxy_is_not_from_here(self):
        self.assertEqual(self.put(self.daemon(), ("X-Forwarded-For", "192.0.2.1")), 403)

    def test_a_unix_socket_is_the_machine_itself(self):
        path = os.path.join(self.directory, "admin.sock")
        proxy = self.proxy(f'[server]\nlisten = ["127.0.0.1:0"]\n[admin]\nlisten = ["unix:{path}"]\n')
        with Connection(path=path) as connection:
            self.assertEqual(connection.ask("POST", "/api/reload", fields=(JSON,), host="any").status, 200)
        until(lambda: self.audit(proxy), "the audit line")
        self.assertIn(f'peer="unix:uid={os.getuid()},pid={os.getpid()}"', self.audit(proxy)[0])

    def test_with_a_token_everything_wants_it(self):
        proxy = self.daemon('token = "s3cret"')
        basic = lambda text: ("Authorization", "Basic " + base64.b64encode(text.encode()).decode())
        for path in ("/", "/config", "/metrics", "/api", "/api/log", "/events", "/live", "/live.js"):
            answer = ask(proxy.admin_port, path=path, host="any.example")
            self.assertEqual(answer.status, 401, path)
            self.assertTrue(answer.all("WWW-Authenticate")[0].startswith("Basic "), path)
        self.assertEqual(self.put(proxy), 401)
        self.assertEqual(self.put(proxy, ("Authorization", "Bearer wrong")), 401)
        self.assertEqual(self.put(proxy, basic("alice:wrong")), 401)
        self.assertEqual(self.put(proxy, ("Authorization", "Bearer s3cret"), host="any.example"), 200)
        self.assertEqual(self.put(proxy, basic("alice:s3cret")), 200)
        # A browser that knows the password sends it for any page that asks.
        self.assertEqual(self.put(proxy, basic("alice:s3cret"), ("Origin", "http://evil.example")), 403)
        self.assertEqual(ask(proxy.admin_port, path="/", host="any.example", fields=(basic(":s3cret"),)).status, 200)
        until(lambda: len(self.audit(proxy)) == 2, "the audit lines")
        self.assertIn("user=alice", self.audit(proxy)[1])
        self.assertNotIn("s3cret", proxy.err())
        self.assertNotIn(base64.b64encode(b"alice:s3cret").decode(), proxy.err())

    def test_another_token_ends_what_streams(self):
        proxy = self.daemon('token = "one"')
        with Connection(proxy.admin_port) as client:
            events = Events(client, fields=(("Authorization", "Bearer one"),))
            self.assertEqual(events.answer.status, 200)
            proxy.reload(read(proxy.config_path).replace('token = "one"', 'token = "two"'))
            with self.assertRaises(EOFError):
                while True:
                    events.next()
        self.assertEqual(ask(proxy.admin_port, path="/metrics", fields=(("Authorization", "Bearer one"),)).status, 401)


class EventStream(AdminCase):
    def test_changes_are_heard_by_curl(self):
        proxy = self.daemon()
        out = os.path.join(self.directory, "curl.out")
        with open(out, "w") as file:
            curl = subprocess.Popen(["curl", "-sN", f"http://127.0.0.1:{proxy.admin_port}/events"], stdout=file)
        try:
            until(lambda: "retry:" in read(out), "the stream to begin")
            proxy.reload()
            until(lambda: "event: config_reloaded\n" in read(out), "the event")
        finally:
            curl.kill()
            curl.wait()
        self.assertRegex(read(out), r'id: \d+-\d+\nevent: config_reloaded\ndata: \{"time":"[^"]+Z","event":"config_reloaded"\}\n\n')
        until(lambda: proxy.metric("weir_admin_streams") == 0, "the stream's place to be free")

    def test_a_client_goes_on_where_it_was(self):
        proxy = self.daemon()
        with Connection(proxy.admin_port) as client:
            events = Events(client)
            self.assertEqual((events.answer.status, events.answer["Content-Type"]), (200, "text/event-stream"))
            self.api(proxy, "PUT", "/api/log", {"level": "warn"})
            kind, last_id, data = events.next()
            self.assertEqual((kind, data["level"]), ("log_level", "warn"))
        self.api(proxy, "PUT", "/api/log", {"level": "error"})
        self.api(proxy, "PUT", "/api/log", {"level": "info"})
        with Connection(proxy.admin_port) as client:
            events = Events(client, fields=(("Last-Event-ID", last_id),))
            self.assertEqual([events.next()[2]["level"] for _ in range(2)], ["error", "info"])
        with Connection(proxy.admin_port) as client:
            events = Events(client, fields=(("Last-Event-ID", "1-1"),))
            self.assertEqual(events.next()[0], "missed")
            self.assertEqual(events.next()[2]["state"], "serving")

    def test_a_breaker_that_opens_is_an_event(self):
        proxy = self.daemon()
        with Connection(proxy.admin_port) as client:
            events = Events(client)
            while proxy.metric("weir_requests_total") < 20:
                ask(proxy.port)
            data = events.until("breaker")[2]
        self.assertEqual((data["upstream"], data["server"], data["state"]), ("app", "127.0.0.1:1", "open"))

    def test_the_end_is_announced(self):
        origin = self.origin(lambda connection: connection.read(1 << 20))  # holds what it gets
        proxy = self.simple(origin, server='drain_timeout = "1s"')
        with Connection(proxy.admin_port) as client, Connection(proxy.port) as busy:
            events = Events(client)
            busy.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: origin.connections, "the request to be under way")
            proxy.process.terminate()
            self.assertEqual(events.until("state")[2]["state"], "draining")
        self.assertEqual(proxy.wait(), 0)

    def test_a_client_that_does_not_read_is_dropped_and_counted(self):
        proxy = self.daemon()
        with Connection(proxy.admin_port) as slow, Connection(proxy.admin_port) as writer:
            Events(slow)
            body = json.dumps({"level": "info"}).encode()

            def is_dropped():
                for _ in range(200):
                    self.assertEqual(writer.ask("PUT", "/api/log", fields=(JSON,), body=body, host=HERE).status, 200)
                return proxy.metric("weir_admin_streams_dropped_total") == 1
            until(is_dropped, "the slow client to be dropped", patience=120)
            proxy.wait_for_metric(0, "weir_admin_streams")

    def test_streams_are_bounded_and_the_rest_goes_on(self):
        proxy = self.daemon()
        clients = [Connection(proxy.admin_port) for _ in range(65)]
        try:
            statuses = [Events(client).answer.status for client in clients]
        finally:
            for client in clients:
                client.close()
        self.assertEqual((statuses.count(200), statuses.count(503)), (64, 1))
        self.assertEqual(ask(proxy.admin_port, path="/healthz").status, 200)
        until(lambda: proxy.metric("weir_admin_streams") == 0, "the places to be free")


class Page(AdminCase):
    def test_the_page_has_a_strict_policy_and_its_parts(self):
        proxy = self.daemon()
        page = ask(proxy.admin_port, path="/", host=HERE)
        policy = page["Content-Security-Policy"]
        for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
                     "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
            self.assertIn(rule, policy)
        self.assertNotIn("unsafe", policy)
        html = page.body.decode()
        self.assertIn('<noscript><meta http-equiv="refresh" content="5"></noscript>', html)
        for path in re.findall(r'(?:src|href)="(/[^"]*)"', html):
            answer = ask(proxy.admin_port, path=path, host=HERE)
            self.assertEqual((answer.status, answer["X-Content-Type-Options"]), (200, "nosniff"), path)
        self.assertTrue(ask(proxy.admin_port, path="/live.js", host=HERE)["Content-Type"].startswith("text/javascript"))

    def test_what_changes_is_sent_and_nothing_else(self):
        proxy = self.daemon()
        with Connection(proxy.admin_port) as client:
            live = Events(client, "/live")
            kind, _, first = live.next()
            self.assertEqual(kind, "cards")
            self.assertEqual(set(first["cards"]), set(first["order"]))
            self.assertIn("c-routes", first["order"])
            ask(proxy.port)
            seen = {}
            while "c-routes" not in seen:
                _, _, update = live.next()
                self.assertNotIn("c-listening", update["cards"])
                seen.update(update["cards"])
            self.assertNotEqual(seen["c-routes"], first["cards"]["c-routes"])
            # The same card stands in the page.
            html = ask(proxy.admin_port, path="/", host=HERE).body.decode()
            self.assertIn(first["cards"]["c-listening"], html)

    def test_a_reload_that_adds_a_table_adds_its_card(self):
        proxy = self.daemon()
        with Connection(proxy.admin_port) as client:
            live = Events(client, "/live")
            _, _, first = live.next()
            self.assertNotIn("c-limits", first["order"])
            proxy.reload(read(proxy.config_path) + '[[limit]]\nname = "per-client"\nrate = "10/minute"\n')
            while "c-limits" not in live.next()[2]["order"]:
                pass

    def test_a_page_of_another_site_takes_no_stream(self):
        proxy = self.daemon()
        for path in ("/events", "/live"):
            answer = ask(proxy.admin_port, path=path, host=HERE, fields=(("Sec-Fetch-Site", "cross-site"),))
            self.assertEqual(answer.status, 403)


class Metrics(AdminCase):
    def test_metrics_pass_promtool(self):
        proxy = self.daemon()
        with urllib.request.urlopen(f"http://127.0.0.1:{proxy.admin_port}/metrics") as answer:
            text = answer.read().decode()
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))
        for name in ("weir_admin_streams", "weir_admin_streams_dropped_total", "weir_admin_writes_total"):
            self.assertIn(name, text)


if __name__ == "__main__":
    harness.main()
