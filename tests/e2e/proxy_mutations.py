"""Requests and answers with random damage. Of a request, what an origin sees through weir-proxy is what Node's
strict parser sees of the same bytes when it is asked directly, or less of it, never more and never other. Of
an answer, what is left of it never becomes part of the next one. WEIR_TEST_SEED repeats a run."""

import json
import os
import random
import re
import shutil
import socket
import time

import harness
from harness import Connection, until

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = int(os.environ.get("WEIR_TEST_SEED", "0")) or harness.commit_number()
ROUNDS = int(os.environ.get("WEIR_TEST_ROUNDS", "1200"))

REQUESTS = [
    b"GET /a/b?c=d HTTP/1.1\r\nHost: a\r\nX-Test: one, two\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nX-Test: \"q\"\r\n\r\nhello world",
    b"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n6\r\n world\r\n0\r\nX-End: 1\r\n\r\n",
    b"PUT /%7eu/../x/ HTTP/1.1\r\nHost: a:80\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nContent-Length: 3\r\n\r\nabc",
    b"GET http://a/abs HTTP/1.1\r\nHost: a\r\nCookie: a=b; c=d\r\n\r\n",
    b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 39\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n",
    b"GET /old HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nExpect: 100-continue\r\n\r\n",
]
ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Test: v\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-End: 1\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
    b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\nSet-Cookie: a=b\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 7\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 39\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
]
PIECES = [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b",", b";", b"\x00", b"\x0b", b"\x7f", b"\xff", b"0", b"1", b"9",
          b"-", b"+", b"0x", b"%", b"%2e", b"%2F", b"/", b"..", b"//", b"?", b"#", b"\"", b"\\", b"_", b"HTTP/1.1", b"HTTP/1.0",
          b"Host: b\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
          b"Transfer-Encoding: identity\r\n", b"Connection: close\r\n", b"Connection: Content-Length\r\n", b" folded\r\n",
          b"Transfer-Encoding : chunked\r\n", b"Content_Length: 5\r\n", b"Upgrade: x\r\n", b"Expect: 100-continue\r\n",
          b"0\r\n\r\n", b"5\r\nhello\r\n", b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"]
# Not part of the value (RFC 9110 5.5), but Node refuses a tab there.
BLANKS_BEHIND_A_LENGTH = re.compile(rb"^(content-length:[ \t]*\d+)[ \t]+(?=\r\n)", re.IGNORECASE | re.MULTILINE)
# Of one connection, or written by the proxy itself.
NOT_COMPARED = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
                "content-length", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-request-id",
                "traceparent", "host", "proxy-authorization", "proxy-authenticate"}
DISGUISED = {name.replace("-", "_") for name in NOT_COMPARED if "-" in name}


def damage(source, sample):
    """One to three changes: a piece put in, bytes cut out or replaced, a line doubled, moved or in other case."""
    data = source.choice(sample)
    for _ in range(source.randrange(1, 4)):
        at = source.randrange(len(data) + 1)
        lines = data.split(b"\r\n")
        line = source.randrange(len(lines))
        kind = source.randrange(7)
        if kind <= 1:
            starts = [match.end() for match in re.finditer(b"\r\n", data)] or [0]
            at = source.choice(starts) if kind else at
            data = data[:at] + source.choice(PIECES) + data[at:]
        elif kind == 2:
            data = data[:at] + data[at + source.randrange(1, 4):]
        elif kind == 3:
            data = data[:at] + bytes([source.randrange(256)]) + data[at + 1:]
        elif kind == 4:
            data = b"\r\n".join(lines[:line] + [lines[line]] + lines[line:])
        elif kind == 5:
            moved = lines.pop(line)
            lines.insert(source.randrange(len(lines) + 1), moved)
            data = b"\r\n".join(lines)
        else:
            lines[line] = lines[line].swapcase()
            data = b"\r\n".join(lines)
        data = data or b"\r\n"
    return data


def normal(target):
    """The path as the proxy normalises it; the absolute form without its host."""
    target = re.sub(r"^https?://[^/?]*", "", target, flags=re.IGNORECASE) or "/"
    path, mark, query = target.partition("?")
    path = re.sub("%[0-9a-fA-F]{2}", lambda code: decoded(code.group()), path or "/")
    kept = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        if segment == ".." and kept:
            kept.pop()
        if segment not in (".", "..", "") or (last and segment == ""):
            kept.append(segment)
        elif last:
            kept.append("")
    return ("*" if target == "*" else "/" + "/".join(kept)) + mark + query


def decoded(code):
    char = chr(int(code[1:], 16))
    return char if re.fullmatch(r"[A-Za-z0-9._~-]", char) else code.upper()


