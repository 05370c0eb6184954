"""RFC 9113 and RFC 7541 from a client's side, section by section, in clear and over TLS: what must be answered, and
with which words a client is told what it did wrong. Frames come one by one, as from a client that does not wait."""

import struct

import balancing
import harness
from certificates import self_signed
from raw_http2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, PADDED,
                       PING, PREFACE, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY, Http2,
                       block, credit, frame, get, literal, settings)

PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, COMPRESSION_ERROR = 1, 3, 5, 6, 7, 9
CANCEL = 8
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 1, 2, 3, 5, 6
MOST = 2**31 - 1
WHOLE = END_HEADERS | END_STREAM
EIGHT = b"weir\0\0\0\1"
LARGE = literal("x-large", "x" * 4000)


def number(value):
    return struct.pack(">I", value)


def head(fields=b"", flags=WHOLE, stream=1, method="GET"):
    """HEADERS with a request and what else stands in its block."""
    return frame(HEADERS, flags, stream, block(method=method) + fields)


def post(fields=b"", stream=1):
    return head(fields, END_HEADERS, stream, "POST")


def data(content=b"test", flags=END_STREAM, stream=1):
    return frame(DATA, flags, stream, content)


def reset(code=CANCEL, stream=1):
    return frame(RST_STREAM, 0, stream, number(code))


def priority(stream, on=0, weight=255):
    return frame(PRIORITY, 0, stream, number(on) + bytes([weight]))


def request(*fields, flags=WHOLE):
    """HEADERS with these fields and no others."""
    return frame(HEADERS, flags, 1, b"".join(literal(*field) for field in fields))


def without(name, *instead, flags=WHOLE):
    fields = [(":method", "GET"), (":scheme", "http"), (":authority", "test"), (":path", "/")]
    return request(*(field for field in fields if field[0] != name), *instead, flags=flags)


BEGUN = frame(HEADERS, END_STREAM, 1, block())  # and CONTINUATION must follow
REST = frame(CONTINUATION, END_HEADERS, 1, literal("x-test", "ok"))
HUFFMAN_NAME = b"\x85\xf2\xb2\x4a\x84\xff"  # x-test

