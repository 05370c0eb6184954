"""Copies of requests for another upstream."""

import harness
from harness import Connection, ask, until

MIRROR = """
[upstream.shadow]
servers = ["{address}"]
retries = 0
breaker_failures = 0
breaker_ratio = 0.0
"""


class Mirror(harness.Case):
    def mirrored(self, origin, shadow, share="1.0"):
        return self.simple(origin, route=f'mirror = "shadow"\nmirror_share = {share}',
                           extra=MIRROR.format(address=shadow.address))

    def test_a_mirror_sees_what_the_origin_sees(self):
        origin, shadow = self.origin(), self.origin()
        proxy = self.mirrored(origin, shadow)
        ask(proxy.port, "POST", "/a?b=c", [("X-One", "1")], b"the body")
        ask(proxy.port, "GET", "/second")
        until(lambda: len(shadow.requests) == 2, "the copies")
        self.assertEqual(sorted(shadow.requests), sorted(origin.requests))

    def test_chunked_bodies_are_copied_too(self):
        origin, shadow = self.origin(), self.origin()
        proxy = self.mirrored(origin, shadow)
        with Connection(proxy.port) as client:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            self.assertEqual(client.read_answer().status, 200)
        until(lambda: len(shadow.requests) == 1, "the copy")
        self.assertEqual(shadow.requests[0][3], b"hello")

    def test_a_mirror_that_fails_or_hangs_changes_nothing(self):
        def hang(connection):
            shadow.read_request(connection)
            connection.is_closed_by_peer()
        for serve in (hang, lambda connection: None):
            origin, shadow = self.origin(), self.origin(serve)
            proxy = self.mirrored(origin, shadow)
            self.assertEqual([ask(proxy.port).status for _ in range(5)], [200] * 5)
            until(lambda: shadow.connections > 0, "the copies")
            self.assertEqual(proxy.stop(), 0)

    def test_only_the_share_is_copied_and_only_what_is_whole(self):
        origin, shadow = self.origin(), self.origin()
        proxy = self.mirrored(origin, shadow, share="0.5")
        with Connection(proxy.port) as client:
            for _ in range(400):
                client.ask()
        sent = proxy.metric("weir_mirrored_requests_total", result="sent")
        self.assertTrue(140 < sent < 260, sent)  # six standard deviations
        until(lambda: len(shadow.requests) == sent, "the copies")
        large = self.mirrored(origin, shadow)
        ask(large.port, "POST", "/", (), bytes(200_000))
        large.wait_for_metric(1, "weir_mirrored_requests_total", result="skipped")


if __name__ == "__main__":
    harness.main()
