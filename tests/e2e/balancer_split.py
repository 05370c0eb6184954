"""Traffic that several upstreams share: by weight, by wish, by client; and copies of it for another."""

import collections

import balancing
import harness
from balancing import shares
from harness import Connection, until
from load import Load

SPLIT = """
[split.shop]
weights = {{ {weights} }}
{settings}
[upstream.blue]
servers = ["{blue}"]
[upstream.green]
servers = ["{green}"]
[[route]]
name = "shop"
upstream = "shop"
"""


class SplitCase(balancing.Case):
    def setUp(self):
        super().setUp()
        self.blue, self.green = self.plain_servers(["blue", "green"])

    def config(self, weights, settings=""):
        extra = SPLIT.format(weights=weights, settings=settings, blue=self.blue.address, green=self.green.address)
        return balancing.balanced([self.blue], extra=extra)

    def split(self, weights, settings=""):
        return self.balancer(self.config(weights, settings))


class Weights(SplitCase):
    def test_weights_are_followed(self):
        balancer = self.split("blue = 3, green = 1")
        green = shares(balancer.port, 400)["green"]
        self.assertTrue(48 < green < 152, green)  # 100, and six standard deviations either way

    def test_a_weight_of_zero_is_for_who_is_sent_there(self):
        balancer = self.split("blue = 1, green = 0", 'force_header = "X-Pool"')
        self.assertEqual(shares(balancer.port, 50), {"blue": 50})
        self.assertEqual(shares(balancer.port, 10, fields=[("X-Pool", "green")]), {"green": 10})

    def test_a_switch_from_blue_to_green_by_reload_loses_nothing(self):
        balancer = self.split("blue = 1, green = 0")
        with Load(balancer.port, method="POST", body=b"x", path="/slow?ms=5") as load:
            for weights, name in (("blue = 0, green = 1", "green"), ("blue = 1, green = 0", "blue")):
                load.wait_for_answers(40)
                self.assertTrue(balancer.reload(self.config(weights)))
                until(lambda: shares(balancer.port, 20, connections=8) == {name: 20}, "the switch")
        self.assertEqual(load.lost, [])
        self.assertTrue(load.answered_by["blue"] and load.answered_by["green"])


class Wishes(SplitCase):
    def test_a_header_or_else_a_cookie_forces_an_upstream(self):
        balancer = self.split("blue = 1, green = 1", 'force_header = "X-Pool"\nforce_cookie = "pool"')
        for fields, name in (([("X-Pool", "blue")], "blue"), ([("x-pool", "green")], "green"),
                             ([("Cookie", "a=b; pool=green")], "green"),
                             ([("X-Pool", "blue"), ("Cookie", "pool=green")], "blue"),
                             ([("X-Pool", "red"), ("Cookie", "pool=green")], "green")):
            with self.subTest(fields):
                self.assertEqual(shares(balancer.port, 12, fields=fields), {name: 12})
        self.assertEqual(len(shares(balancer.port, 60, fields=[("X-Pool", "red"), ("Cookie", "pool=")])), 2)

    def owners(self, balancer):
        with Connection(balancer.port) as client:
            return {user: client.ask(fields=[("X-User", f"user-{user}")])["X-Server"] for user in range(200)}

    def test_a_client_stays_while_weights_grow(self):
        key = 'sticky_key = "header:X-User"'
        balancer = self.split("blue = 90, green = 10", key)
        before = self.owners(balancer)
        self.assertEqual(self.owners(balancer), before)
        counts = collections.Counter(before.values())
        self.assertTrue(0 < counts["green"] < 46, counts)  # 20, and six standard deviations more
        self.assertTrue(balancer.reload(self.config("blue = 50, green = 50", key)))
        until(lambda: self.owners(balancer) != before and self.owners(balancer) == self.owners(balancer), "the reload")
        after = self.owners(balancer)
        self.assertEqual([user for user in before if before[user] == "green" and after[user] == "blue"], [])
        self.assertGreater(collections.Counter(after.values())["green"], 57)  # 100, six standard deviations less


class Mirrors(balancing.Case):
    def mirrored(self, origin, shadow, share=1.0):
        extra = (f'[upstream.shadow]\nservers = ["{shadow.address}"]\nretries = 0\n'
                 f'[[route]]\nname = "all"\nupstream = "app"\nmirror = "shadow"\nmirror_share = {share}\n')
        return self.balance([origin], extra=extra)

    def test_a_shadow_sees_what_the_servers_see(self):
        origin, shadow = self.origin(), self.origin()
        balancer = self.mirrored(origin, shadow)
        with Connection(balancer.port) as client:
            client.ask("POST", "/order?x=1", [("X-User", "1")], b"body")
            client.ask("GET", "/")
        until(lambda: len(shadow.requests) == 2, "the copies")
        self.assertEqual(sorted(origin.requests), sorted(shadow.requests))

    def test_a_shadow_that_dies_or_hangs_costs_nothing(self):
        origin, shadow = self.plain_servers("as")
        balancer = self.mirrored(origin, shadow)
        with Load(balancer.port) as load:
            load.wait_for_answers(40)
            shadow.kill()
            load.wait_for_answers(40)
            shadow.start()
            shadow.freeze()
            load.wait_for_answers(40)
        self.assertEqual((load.lost, set(load.answered_by)), ([], {"a"}))

    def test_only_the_share_is_copied(self):
        origin, shadow = self.plain_servers("as")
        balancer = self.mirrored(origin, shadow, share=0.25)
        shares(balancer.port, 400)
        copied = balancer.metric("weir_mirrored_requests_total", route="all", result="sent")
        self.assertTrue(48 < copied < 152, copied)


if __name__ == "__main__":
    harness.main()