# What cuts the whole connection off: the rule, the error, and the frames behind the greeting.
CONNECTION_ERRORS = [
    ("4.1: a frame beyond SETTINGS_MAX_FRAME_SIZE", FRAME_SIZE_ERROR, [frame(0x16, payload=bytes(16385))]),
    ("4.2: DATA beyond it", FRAME_SIZE_ERROR, [post(), data(bytes(16385))]),
    ("4.2: HEADERS beyond it", FRAME_SIZE_ERROR, [head(LARGE * 5)]),
    ("4.3: a block that cannot be decoded", COMPRESSION_ERROR, [frame(HEADERS, WHOLE, 1, b"\x40")]),
    ("4.3: PRIORITY within a block", PROTOCOL_ERROR, [BEGUN, priority(1), REST]),
    ("4.3: HEADERS of another stream within a block", PROTOCOL_ERROR, [BEGUN, get(3), REST]),
    ("4.3: DATA within a block", PROTOCOL_ERROR, [head(flags=0), data(), REST]),
    ("5.1: DATA on an idle stream", PROTOCOL_ERROR, [data()]),
    ("5.1: RST_STREAM on an idle stream", PROTOCOL_ERROR, [reset()]),
    ("5.1: WINDOW_UPDATE on an idle stream", PROTOCOL_ERROR, [credit(1, 100)]),
    ("5.1: CONTINUATION on an idle stream", PROTOCOL_ERROR, [frame(CONTINUATION, END_HEADERS, 1, block())]),
    ("5.1: DATA behind END_STREAM", STREAM_CLOSED, [get(1), data()]),
    ("5.1: HEADERS behind END_STREAM", STREAM_CLOSED, [get(1), get(1)]),
    ("5.1: CONTINUATION behind END_STREAM", PROTOCOL_ERROR, [get(1), REST]),
    ("5.1: DATA behind RST_STREAM", STREAM_CLOSED, [head(flags=END_HEADERS), reset(), data()]),
    ("5.1: HEADERS behind RST_STREAM", STREAM_CLOSED, [head(flags=END_HEADERS), reset(), get(1)]),
    ("5.1: CONTINUATION behind RST_STREAM", PROTOCOL_ERROR, [head(flags=END_HEADERS), reset(), REST]),
    ("5.1.1: an even stream", PROTOCOL_ERROR, [get(2)]),
    ("5.1.1: a stream below the last one", PROTOCOL_ERROR, [get(5), get(3)]),
    ("5.3.1: HEADERS that depend on themselves", PROTOCOL_ERROR,
     [frame(HEADERS, WHOLE | WITH_PRIORITY, 1, number(1) + b"\xff" + block())]),
    ("5.3.1: PRIORITY that depends on itself", PROTOCOL_ERROR, [priority(2, on=2)]),
    ("5.4.1: PING on a stream", PROTOCOL_ERROR, [frame(PING, 0, 3, EIGHT)]),
    ("5.5: an unknown frame within a block", PROTOCOL_ERROR, [BEGUN, frame(0x16, payload=bytes(8))]),
    ("6.1: DATA on stream 0", PROTOCOL_ERROR, [post(), data(stream=0)]),
    ("6.1: DATA with more padding than payload", PROTOCOL_ERROR,
     [post(), data(b"\x06\x54\x65\x73\x74", END_STREAM | PADDED)]),
    ("6.2: HEADERS without END_HEADERS, then another frame", PROTOCOL_ERROR, [BEGUN, priority(1)]),
    ("6.2: HEADERS without END_HEADERS, then another stream's", PROTOCOL_ERROR, [BEGUN, get(3)]),
    ("6.2: HEADERS on stream 0", PROTOCOL_ERROR, [get(0)]),
    ("6.2: HEADERS with more padding than payload", PROTOCOL_ERROR,
     [frame(HEADERS, WHOLE | PADDED, 1, bytes([len(block()) + 1]) + block())]),
    ("6.3: PRIORITY on stream 0", PROTOCOL_ERROR, [priority(0)]),
    ("6.3: PRIORITY of the wrong size", FRAME_SIZE_ERROR, [frame(PRIORITY, 0, 1, bytes(4))]),
    ("6.4: RST_STREAM on stream 0", PROTOCOL_ERROR, [reset(stream=0)]),
    ("6.4: RST_STREAM of the wrong size", FRAME_SIZE_ERROR,
     [head(flags=END_HEADERS), frame(RST_STREAM, 0, 1, bytes(3))]),
    ("6.5: an acknowledgement with a payload", FRAME_SIZE_ERROR, [frame(SETTINGS, ACK, 0, b"\0")]),
    ("6.5: SETTINGS on a stream", PROTOCOL_ERROR, [frame(SETTINGS, 0, 1, b"\0\3" + number(100))]),
    ("6.5: SETTINGS of the wrong size", FRAME_SIZE_ERROR, [frame(SETTINGS, 0, 0, b"\0\3" + number(100) + b"\0\2")]),
    ("6.5.2: SETTINGS_ENABLE_PUSH of 2", PROTOCOL_ERROR, [settings((ENABLE_PUSH, 2))]),
    ("6.5.2: SETTINGS_INITIAL_WINDOW_SIZE of 2^31", FLOW_CONTROL_ERROR, [settings((INITIAL_WINDOW_SIZE, 2**31))]),
    ("6.5.2: SETTINGS_MAX_FRAME_SIZE below 2^14", PROTOCOL_ERROR, [settings((MAX_FRAME_SIZE, 2**14 - 1))]),
    ("6.5.2: SETTINGS_MAX_FRAME_SIZE of 2^24", PROTOCOL_ERROR, [settings((MAX_FRAME_SIZE, 2**24))]),
    ("6.7: PING of the wrong size", FRAME_SIZE_ERROR, [frame(PING, payload=bytes(6))]),
    ("6.8: GOAWAY on a stream", PROTOCOL_ERROR, [frame(GOAWAY, 0, 1, bytes(8))]),
    ("6.9: WINDOW_UPDATE of 0", PROTOCOL_ERROR, [credit(0, 0)]),
    ("6.9: WINDOW_UPDATE of 0 on a stream, which may be one of the connection", PROTOCOL_ERROR, [post(), credit(1, 0)]),
    ("6.9: WINDOW_UPDATE of the wrong size", FRAME_SIZE_ERROR, [frame(WINDOW_UPDATE, payload=bytes(3))]),
    ("6.9.1: the connection's window beyond 2^31-1", FLOW_CONTROL_ERROR, [credit(0, MOST), credit(0, MOST)]),
    ("6.10: CONTINUATION, then another frame", PROTOCOL_ERROR,
     [BEGUN, frame(CONTINUATION, 0, 1, LARGE), data(), REST]),
    ("6.10: CONTINUATION on stream 0", PROTOCOL_ERROR, [BEGUN, frame(CONTINUATION, END_HEADERS, 0, LARGE)]),
    ("6.10: CONTINUATION behind the block's end", PROTOCOL_ERROR, [head(flags=END_HEADERS), REST]),
    ("6.10: CONTINUATION behind CONTINUATION with its end", PROTOCOL_ERROR, [BEGUN, REST, REST]),
    ("6.10: CONTINUATION behind DATA", PROTOCOL_ERROR, [post(), data(flags=0), REST]),
    ("8.4: PUSH_PROMISE", PROTOCOL_ERROR, [get(1), frame(PUSH_PROMISE, END_HEADERS, 1, number(3) + block())]),
    ("RFC 7541 2.3.3: an indexed field beyond the tables", COMPRESSION_ERROR, [head(b"\xc6")]),
    ("RFC 7541 2.3.3: a literal's name beyond the tables", COMPRESSION_ERROR, [head(b"\x7f\x07\x01a")]),
    ("RFC 7541 4.2: a table size update behind a field", COMPRESSION_ERROR, [head(b"\x20\x3f\xe1\x1f")]),
    ("RFC 7541 5.2: Huffman padding of more than 7 bits", COMPRESSION_ERROR,
     [head(b"\x00" + HUFFMAN_NAME + b"\x84\x49\x50\x9f\xff")]),
    ("RFC 7541 5.2: Huffman padding of zeroes", COMPRESSION_ERROR, [head(b"\x00" + HUFFMAN_NAME + b"\x83\x49\x50\x90")]),
    ("RFC 7541 5.2: Huffman with EOS", COMPRESSION_ERROR,
     [head(b"\x00" + HUFFMAN_NAME + b"\x87\x49\x51\xff\xff\xff\xfa\x7f")]),
    ("RFC 7541 6.1: index 0", COMPRESSION_ERROR, [head(b"\x80")]),
    ("RFC 7541 6.3: a table size update beyond SETTINGS_HEADER_TABLE_SIZE", COMPRESSION_ERROR,
     [frame(HEADERS, WHOLE, 1, b"\x3f\xff\xff\x03" + block())]),
]

