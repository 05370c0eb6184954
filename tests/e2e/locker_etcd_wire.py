"""weir-locker's etcd door with what no client of etcd sends: by hand, over HTTP/2."""

import os
import re
import struct
import subprocess

import harness
import locking
import raw_http2
from etcd_clients import Etcdctl
from harness import Connection, until
from raw_http2 import DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Http2, frame

GRPC = [("content-type", "application/grpc"), ("te", "trailers")]
RANGE, WATCH = "/etcdserverpb.KV/Range", "/etcdserverpb.Watch/Watch"
LOCK, OBSERVE = "/v3lockpb.Lock/Lock", "/v3electionpb.Election/Observe"
OK, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = "0", "4", "8", "12", "13"


def field(number, value):
    """A field of protobuf: bytes, or a small number."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def message(payload=b"", compressed=0):
    return struct.pack(">BI", compressed, len(payload)) + payload


class Client(Http2):
    def begin(self, stream, path=RANGE, fields=(), method="POST", base=GRPC, end=False):
        block = raw_http2.block(path, method, [*base, *fields])
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block))

    def call(self, stream, body, path=RANGE, fields=()):
        self.begin(stream, path, fields)
        self.send(frame(DATA, END_STREAM, stream, body))

    def finish(self, stream):
        self.step_until(lambda: stream in self.ended or stream in self.resets)
        return self.bodies.get(stream, b"")


class Wire(locking.Case):
    def setUp(self):
        super().setUp()
        self.daemon = self.locker()
        self.etcdctl = Etcdctl(self, self.daemon.etcd_port)

    def client(self):
        client = Client(self.daemon.etcd_port)
        self.addCleanup(client.close)
        return client

    def assert_alive(self):
        self.etcdctl("endpoint", "status")

    def status_of(self, body, path=RANGE, fields=()):
        """The status of one call, asked with a client that decodes HPACK: nghttp."""
        source = os.path.join(self.directory, "body")
        with open(source, "wb") as file:
            file.write(body)
        arguments = [argument for name, value in [*GRPC, *fields] for argument in ("-H", f"{name}: {value}")]
        done = subprocess.run(["nghttp", "-v", "--no-dep", "-d", source, *arguments, "-H", ":method: POST",
                               f"http://127.0.0.1:{self.daemon.etcd_port}{path}"], capture_output=True, text=True,
                              timeout=harness.PATIENCE, errors="replace")
        statuses = re.findall(r"grpc-status: (\d+)", done.stdout)
        words = re.findall(r"grpc-message: (.*)", done.stdout)
        return statuses[-1] if statuses else done.stdout, re.sub("\x1b.*?m", "", words[-1]) if words else ""

    def test_a_call_in_pieces_is_a_call(self):
        self.etcdctl("put", "k", "v")
        client = self.client()
        client.begin(1)
        body = message(field(1, b"k"))
        for i, byte in enumerate(body):
            client.send(frame(DATA, END_STREAM if i == len(body) - 1 else 0, 1, bytes([byte])))
        self.assertIn(b"\x2a\x01v", client.finish(1))

    def test_what_is_wrong_with_a_message_is_said(self):
        self.assertEqual(self.status_of(message(field(1, b"k")))[0], OK)
        for body, status, words in (
            (b"", INTERNAL, "the request is missing"),
            (message(field(1, b"k"))[:6], INTERNAL, "a message is cut off"),
            (message(b"\xff\xff\xff"), INTERNAL, "the request is not such a message"),
            (message(field(1, b"k"), compressed=1), UNIMPLEMENTED, "compressed messages are not understood"),
            (message(field(1, b"k"), compressed=7), INTERNAL, "a message's first byte is neither 0 nor 1"),
            (struct.pack(">BI", 0, 1_572_865) + b"x" * 100, RESOURCE_EXHAUSTED, "a message of 1572865 bytes is larger than 1572864"),
        ):
            got, said = self.status_of(body)
            self.assertEqual(got, status, body[:20])
            self.assertIn(words, said)
        self.assert_alive()

    def test_what_is_not_there_is_unimplemented(self):
        for path in ("/etcdserverpb.KV/Compact", "/etcdserverpb.Auth/Authenticate", "/none.Such/Method", "/etcdserverpb.KV",
                     "/", "/a/b/c"):
            self.assertEqual(self.status_of(message(), path)[0], UNIMPLEMENTED, path)
        self.assertEqual(self.status_of(message(), fields=[("grpc-encoding", "gzip")])[0], UNIMPLEMENTED)
        nested = field(2, field(4, b""))
        self.assertEqual(self.status_of(message(nested), "/etcdserverpb.KV/Txn")[0], UNIMPLEMENTED)

    def test_a_timeout_is_honoured_and_leaves_nothing_claimed(self):
        self.etcdctl("put", "job/1", "mine")
        self.assertEqual(self.status_of(message(field(1, b"job")), LOCK, [("grpc-timeout", "50m")])[0], DEADLINE_EXCEEDED)
        self.assertEqual(self.etcdctl("get", "job/", "--prefix", "--keys-only"), ["job/1", ""])
        self.assertEqual(self.etcdctl("lease", "list"), ["found 0 leases"])
        self.assertEqual(self.status_of(message(field(1, b"none")), OBSERVE, [("grpc-timeout", "1n")])[0], DEADLINE_EXCEEDED)
        self.assertEqual(self.status_of(message(), WATCH, [("grpc-timeout", "10000u")])[0], DEADLINE_EXCEEDED)
        self.assertEqual(self.status_of(message(field(1, b"k")), fields=[("grpc-timeout", "soon")])[0], INTERNAL)

    def test_who_leaves_a_queue_leaves_nothing_in_it(self):
        self.etcdctl("put", "job/1", "mine")
        claims = lambda: len(self.etcdctl("get", "job/", "--prefix", "--keys-only")) // 2
        resets, leaves = self.client(), self.client()
        resets.call(1, message(field(1, b"job")), LOCK)
        leaves.call(1, message(field(1, b"job")), LOCK)
        until(lambda: claims() == 3, "both claims")
        resets.send(frame(RST_STREAM, 0, 1, struct.pack(">I", 8)))
        until(lambda: claims() == 2, "one claim to go")
        leaves.close()
        until(lambda: claims() == 1, "the other claim to go")
        self.assertEqual(self.etcdctl("lease", "list"), ["found 0 leases"])

    def test_what_is_not_grpc_is_refused_as_http(self):
        client = self.client()
        client.begin(1, method="GET", end=True)
        client.begin(3, base=[("content-type", "application/json")], end=True)
        client.finish(1), client.finish(3)
        self.assertNotEqual(client.heads[1], "200")
        self.assertNotEqual(client.heads[3], "200")
        for junk in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" + bytes(100), bytes(1000), b"\xff" * 1000):
            with Connection(self.daemon.etcd_port) as connection:
                connection.send(junk)
                try:
                    while connection.socket.recv(65536):
                        pass
                except ConnectionResetError:
                    pass
        self.assert_alive()

    def test_calls_and_watches_of_a_connection_are_bounded(self):
        client = self.client()
        client.begin(1, WATCH)
        create = message(field(1, field(1, b"k")))
        for _ in range(1001):
            client.send(frame(DATA, 0, 1, create))
        client.step_until(lambda: b"too many watches" in client.bodies.get(1, b""))
        for stream in range(3, 3 + 2 * 300, 2):
            client.call(stream, message(field(1, b"k")), WATCH if stream < 3 + 2 * 254 else RANGE)
        client.step_until(lambda: client.resets or client.goaway is not None or 601 in client.ended)
        self.assert_alive()

    def test_what_waits_for_a_client_that_reads_nothing_is_bounded(self):
        client = Http2(self.daemon.etcd_port, window=0)
        self.addCleanup(client.close)
        for key in range(20):
            self.etcdctl("put", f"k{key}", "v" * 60000)
        everything = message(field(1, b"\0") + field(2, b"\0"))
        for stream in range(1, 200, 2):
            client.send(frame(HEADERS, END_HEADERS, stream, raw_http2.block(RANGE, "POST", GRPC)))
            client.send(frame(DATA, END_STREAM, stream, everything))
        client.step_until(lambda: len(client.heads) == 100)
        waiting = 100 - len(client.ended)
        self.assertIn(waiting, range(50, 56))  # 64 MiB
        client.send(frame(RST_STREAM, 0, 1, struct.pack(">I", 8)))
        for stream in range(201, 401, 2):  # soon there is room again
            client.send(frame(HEADERS, END_HEADERS, stream, raw_http2.block(RANGE, "POST", GRPC)))
            client.send(frame(DATA, END_STREAM, stream, everything))
            client.step_until(lambda: stream in client.heads)
            if stream not in client.ended:
                break
        self.assertNotIn(stream, client.ended)


if __name__ == "__main__":
    harness.main()
