"""HTTP/2 by hand, frame by frame, for what no well-behaved client does. In clear, with prior knowledge."""

import select
import struct

from raw_http import Connection

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW_SIZE = 4
ENHANCE_YOUR_CALM = 11


def literal(name, value):
    """A field in HPACK: a literal that is not indexed, without Huffman's code."""
    return b"\x00" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))


def block(path="/", method="GET", fields=()):
    pseudo = [(":method", method), (":scheme", "http"), (":authority", "test"), (":path", path)]
    return b"".join(literal(name, value) for name, value in [*pseudo, *fields])


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def get(stream, path="/"):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, block(path))


def credit(stream, bytes_more):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", bytes_more))


class Http2(Connection):
    """Answers settings and pings; everything else is the test's. What came for a stream stands in `bodies` and
    `ended`, "200" or another first byte of its head in `heads`, resets in `resets`."""

    def __init__(self, port, window=None, **more):
        super().__init__(port, **more)
        self.heads, self.bodies, self.ended, self.resets, self.goaway = {}, {}, set(), {}, None
        settings = struct.pack(">HI", INITIAL_WINDOW_SIZE, window) if window is not None else b""
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, payload=settings))

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
            payload = payload[1:]
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
