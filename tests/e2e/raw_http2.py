"""HTTP/2 by hand, frame by frame, for what no well-behaved client does. In clear, with prior knowledge, or over TLS."""

import select
import socket
import ssl
import struct

from raw_http import Connection

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
INITIAL_WINDOW_SIZE = 4
ENHANCE_YOUR_CALM = 11
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def text(value):
    """A string in HPACK, without Huffman's code."""
    size, digits = len(value), b""
    if size >= 127:
        size, digits = 127, bytes([(size - 127) % 128 | 128, (size - 127) // 128])
    return bytes([size]) + digits + value.encode()


def literal(name, value):
    """A field in HPACK: a literal that is not indexed."""
    return b"\x00" + text(name) + text(value)


def block(path="/", method="GET", fields=()):
    pseudo = [(":method", method), (":scheme", "http"), (":authority", "test"), (":path", path)]
    return b"".join(literal(name, value) for name, value in [*pseudo, *fields])


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def get(stream, path="/"):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, block(path))


def credit(stream, bytes_more):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", bytes_more))


class Http2(Connection):
    """Answers settings and pings; everything else is the test's. What came for a stream stands in `bodies` and
    `ended`, "200" or another first byte of its head in `heads`, resets in `resets`."""

    def __init__(self, port, window=None, tls=False, preface=PREFACE, **more):
        super().__init__(port, **more)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self._start_tls()
        self.heads, self.bodies, self.ended, self.resets, self.goaway = {}, {}, set(), {}, None
        self.send(preface + settings(*[(INITIAL_WINDOW_SIZE, window)] if window is not None else []))

    def _start_tls(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(self.socket)
        assert self.socket.selected_alpn_protocol() == "h2"

    def step(self):
        """Takes in one frame; its type, flags, stream and payload."""
        head = self.read(9)
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self.read(int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK))
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == HEADERS:
            self.heads.setdefault(stream, self._status(payload))
        elif kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, b"") + payload
        elif kind == RST_STREAM:
            self.resets[stream] = int.from_bytes(payload, "big")
        elif kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended.add(stream)
        return kind, flags, stream, payload

    @staticmethod
    def _status(payload):
        while payload and payload[0] & 0xe0 == 0x20:  # a change of the table's size
            is_long, payload = payload[0] == 0x3f, payload[1:]
            while is_long:
                is_long, payload = payload[0] & 0x80, payload[1:]
        return "200" if payload[:1] == b"\x88" else payload[:1].hex()

    def step_until(self, condition):
        while not condition():
            self.step()

    def pour(self, piece, most):
        """Sends that again and again, reading meanwhile, until the other side has had enough: True."""
        try:
            for _ in range(most):
                self.send(piece() if callable(piece) else piece)
                while self.buffer or select.select([self.socket], [], [], 0)[0]:
                    self.step()
                    if self.goaway is not None:
                        return True
            while True:
                self.step()
        except TimeoutError:
            return False
        except (OSError, EOFError):
            return True
