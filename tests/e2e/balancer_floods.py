"""Clients of HTTP/2 that mean harm: it costs them their connection, and others nothing."""

import itertools

import balancing
import harness
from harness import until
from load import Load
from raw_http2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING, RST_STREAM, SETTINGS,
                       Http2, block, credit, frame, get, literal)


class Floods(balancing.Case):
    def attack(self, piece, most=100_000, before=b"", calm=True):
        """The attacker is hung up on while others are served."""
        balancer = self.balance(self.plain_servers("ab"))
        with Load(balancer.port, threads=2) as others:
            others.wait_for_answers(20)
            with Http2(balancer.port) as attacker:
                attacker.send(before)
                self.assertTrue(attacker.pour(piece, most), "the attacker goes on")
            others.wait_for_answers(20)
        self.assertEqual(others.lost, [])
        until(lambda: balancer.metric("weir_upstream_in_flight", upstream="app") == 0, "nothing to be under way")
        if calm:
            self.assertEqual(attacker.goaway, ENHANCE_YOUR_CALM)
        return balancer

    def test_rapid_reset(self):
        streams = itertools.count(1, 2)

        def request_and_reset():
            stream = next(streams)
            return get(stream, "/slow?ms=20") + frame(RST_STREAM, 0, stream, b"\0\0\0\x08")
        balancer = self.attack(request_and_reset)
        attempts = balancer.metric("weir_upstream_attempts_total", upstream="app")
        self.assertLess(attempts, 100_000)

    def test_resets_that_we_are_provoked_to_send(self):
        streams = itertools.count(1, 2)

        def request_and_error():
            stream = next(streams)
            return get(stream, "/slow?ms=20") + credit(stream, 2**31 - 1)  # a window beyond all bounds
        self.attack(request_and_error)

    def test_pings(self):
        self.attack(frame(PING, 0, 0, b"12345678") * 20)

    def test_settings(self):
        self.attack(frame(SETTINGS) * 20)

    def test_data_without_content(self):
        self.attack(frame(DATA, 0, 1) * 20, before=frame(HEADERS, END_HEADERS, 1, block("/", "POST")))

    def test_continuation_without_end(self):
        self.attack(frame(CONTINUATION, 0, 1, literal("x", "y" * 100)),
                    before=frame(HEADERS, END_STREAM, 1, block()), calm=False)  # or a head beyond all bounds

    def test_noise(self):
        self.attack(b"\xff" * 1000, calm=False)


if __name__ == "__main__":
    harness.main()
