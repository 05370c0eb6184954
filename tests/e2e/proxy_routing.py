"""Where weir-proxy sends a request, and what it does to it on the way."""

import json

import harness
from harness import Connection, ask

CONFIG = """
[server]
listen = ["127.0.0.1:0"]
[upstream.one]
servers = ["{one}"]
[upstream.two]
servers = ["{two}"]
[[route]]
name = "exact"
hosts = ["api.example.com"]
path = "/v1"
upstream = "two"
strip_prefix = true
[[route]]
name = "wild"
hosts = ["*.example.com"]
upstream = "two"
[[route]]
name = "reads"
path = "/docs"
methods = ["GET", "HEAD"]
upstream = "one"
rewrite = "/v2/docs"
[[route]]
name = "longest"
path = "/docs/deep"
upstream = "two"
host_header = "inner.test"
set_request_headers = {{ "X-Set" = "ours" }}
add_request_headers = {{ "X-Add" = "more" }}
remove_request_headers = ["X-Secret"]
set_response_headers = {{ "Content-Type" = "text/x-ours" }}
add_response_headers = {{ "X-Served-By" = "weir" }}
remove_response_headers = ["X-Origin"]
"""


class Routing(harness.Case):
    def setUp(self):
        super().setUp()

        def serve_with(name):
            def serve(connection):
                origin = self.one if name == "one" else self.two
                while True:
                    method, target, fields, _ = origin.read_request(connection)
                    seen = json.dumps({"origin": name, "target": target, "fields": fields}).encode()
                    connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Origin: yes\r\n"
                                    b"Content-Length: " + str(len(seen)).encode() + b"\r\n\r\n" + seen)
            return serve
        self.one = self.origin(serve_with("one"))
        self.two = self.origin(serve_with("two"))
        self.front = self.proxy(CONFIG.format(one=self.one.address, two=self.two.address))

    def seen(self, path, host="other.test", **more):
        answer = ask(self.front.port, path=path, host=host, **more)
        self.assertEqual(answer.status, 200, answer.body)
        seen = json.loads(answer.body)
        return seen["origin"], seen["target"]

    def test_an_exact_host_comes_before_a_wildcard_before_any(self):
        self.assertEqual(self.seen("/v1/x", "api.example.com"), ("two", "/x"))
        self.assertEqual(self.seen("/v1/x", "API.Example.COM:8080"), ("two", "/x"))
        self.assertEqual(self.seen("/v1/x", "www.example.com"), ("two", "/v1/x"))
        self.assertEqual(self.seen("/other", "api.example.com"), ("two", "/other"))
        self.assertEqual(ask(self.front.port, path="/v1", host="example.com").status, 404)

    def test_prefixes_end_at_slashes_and_the_longest_wins(self):
        self.assertEqual(self.seen("/docs"), ("one", "/v2/docs"))
        self.assertEqual(self.seen("/docs/a?q=1&r"), ("one", "/v2/docs/a?q=1&r"))
        self.assertEqual(self.seen("/docs/deep/x"), ("two", "/docs/deep/x"))
        self.assertEqual(self.seen("/docs/deeper"), ("one", "/v2/docs/deeper"))
        self.assertEqual(ask(self.front.port, path="/docsx").status, 404)

    def test_a_stripped_prefix_leaves_a_slash(self):
        self.assertEqual(self.seen("/v1", "api.example.com"), ("two", "/"))

    def test_a_method_that_no_route_takes_is_405_with_allow(self):
        answer = ask(self.front.port, "POST", "/docs/a")
        self.assertEqual((answer.status, answer["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(ask(self.front.port, "POST", "/docs/deep").status, 200)

    def test_one_normalised_path_is_routed_and_forwarded(self):
        self.assertEqual(self.seen("/x/../docs/./a"), ("one", "/v2/docs/a"))
        self.assertEqual(self.seen("/%64ocs//a"), ("one", "/v2/docs/a"))
        self.assertEqual(self.seen("/docs/%c3%a9%7e"), ("one", "/v2/docs/%C3%A9~"))
        self.assertEqual(self.seen("/docs/deep/../a"), ("one", "/v2/docs/a"))

    def test_an_absolute_target_is_routed_by_its_parts(self):
        with Connection(self.front.port) as client:
            client.send("GET http://www.example.com/a?b HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
            self.assertEqual(json.loads(client.read_answer().body)["target"], "/a?b")

    def test_fields_are_set_added_and_removed(self):
        answer = ask(self.front.port, path="/docs/deep", fields=[("X-Set", "theirs"), ("X-Add", "one"), ("X-Secret", "s")])
        fields = json.loads(answer.body)["fields"]
        have = sorted((name, value) for name, value in fields if name in ("X-Set", "X-Add", "X-Secret", "Host"))
        self.assertEqual(have, [("Host", "inner.test"), ("X-Add", "more"), ("X-Add", "one"), ("X-Set", "ours")])
        self.assertEqual(answer.all("Content-Type"), ["text/x-ours"])
        self.assertEqual((answer["X-Served-By"], answer["X-Origin"]), ("weir", None))

    def test_fields_that_the_proxy_writes_itself_are_set_and_removed_too(self):
        origin = self.origin()
        proxy = self.simple(origin, route='set_request_headers = { "X-Forwarded-Proto" = "https", "X-Request-Id" = "ours" }\n'
                            'remove_request_headers = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "traceparent"]\n'
                            'set_response_headers = { "Date" = "today" }\nremove_response_headers = ["X-Request-Id"]')
        answer = ask(proxy.port)
        self.assertEqual(sorted(map(tuple, json.loads(answer.body)["fields"])),
                         [("Host", "test"), ("X-Forwarded-Proto", "https"), ("X-Request-Id", "ours")])
        self.assertEqual((answer.all("Date"), answer.all("X-Request-Id")), (["today"], []))

    def test_trailers_do_not_get_past_the_edits_of_fields(self):
        with Connection(self.front.port) as client:
            client.send("POST /docs/deep HTTP/1.1\r\nHost: a\r\nConnection: X-Gone\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "1\r\nx\r\n0\r\nX-Secret: s\r\nX-Set: theirs\r\nX-Gone: 1\r\nX-Sum: 1\r\n\r\n")
            fields = json.loads(client.read_answer().body)["fields"]
        trailers = [(name, value) for name, value in map(tuple, fields) if name.startswith("trailer:")]
        self.assertEqual(trailers, [("trailer:X-Sum", "1")])


if __name__ == "__main__":
    harness.main()