# What resets the stream and no more.
STREAM_ERRORS = [
    ("6.9.1: a stream's window beyond 2^31-1", FLOW_CONTROL_ERROR, [post(), credit(1, MOST), credit(1, MOST)]),
    ("8.1: trailers without END_STREAM", PROTOCOL_ERROR,
     [post(), data(flags=0), frame(HEADERS, END_HEADERS, 1, literal("x-test", "ok"))]),
    ("8.1.1: content-length below one DATA", PROTOCOL_ERROR, [post(literal("content-length", "1")), data()]),
    ("8.1.1: content-length below several", PROTOCOL_ERROR,
     [post(literal("content-length", "1")), data(flags=0), data()]),
    ("8.1.1: content-length above it", PROTOCOL_ERROR, [post(literal("content-length", "9")), data()]),
    ("8.2: upper case in a name", PROTOCOL_ERROR, [head(literal("X-TEST", "ok"))]),
    ("8.2.2: a field that speaks of the connection", PROTOCOL_ERROR, [head(literal("connection", "keep-alive"))]),
    ("8.2.2: te other than trailers", PROTOCOL_ERROR, [head(literal("te", "trailers, deflate"))]),
    ("8.3: an unknown pseudo-header field", PROTOCOL_ERROR, [head(literal(":test", "ok"))]),
    ("8.3: one of an answer", PROTOCOL_ERROR, [head(literal(":status", "200"))]),
    ("8.3: one in trailers", PROTOCOL_ERROR, [post(), data(flags=0), frame(HEADERS, WHOLE, 1, literal(":method", "200"))]),
    ("8.3: one behind another field", PROTOCOL_ERROR, [without(":path", ("x-test", "ok"), (":path", "/"))]),
    ("8.3.1: an empty :path", PROTOCOL_ERROR, [without(":path", (":path", ""))]),
    *((f"8.3.1: no {name}", PROTOCOL_ERROR, [without(name)]) for name in (":method", ":scheme", ":path")),
    *((f"8.3.1: {name} twice", PROTOCOL_ERROR, [head(literal(name, value))])
      for name, value in ((":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test"))),
]