def comparable(seen):
    named = {option.strip().lower() for name, value in seen["fields"] if name == "connection" for option in value.split(",")}
    fields = [(name, value) for name, value in seen["fields"] if name not in NOT_COMPARED | DISGUISED | named]
    return seen["method"], normal(seen["target"]), fields, seen["body"]


def agree(one, other):
    """The same request, with the same body where that is known of both."""
    return one[:3] == other[:3] and (None in (one[3], other[3]) or one[3] == other[3])


def talk(client, data):
    """Sends all, ends sending, and returns all that comes back."""
    try:
        client.send(data)
        client.socket.shutdown(socket.SHUT_WR)
        while client._more():
            pass
    except TimeoutError:
        raise AssertionError(f"no end to what is answered to {data!r}") from None
    except OSError:
        pass  # closed before all was sent
    return client.buffer


class Mutations(harness.Case):
    @classmethod
    def setUpClass(cls):
        print(f"WEIR_TEST_SEED={SEED}", flush=True)
        if not shutil.which("node"):
            raise AssertionError("node is not installed: run scripts/deps test")

    def node(self, name):
        log = os.path.join(self.directory, name)
        open(log, "w").close()
        process = self.run_process(["node", os.path.join(HERE, "origins/record.js"), log])
        port = int(until(lambda: re.search(r"port (\d+)", process.out()), "node").group(1))
        told = []

        def news(least=0, peer=None):
            """What was seen since the last time, of one peer where that is named; waits a while for `least`."""
            deadline = time.monotonic() + 2
            while True:
                with open(log) as file:
                    new = [json.loads(line) for line in file.readlines()[len(told):]]
                mine = [one for one in new if peer in (None, one["peer"])]
                if len(mine) >= least or time.monotonic() > deadline:
                    told.extend(new)
                    return mine
                time.sleep(0.005)
        return port, news

    def test_damaged_requests_are_never_seen_otherwise(self):
        source = random.Random(SEED)
        direct_port, direct = self.node("direct")
        proxied_port, proxied = self.node("proxied")

        class Behind:
            address = f"127.0.0.1:{proxied_port}"
        proxy = self.simple(Behind(), upstream="retries = 0\nbreaker_failures = 0\nbreaker_ratio = 0.0",
                            client="abort_when_client_leaves = false")
        passed = 0
        for number in range(ROUNDS):
            data = damage(source, REQUESTS)
            with Connection(proxy.port) as client:
                back = talk(client, data)
            with Connection(direct_port) as client:
                peer = client.socket.getsockname()[1]
                talk(client, BLANKS_BEHIND_A_LENGTH.sub(rb"\1", data))
            through = proxied()
            refused = [one for one in through if "refused" in one]
            self.assertLessEqual({one["refused"] for one in refused}, {"HPE_INVALID_METHOD"}, f"round {number}: {data!r}")
            if refused:  # Node knows not all methods, and reads on only where we are in between
                through = through[:through.index(refused[0])]
            through = [comparable(one) for one in through]
            seen = [comparable(one) for one in direct(len(through), peer) if "refused" not in one]
            self.assertTrue(len(through) <= len(seen) and all(map(agree, through, seen)),
                            f"round {number}: {data!r}\nanswered {back[:300]!r}\nthrough the proxy {through}\ndirectly {seen}")
            passed += len(through)
        self.assertTrue(proxy.is_running())
        self.assertGreater(passed, ROUNDS // 10, "hardly anything came through: the comparison shows nothing")

    def test_a_damaged_answer_is_never_part_of_the_next(self):
        source = random.Random(SEED)
        damaged = {}

        def serve(connection):
            while True:
                _, target, _, _ = origin.read_request(connection)
                connection.send(damaged.get(target) or b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(target), target.encode()))
                if target in damaged:
                    connection.socket.shutdown(socket.SHUT_WR)
        origin = self.origin(serve)
        proxy = self.simple(origin, upstream="retries = 0\nbreaker_failures = 0\nbreaker_ratio = 0.0\nkeepalive = 1")
        passed = 0
        for number in range(ROUNDS):
            damaged[f"/{number}"] = damage(source, ANSWERS)
            with self.subTest(number, answer=damaged[f"/{number}"]), Connection(proxy.port) as client:
                try:
                    answer = client.ask(path=f"/{number}")
                    while answer.status < 200:
                        answer = client.read_answer()
                    passed += answer.status != 502
                    self.assertEqual(client.buffer, b"")
                    if answer["Connection"] == "close":
                        continue
                    self.assertEqual(client.ask(path=f"/next-{number}").body.decode(), f"/next-{number}")
                except (EOFError, ConnectionResetError):
                    pass  # cut off: the client knows that it has not got all
        self.assertTrue(proxy.is_running())
        self.assertGreater(passed, ROUNDS // 10, "hardly anything came through: the test shows nothing")


if __name__ == "__main__":
    harness.main()
