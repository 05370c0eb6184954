"""Rate limits, from outside."""

import concurrent.futures
import json
import re
import time

import harness
from harness import Connection, ask, until

RULE = """
[[limit]]
name = "rule"
rate = "{rate}"
{more}
"""


def statuses(port, count, **more):
    with Connection(port) as client:
        return [client.ask(**more).status for _ in range(count)]


class Limits(harness.Case):
    def limited(self, rate, more="", **config):
        return self.simple(self.origin(), extra=RULE.format(rate=rate, more=more), **config)

    def test_every_algorithm_stops_at_its_limit(self):
        for algorithm, rate, more, allowed in (("token_bucket", "5/hour", "", 5),
                                               ("token_bucket", "100/hour", "burst = 3", 3),
                                               ("leaky_bucket", "1000/s", "burst = 0", 20),
                                               ("fixed_window", "5/day", "", 5),
                                               ("sliding_window", "5/hour", "", 5),
                                               ("sliding_counter", "5/day", "", 5)):
            with self.subTest(algorithm, more=more):
                proxy = self.limited(rate, f'algorithm = "{algorithm}"\n{more}')
                got = statuses(proxy.port, allowed + 3 if algorithm != "leaky_bucket" else allowed)
                self.assertEqual(got, [200] * allowed + [429] * (len(got) - allowed))

    def test_a_refusal_says_when_to_come_back(self):
        proxy = self.limited("2/minute")
        statuses(proxy.port, 2)
        answer = ask(proxy.port)
        self.assertEqual((answer.status, answer["Content-Type"]), (429, "application/problem+json"))
        self.assertEqual(answer["RateLimit-Policy"], '"rule";q=2;w=60')
        remaining, wait = re.fullmatch(r'"rule";r=(\d+);t=(\d+)', answer["RateLimit"]).groups()
        self.assertEqual((remaining, wait), ("0", answer["Retry-After"]))
        self.assertTrue(25 <= int(wait) <= 30)
        problem = json.loads(answer.body)
        self.assertEqual(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded")
        self.assertEqual((problem["status"], problem["violated-policies"]), (429, ["rule"]))

    def test_allowed_answers_tell_what_remains(self):
        proxy = self.limited("3/hour")
        remaining = [re.search(r"r=(\d+)", ask(proxy.port)["RateLimit"]).group(1) for _ in range(3)]
        self.assertEqual(remaining, ["2", "1", "0"])

    def test_no_more_remains_than_the_policy_says(self):
        for more, policy, remains in (("burst = 200", '"rule";q=200;w=120', "199"),
                                      ("burst = 20", '"rule";q=20;w=12', "19"),
                                      ('algorithm = "leaky_bucket"\nburst = 9', '"rule";q=10;w=6', "9"),
                                      ('algorithm = "fixed_window"', '"rule";q=100;w=60', "99")):
            with self.subTest(more):
                answer = ask(self.limited("100/minute", more).port)
                self.assertEqual(answer["RateLimit-Policy"], policy)
                self.assertIn(f"r={remains};", answer["RateLimit"])

    def test_a_dry_run_refuses_nothing_and_counts(self):
        proxy = self.limited("2/hour", 'action = "dry_run"')
        self.assertEqual(statuses(proxy.port, 5), [200] * 5)
        proxy.wait_for_metric(3, "weir_limit_decisions_total", rule="rule", decision="dry_run")
        proxy.stop()
        self.assertEqual([event["limit"] for event in proxy.events()], ["pass", "pass", "dry_run", "dry_run", "dry_run"])

    def test_a_leaky_bucket_delays_and_then_refuses(self):
        proxy = self.limited("10/s", 'algorithm = "leaky_bucket"\nburst = 3')
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            start = time.monotonic()
            answers = [future.result() for future in [pool.submit(ask, proxy.port) for _ in range(8)]]
            elapsed = time.monotonic() - start
        self.assertEqual(sorted(answer.status for answer in answers), [200] * 4 + [429] * 4)
        self.assertGreaterEqual(elapsed, 0.29)  # three waited: 100, 200 and 300 ms

    def test_a_client_that_leaves_while_it_is_delayed_is_not_forwarded(self):
        origin = self.origin()
        proxy = self.simple(origin, extra=RULE.format(rate="2/s", more='algorithm = "leaky_bucket"\nburst = 5'))
        ask(proxy.port)
        with Connection(proxy.port) as client:
            client.send("GET /gone HTTP/1.1\r\nHost: a\r\n\r\n")
            until(lambda: proxy.metric("weir_limit_decisions_total", decision="delay") == 1, "the delay")
        until(lambda: len(proxy.events()) == 2, "the request's end")
        self.assertEqual({event["path"]: event["status"] for event in proxy.events()}, {"/": 200, "/gone": 499})
        self.assertEqual([request[1] for request in origin.requests], ["/"])

    def test_keys_are_counted_apart(self):
        for key, first, second in ((["header:X-User"], ("X-User", "a"), ("X-User", "b")),
                                   (["cookie:sid"], ("Cookie", "x=1; sid=a"), ("Cookie", "sid=b; x=1")),
                                   (["api_key"], ("X-Api-Key", "a"), ("Authorization", "Bearer b")),
                                   (["ip", "header:X-User"], ("X-User", "a"), ("X-User", "b"))):
            with self.subTest(key):
                proxy = self.limited("1/hour", f"key = {json.dumps(key)}")
                self.assertEqual(statuses(proxy.port, 2, fields=[first]), [200, 429])
                self.assertEqual(statuses(proxy.port, 2, fields=[second]), [200, 429])

    def test_global_and_route_keys_count_everyone_together(self):
        for key in ("global", "route"):
            proxy = self.limited("2/hour", f'key = ["{key}"]', client='trusted_proxies = ["127.0.0.1"]')
            got = [ask(proxy.port, fields=[("X-Forwarded-For", f"10.0.0.{n}")]).status for n in range(3)]
            self.assertEqual(got, [200, 200, 429])

    def test_a_client_behind_a_trusted_proxy_is_itself(self):
        proxy = self.limited("1/hour", client='trusted_proxies = ["127.0.0.1"]')

        def come_from(*chain):
            return ask(proxy.port, fields=[("X-Forwarded-For", ", ".join(chain))]).status
        self.assertEqual(come_from("10.0.0.1"), 200)
        self.assertEqual(come_from("10.0.0.1"), 429)
        self.assertEqual(come_from("10.0.0.2"), 200)
        self.assertEqual(come_from("6.6.6.6", "10.0.0.2"), 429)  # what stands before an untrusted hop is hearsay
        self.assertEqual(come_from("2001:db8:1:2::1"), 200)
        self.assertEqual(come_from("2001:db8:1:2::ffff"), 429)  # the same /64
        self.assertEqual(come_from("2001:db8:1:3::1"), 200)

    def test_an_untrusted_client_cannot_change_its_key(self):
        proxy = self.limited("1/hour")
        got = [ask(proxy.port, fields=[("X-Forwarded-For", f"10.0.0.{n}")]).status for n in range(2)]
        self.assertEqual(got, [200, 429])

    def test_a_rule_applies_to_its_routes_only(self):
        origin = self.origin()
        proxy = self.simple(origin, extra='[[route]]\nname = "api"\npath = "/api"\nupstream = "app"\n'
                            + RULE.format(rate="1/hour", more='routes = ["api"]'))
        self.assertEqual(statuses(proxy.port, 3, path="/"), [200] * 3)
        self.assertEqual(statuses(proxy.port, 2, path="/api"), [200, 429])

    def test_a_request_refused_by_one_rule_uses_up_no_other(self):
        origin = self.origin()
        proxy = self.simple(origin, extra='[[limit]]\nname = "wide"\nrate = "4/hour"\nkey = ["global"]\n'
                            '[[limit]]\nname = "narrow"\nrate = "1/hour"\nkey = ["header:X-User"]\n')
        self.assertEqual(statuses(proxy.port, 10, fields=[("X-User", "a")]), [200] + [429] * 9)
        self.assertEqual([ask(proxy.port, fields=[("X-User", user)]).status for user in "bcde"], [200, 200, 200, 429])

    def test_a_limit_is_exact_across_workers(self):
        for algorithm in ("token_bucket", "fixed_window", "sliding_window", "sliding_counter"):
            with self.subTest(algorithm):
                proxy = self.limited("100/day", f'algorithm = "{algorithm}"')
                with concurrent.futures.ThreadPoolExecutor(16) as pool:
                    got = [status for batch in pool.map(lambda _: statuses(proxy.port, 25), range(16)) for status in batch]
                self.assertEqual((got.count(200), got.count(429)), (100, 300))

    def test_limits_survive_a_reload(self):
        origin = self.origin()
        config = harness.SIMPLE.format(addresses=f'"{origin.address}"', upstream="", client="", server="", route="",
                                       extra=RULE.format(rate="3/hour", more="burst = 3"))
        proxy = self.proxy(config)
        self.assertEqual(statuses(proxy.port, 4), [200, 200, 200, 429])
        self.assertTrue(proxy.reload(config))
        self.assertEqual(ask(proxy.port).status, 429)
        self.assertTrue(proxy.reload(config.replace("burst = 3", "burst = 4")))
        until(lambda: ask(proxy.port).status == 200, "the larger burst, less what was used")
        self.assertEqual(ask(proxy.port).status, 429)


if __name__ == "__main__":
    harness.main()