# What is served: stream 1 is answered.
ALLOWED = [
    ("4.1: an unknown frame", [frame(0x16, payload=bytes(8)), get(1)]),
    ("4.1: flags without meaning", [frame(PING, 0x16, 0, EIGHT), get(1)]),
    ("4.1: the reserved bit", [frame(PING, 0x16, 2**31, EIGHT), get(1)]),
    ("4.2: DATA of 2^14 bytes", [post(), data(bytes(16384))]),
    ("5.1: WINDOW_UPDATE behind END_STREAM", [get(1), credit(1, 1)]),
    ("5.1: PRIORITY behind END_STREAM", [get(1), priority(1)]),
    ("5.1: PRIORITY on an idle stream above", [priority(3), get(1)]),
    ("6.1: two frames of DATA", [post(), data(flags=0), data()]),
    ("6.1: padded DATA", [post(), data(b"\x06testpadded", END_STREAM | PADDED)]),
    ("6.2: padded HEADERS", [frame(HEADERS, WHOLE | PADDED, 1, b"\x08" + block() + bytes(8))]),
    ("6.2: HEADERS with a priority", [frame(HEADERS, WHOLE | WITH_PRIORITY, 1, bytes(4) + b"\xff" + block())]),
    ("6.3: a PRIORITY of either end", [priority(1, weight=0), priority(1, weight=255), get(1)]),
    ("6.3: PRIORITY with a dependency", [priority(3, on=1), get(1)]),
    ("6.3: an exclusive PRIORITY", [priority(1, on=2**31), get(1)]),
    ("6.5: all settings", [settings((HEADER_TABLE_SIZE, 4096), (ENABLE_PUSH, 1), (MAX_CONCURRENT_STREAMS, 100),
                                    (INITIAL_WINDOW_SIZE, 65535), (MAX_FRAME_SIZE, 16384), (MAX_HEADER_LIST_SIZE, 100)),
                           get(1)]),
    ("6.5.2: an unknown setting", [settings((0xff, 1)), get(1)]),
    ("6.9: WINDOW_UPDATE of the connection", [credit(0, 1), get(1)]),
    ("6.10: CONTINUATION once",
     [frame(HEADERS, END_STREAM, 1, block()[:5]), frame(CONTINUATION, END_HEADERS, 1, block()[5:])]),
    ("6.10: CONTINUATION twice", [frame(HEADERS, END_STREAM, 1, block()[:5]), frame(CONTINUATION, 0, 1, block()[5:10]),
                                  frame(CONTINUATION, END_HEADERS, 1, block()[10:])]),
    ("8.1: HEAD", [head(method="HEAD")]),
    ("8.1: POST with trailers", [post(literal("trailer", "x-test")), data(flags=0),
                                 frame(HEADERS, WHOLE, 1, literal("x-test", "ok"))]),
    ("RFC 7541 6.1: an indexed field", [head(b"\x40\x06x-test\x02ok\xbe")]),
    *((f"RFC 7541 6.2: a literal of kind {kind:#x}", [head(bytes([kind]) + name + value)])
      for kind in (0x40, 0x00, 0x10) for name, value in ((b"\x06x-test", b"\x04test"), (HUFFMAN_NAME, b"\x83\x49\x50\x9f"))),
    *((f"RFC 7541 6.2: an indexed name, of kind {kind[0]:#x}", [head(kind + b"\x04test")])
      for kind in (b"\x7a", b"\x0f\x2b", b"\x1f\x2b")),
    ("RFC 7541 6.3: a table size update", [frame(HEADERS, WHOLE, 1, b"\x20" + block())]),
    ("RFC 7541 4.2: two table size updates", [frame(HEADERS, WHOLE, 1, b"\x20\x3f\xe1\x1f" + block())]),
]


