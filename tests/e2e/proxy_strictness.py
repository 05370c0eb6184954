"""What weir-proxy refuses: everything that two readers could understand in two ways. Each request is sent raw;
it must be answered with the status named here, the connection must be closed, and the origin must see nothing."""

import harness
from harness import Connection, ask

HOST = "Host: a\r\n"

# name: (bytes, status)
REFUSED = {
    "content-length and chunked": ("POST / HTTP/1.1\r\n" + HOST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked and content-length": ("POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "two content-lengths": ("POST / HTTP/1.1\r\n" + HOST + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    "a list of content-lengths": ("POST / HTTP/1.1\r\n" + HOST + "Content-Length: 5, 5\r\n\r\nhello", 400),
    "transfer-encoding gzip": ("POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: gzip\r\n\r\n", 400),
    "transfer-encoding gzip, chunked": ("POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "transfer-encoding ,chunked": ("POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", 400),
    "transfer-encoding with a vertical tab": ("POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "two transfer-encodings": ("POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "transfer-encoding identity": ("POST / HTTP/1.1\r\n" + HOST + "Transfer-Encoding: identity\r\n\r\n", 400),
    "transfer-encoding in 1.0": ("POST / HTTP/1.0\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "bare LF after the request line": ("GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    "bare LF after a field": ("GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n", 400),
    "bare LF at the end": ("GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    "bare CR in a value": ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
    "bare CR in the request line": ("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "CR X for CRLF": ("GET / HTTP/1.1\rXHost: a\r\n\r\n", 400),
    "a folded field": ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400),
    "a folded first field": ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "space before the colon": ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "tab before the colon": ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 5\r\n\r\nhello", 400),
    "no colon": ("GET / HTTP/1.1\r\nHost: a\r\nNonsense\r\n\r\n", 400),
    "an empty name": ("GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400),
    "a name with a space": ("GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n", 400),
    "a name with a control character": ("GET / HTTP/1.1\r\nHost: a\r\nX\x01: 1\r\n\r\n", 400),
    "a name beyond ASCII": ("GET / HTTP/1.1\r\nHost: a\r\nX\xe9: 1\r\n\r\n", 400),
    "NUL in a value": ("GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400),
    "NUL in the target": ("GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "version 1.2": ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    "version 2.0": ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "no version": ("GET /\r\nHost: a\r\n\r\n", 400),
    "a version in lower case": ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    "two spaces in the request line": ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a space in the target": ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a space at the end": ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    "a fragment": ("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a target without a slash": ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "asterisk with GET": ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no host": ("GET / HTTP/1.1\r\nX: 1\r\n\r\n", 400),
    "two hosts": ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "an empty host": ("GET / HTTP/1.1\r\nHost: \r\n\r\n", 400),
    "a host with a path": ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "a host with a user": ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    "a host with a bad port": ("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400),
    "an absolute form for another host": ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an absolute form with a user": ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an unknown scheme": ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "connection names host": ("GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n", 400),
    "connection names authorization": ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Authorization\r\n\r\n", 400),
    "connection names x-forwarded-for": ("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Forwarded-For\r\n\r\n", 400),
    "connection names content-length": ("POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 1\r\n\r\nx", 400),
    "connect": ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501),
    "an unknown expectation": ("GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", 417),
    "empty lines first": ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an encoded slash": ("GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an encoded backslash": ("GET /a%5Cb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a backslash": ("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an encoded NUL": ("GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an encoded line end": ("GET /a%0d%0ab HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a broken encoding": ("GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a cut encoding": ("GET /a%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "above the root": ("GET /a/../../b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "encoded above the root": ("GET /%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "dots with parameters": ("GET /a/..;x/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
}
for bad in ("+5", "-5", "5 5", "0x5", "5_0", "", "five", "99999999999999999999", "5;", "\xb2"):
    REFUSED[f"content-length {bad!r}"] = (f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {bad}\r\n\r\nhello", 400)
for size in ("", " 5", "5 ", "0x5", "+5", "-5", "g", "5 ;x", "fffffffffffffffff", "5\t", "5;a=\"\x01\"", "5;x\ny", "5\rX"):
    REFUSED[f"chunk size {size!r}"] = ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                       f"{size}\r\nhello\r\n0\r\n\r\n", 400)
CHUNKED = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
REFUSED["a chunk longer than its size"] = (CHUNKED + "3\r\nhello\r\n0\r\n\r\n", 400)
REFUSED["a chunk that ends in LF"] = (CHUNKED + "5\r\nhello\n0\r\n\r\n", 400)
REFUSED["a chunk size that ends in LF"] = (CHUNKED + "5\nhello\r\n0\r\n\r\n", 400)
REFUSED["chunk extensions without end"] = (CHUNKED + "5;" + "x" * 5000 + "\r\nhello\r\n0\r\n\r\n", 400)
REFUSED["a content-length trailer"] = (CHUNKED + "0\r\nContent-Length: 5\r\n\r\n", 400)
REFUSED["a host trailer"] = (CHUNKED + "0\r\nHost: b\r\n\r\n", 400)
REFUSED["a trailer with bare LF"] = (CHUNKED + "0\r\nX: 1\n\r\n", 400)
REFUSED["trailers without end"] = (CHUNKED + "0\r\n" + "X: y\r\n" * 2000 + "\r\n", 400)


class Strictness(harness.Case):
    def check_refused(self, requests, **config):
        origin = self.origin()
        proxy = self.simple(origin, **config)
        for name, (request, status) in requests.items():
            with self.subTest(name), Connection(proxy.port) as client:
                client.send(request)
                answer = client.read_answer()
                self.assertEqual(answer.status, status)
                self.assertEqual(answer["Connection"], "close")
                self.assertTrue(client.is_closed_by_peer())
        self.assertTrue(proxy.is_running(), proxy.err()[-3000:])
        self.assertEqual(origin.requests, [])

    def test_what_is_ambiguous_is_refused_and_never_forwarded(self):
        self.check_refused(REFUSED)

    def test_limits_have_their_own_answers(self):
        get = "GET / HTTP/1.1\r\nHost: a\r\n"
        self.check_refused({
            "request line": ("GET /" + "x" * 2000 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
            "request line without end": ("GET /" + "x" * 5000, 414),
            "header bytes": (get + "X: " + "y" * 5000 + "\r\n\r\n", 431),
            "header bytes without end": (get + "X: " + "y" * 9000, 431),
            "header count": (get + "".join(f"X{n}: 1\r\n" for n in range(60)) + "\r\n", 431),
        }, client='max_request_line = "1KiB"\nmax_header_bytes = "4KiB"\nmax_headers = 50')

    def test_a_body_over_its_limit_is_413(self):
        origin = self.origin()
        proxy = self.simple(origin, client='max_body = "1KiB"')
        self.assertEqual(ask(proxy.port, "POST", body=b"x" * 1024).status, 200)
        self.assertEqual(ask(proxy.port, "POST", body=b"x" * 1025).status, 413)
        with Connection(proxy.port) as client:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + "x" * 1024 + "\r\n")
            client.send("400\r\n" + "x" * 1024 + "\r\n0\r\n\r\n")
            self.assertEqual(client.read_answer().status, 413)

    def test_a_head_that_drips_in_is_408(self):
        proxy = self.simple(self.origin(), client='header_timeout = "300ms"')
        with Connection(proxy.port) as client:
            client.send("GET / HTTP/1.1\r\nHo")
            answer = client.read_answer()
            self.assertEqual((answer.status, answer["Connection"]), (408, "close"))
            self.assertTrue(client.is_closed_by_peer())

    def test_a_body_that_drips_in_is_408(self):
        proxy = self.simple(self.origin(), client='body_timeout = "300ms"')
        with Connection(proxy.port) as client:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhal")
            self.assertEqual(client.read_answer().status, 408)

    def test_a_silent_connection_is_just_closed(self):
        proxy = self.simple(self.origin(), client='idle_timeout = "200ms"')
        with Connection(proxy.port) as client:
            self.assertTrue(client.is_closed_by_peer())

    def test_a_request_that_comes_byte_by_byte_is_served(self):
        proxy = self.simple(self.origin())
        with Connection(proxy.port) as client:
            for byte in b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n0\r\nT: 1\r\n\r\n":
                client.send(bytes([byte]))
            self.assertEqual(client.read_answer().status, 200)

    def test_nothing_of_a_bad_answer_reaches_the_client(self):
        bad = {
            "both framings": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
            "bare LF": "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
            "not HTTP": "220 smtp ready\r\n\r\n",
            "HTTP/2": "HTTP/2.0 200 OK\r\n\r\n",
            "a folded field": "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
            "NUL": "HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 0\r\n\r\n",
            "an endless head": "HTTP/1.1 200 OK\r\nX: " + "y" * 100_000,
        }
        answers = {}

        def serve(connection):
            _, target, _, _ = origin.read_request(connection)
            connection.send(answers[target])
            connection.is_closed_by_peer()
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream="breaker_failures = 0\nbreaker_ratio = 0.0\nretries = 0")
        for number, (name, text) in enumerate(bad.items()):
            answers[f"/{number}"] = text
            with self.subTest(name):
                answer = ask(proxy.port, path=f"/{number}")
                self.assertEqual(answer.status, 502)
                self.assertTrue(answer.body.startswith(b"502 Bad Gateway: "))

    def test_bad_chunking_in_an_answer_cuts_it_off(self):
        def serve(connection):
            origin.read_request(connection)
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
        origin = self.origin(serve)
        proxy = self.simple(origin)
        with Connection(proxy.port) as client, self.assertRaises((EOFError, ConnectionResetError)):
            client.ask()


if __name__ == "__main__":
    harness.main()