class Conformance(balancing.Case):
    def setUp(self):
        super().setUp()
        certificate = self_signed(self.directory, "localhost")
        tls = f'tls.certificates = [{{ certificate = "{certificate.chain}", key = "{certificate.key}" }}]'
        secure = f'[[listener]]\nname = "secure"\nlisten = ["127.0.0.1:0"]\nmode = "http"\nupstream = "app"\n{tls}\n'
        self.server = self.balance(self.plain_servers(["weir"]), extra=secure)

    def connect(self, listener, **more):
        client = Http2(self.server.ports[listener], tls=listener == "secure", **more)
        self.addCleanup(client.close)
        return client

    def greeted(self, listener, **more):
        """A client that has seen all of the greeting."""
        client = self.connect(listener, **more)
        kind, flags, _, pairs = client.step()
        self.assertEqual((kind, flags & ACK), (SETTINGS, 0), "SETTINGS come first")
        client.told = dict(struct.iter_unpack(">HI", pairs))
        while client.step()[:2] != (SETTINGS, ACK):
            pass
        return client

    def each(self, cases, judge):
        """Every case on either listener: `judge` gets a client that has sent its frames, and what else the case
        says."""
        for listener in ("front", "secure"):
            for rule, *expected, pieces in cases:
                with self.subTest(rule, listener=listener):
                    client = self.greeted(listener)
                    for piece in pieces:
                        client.send(piece)
                    judge(client, *expected)
                    client.close()

    def still_works(self, client):
        client.send(frame(PING, 0, 0, EIGHT))
        answer = None
        while answer is None or answer[0] != PING or answer[3] != EIGHT:
            answer = client.step()
        self.assertEqual(answer[1], ACK)
        self.assertIsNone(client.goaway)

    def is_closed(self, client):
        with self.assertRaises(EOFError):
            while True:
                client.step()

    def is_cut_off(self, client, code):
        self.is_closed(client)
        self.assertEqual(client.goaway, code)

    def is_reset(self, client, code):
        client.step_until(lambda: 1 in client.resets)
        self.assertEqual(client.resets[1], code)
        self.still_works(client)

    def is_served(self, client):
        client.step_until(lambda: 1 in client.ended)
        self.assertEqual(client.heads[1], "200")
        self.still_works(client)

    def test_errors_of_the_connection_are_told_and_end_it(self):
        self.each(CONNECTION_ERRORS, self.is_cut_off)

    def test_errors_of_a_stream_reset_it_and_no_more(self):
        self.each(STREAM_ERRORS, self.is_reset)

    def test_what_is_allowed_is_served(self):
        self.each(ALLOWED, self.is_served)

    def test_an_invalid_preface_ends_the_connection(self):
        for listener in ("front", "secure"):
            with self.subTest(listener):
                client = self.connect(listener, preface=b"INVALID CONNECTION PREFACE\r\n\r\n")
                while client._more():
                    pass
        first = self.connect("secure", preface=PREFACE + frame(PING, 0, 0, EIGHT))
        self.is_cut_off(first, PROTOCOL_ERROR)

    def test_a_client_that_says_goaway_is_hung_up_on(self):
        def judge(client):
            self.is_closed(client)
            self.assertIn(client.goaway, (None, 0))
        self.each([(f"6.8: GOAWAY with {code}", [frame(GOAWAY, payload=number(0) + number(code) + b"bye")])
                   for code in (0, 0xff)], judge)  # an unknown code is no more than any other

    def test_acknowledgements_are_not_answered(self):
        self.each([("6.7: PING", [frame(PING, ACK, 0, b"unasked!")])], self.still_works)

    def test_what_comes_behind_an_answer_is_judged_too(self):
        def judge(client, late, code=None):
            client.step_until(lambda: 1 in client.ended)
            client.send(late)
            if code is None:
                self.still_works(client)
            else:
                self.is_cut_off(client, code)
        self.each([("5.1: PRIORITY, WINDOW_UPDATE and RST_STREAM", priority(1) + credit(1, 1) + reset(), [get(1)]),
                   ("5.1: DATA", data(), STREAM_CLOSED, [get(1)]),
                   ("5.1: HEADERS", get(1), STREAM_CLOSED, [get(1)]),
                   ("5.1: CONTINUATION", REST, PROTOCOL_ERROR, [get(1)])], judge)

    def test_what_comes_behind_a_reset_of_both_sides_is_judged_too(self):
        """The answer to a request that is not complete yet ends with a reset of ours; the client's comes behind it."""
        def judge(client, late):
            client.step_until(lambda: 1 in client.resets)
            self.assertEqual(client.resets[1], 0)
            client.send(reset() + late)
            self.is_cut_off(client, STREAM_CLOSED)
        early = [without(":path", (":path", "/#x"), flags=END_HEADERS)]
        self.each([("5.1: DATA", data(), early), ("5.1: HEADERS", get(1), early)], judge)

    def test_windows_are_kept(self):
        def judge(client):
            client.step_until(lambda: client.bodies.get(1))
            self.assertEqual(client.bodies[1], b"w")
            client.send(credit(1, 100))
            client.step_until(lambda: 1 in client.ended)
            self.assertEqual(client.bodies[1], b"weir")
        none = [settings((INITIAL_WINDOW_SIZE, 0)), get(1)]
        self.each([("6.9.1: a window of 1", [settings((INITIAL_WINDOW_SIZE, 1)), get(1)]),
                   ("6.5.3: the last value counts", [settings((INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 1)), get(1)]),
                   ("6.9.2: a window that grows", [*none, settings((INITIAL_WINDOW_SIZE, 1))]),
                   ("5.1: WINDOW_UPDATE behind END_STREAM", [*none, credit(1, 1)]),
                   ("5.1: PRIORITY behind END_STREAM", [*none, priority(1), credit(1, 1)])], judge)

    def test_a_window_may_be_negative(self):
        def judge(client):
            client.step_until(lambda: client.bodies.get(1) == b"wei")
            client.send(settings((INITIAL_WINDOW_SIZE, 1)) + credit(1, 2))
            self.still_works(client)
            self.assertEqual(client.bodies[1], b"wei")
            client.send(credit(1, 1))
            client.step_until(lambda: 1 in client.ended)
        self.each([("6.9.2", [settings((INITIAL_WINDOW_SIZE, 3)), get(1)])], judge)

    def test_a_stream_beyond_the_limit_is_refused(self):
        def judge(client):
            most = client.told[MAX_CONCURRENT_STREAMS]
            for stream in range(1, 2 * most + 2, 2):
                client.send(get(stream))
            client.step_until(lambda: client.resets)
            self.assertEqual(client.resets, {2 * most + 1: REFUSED_STREAM})
            self.still_works(client)
        self.each([("5.1.2", [settings((INITIAL_WINDOW_SIZE, 0))])], judge)


if __name__ == "__main__":
    harness.main()
