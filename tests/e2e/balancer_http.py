"""Requests over several servers: who gets which, by algorithm, weight, key and cookie."""

import json
import threading

import balancing
import harness
from balancing import balanced, connect_from, shares
from harness import Connection, ask, until
from load import Load, has_ended


class Holding:
    """An origin in this process that answers nobody until it is released."""

    def __init__(self, case):
        self.released = threading.Event()
        self.origin = case.origin(self._serve)
        self.address = self.origin.address
        case.addCleanup(self.released.set)

    def _serve(self, connection):
        self.origin.read_request(connection)
        self.released.wait(harness.PATIENCE)
        connection.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    @property
    def held(self):
        return len(self.origin.requests)


class Algorithms(balancing.Case):
    def test_round_robin_gives_each_server_the_same(self):
        balancer = self.balance(self.plain_servers("abc"))
        for name, count in shares(balancer.port, 300).items():
            self.assertAlmostEqual(count, 100, delta=2, msg=name)  # each worker has its own turn

    def test_weights_are_followed_and_spread_out(self):
        servers = self.plain_servers("abc")
        entries = [f"{server.address} weight={weight}" for server, weight in zip(servers, (5, 3, 2))]
        balancer = self.balance(entries, workers=1, upstream='algorithm = "weighted_round_robin"')
        self.assertEqual(shares(balancer.port, 100), {"a": 50, "b": 30, "c": 20})
        with Connection(balancer.port) as client:
            order = "".join(client.ask()["X-Server"] for _ in range(20))
        self.assertNotIn("aaaa", order)

    def test_a_weight_of_zero_takes_nothing_and_a_pool_of_zeros_answers_503(self):
        a, b = self.plain_servers("ab")
        balancer = self.balance([a, f"{b.address} weight=0"])
        self.assertEqual(shares(balancer.port, 40), {"a": 40})
        self.assertTrue(balancer.reload(balanced([f"{a.address} weight=0", f"{b.address} weight=0"])))
        until(lambda: ask(balancer.port).status == 503, "no server to be left")

    def test_random_follows_weights(self):
        a, b = self.plain_servers("ab")
        balancer = self.balance([a, f"{b.address} weight=3"], upstream='algorithm = "random"')
        count = shares(balancer.port, 400)["b"]
        self.assertTrue(248 < count < 352, count)  # 300, and six standard deviations either way

    def held_by(self, algorithm, weights, requests):
        """How many requests each server has when none is answered."""
        holding = [Holding(self) for _ in weights]
        entries = [f"{one.address} weight={weight}" for one, weight in zip(holding, weights)]
        balancer = self.balance(entries, upstream=f'algorithm = "{algorithm}"')
        for number in range(requests):
            client = Connection(balancer.port)
            self.addCleanup(client.close)
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            until(lambda: sum(one.held for one in holding) == number + 1, "the request to arrive")
        return [one.held for one in holding]

    def test_least_connections_goes_where_least_is_under_way_for_the_weight(self):
        self.assertEqual(self.held_by("least_connections", (1, 1, 1), 12), [4, 4, 4])
        self.assertEqual(self.held_by("least_connections", (1, 3), 16), [4, 12])

    def test_two_choices_keeps_servers_even(self):
        held = self.held_by("two_choices", (1, 1, 1, 1), 40)
        self.assertLessEqual(max(held) - min(held), 8, held)

    def test_peak_ewma_prefers_the_server_that_is_fast(self):
        slow = self.origin()
        slow.serve = lambda connection: self.answer_late(slow, connection)
        fast = self.plain_servers("f")
        balancer = self.balance([slow, *fast], upstream='algorithm = "peak_ewma"')
        with Load(balancer.port, threads=4) as load:
            load.wait_for_answers(300)
        self.assertEqual(load.lost, [])
        self.assertGreater(load.answered_by["f"], 0.8 * load.answers, load.answered_by)

    def answer_late(self, origin, connection):
        while True:
            origin.read_request(connection)
            threading.Event().wait(0.1)  # what makes it slow, not a way to be in step
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")

    def test_a_server_that_is_full_is_passed_over_and_what_is_too_much_waits(self):
        holding = [Holding(self) for _ in "ab"]
        balancer = self.balance(holding, upstream='server_max_in_flight = 1\nqueue = 1\nqueue_timeout = "20s"')
        clients = [Connection(balancer.port) for _ in range(4)]
        for client in clients:
            self.addCleanup(client.close)
        for client in clients:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: [one.held for one in holding] == [1, 1], "both servers to be full")
        until(lambda: any(has_ended(client) for client in clients), "an answer")
        turned_away = [client for client in clients if has_ended(client)]
        self.assertEqual([client.read_answer().status for client in turned_away], [503])
        for one in holding:
            one.released.set()
        served = [client.read_answer().status for client in clients if client not in turned_away]
        self.assertEqual((served, sum(one.held for one in holding)), ([204] * 3, 3))


class Keys(balancing.Case):
    def owners(self, balancer, keys, field):
        with Connection(balancer.port) as client:
            return {key: client.ask(fields=[field(key)])["X-Server"] for key in keys}

    def test_a_key_stays_with_its_server_and_few_move_when_one_leaves(self):
        servers = self.plain_servers("abcd")
        keys = [f"user-{number}" for number in range(100)]
        for algorithm in ("hash", "maglev"):
            for hash_key, field in (("header:X-User", lambda key: ("X-User", key)),
                                    ("cookie:user", lambda key: ("Cookie", f"x=1; user={key}"))):
                with self.subTest(algorithm=algorithm, hash_key=hash_key):
                    settings = f'algorithm = "{algorithm}"\nhash_key = "{hash_key}"'
                    balancer = self.balance(servers, upstream=settings)
                    before = self.owners(balancer, keys, field)
                    self.assertEqual(self.owners(balancer, keys, field), before)
                    self.assertEqual(set(before.values()), set("abcd"))
                    balancer.reload(balanced(servers[:3], upstream=settings))
                    until(lambda: "d" not in self.owners(balancer, keys, field).values(), "the reload")
                    after = self.owners(balancer, keys, field)
                    moved = [key for key in keys if after[key] != before[key] and before[key] != "d"]
                    self.assertLessEqual(len(moved), 10)

    def test_ip_hash_and_sticky_ip_go_by_the_clients_address(self):
        servers = self.plain_servers("abc")
        for settings in ('algorithm = "ip_hash"', 'sticky = "ip"', 'algorithm = "bounded_hash"\nhash_key = "ip"'):
            with self.subTest(settings):
                balancer = self.balance(servers, upstream=settings)
                owners = []
                for number in range(2, 32):
                    with connect_from(f"127.0.0.{number}", balancer.port) as client:
                        names = {client.ask()["X-Server"] for _ in range(3)}
                    self.assertEqual(len(names), 1, names)
                    owners.extend(names)
                self.assertEqual(set(owners), set("abc"))

    def test_a_path_stays_with_its_server(self):
        balancer = self.balance(self.plain_servers("abc"), upstream='algorithm = "maglev"\nhash_key = "path"')
        with Connection(balancer.port) as client:
            names = {path: {client.ask(path=f"/{path}")["X-Server"] for _ in range(3)} for path in range(30)}
        self.assertTrue(all(len(one) == 1 for one in names.values()))
        self.assertEqual(set().union(*names.values()), set("abc"))

    def test_a_key_whose_server_is_gone_gets_another(self):
        servers = self.plain_servers("abc")
        balancer = self.balance(servers, upstream='algorithm = "maglev"\nhash_key = "header:X-User"')
        user = [("X-User", "somebody")]
        owner = ask(balancer.port, fields=user)["X-Server"]
        next(server for server in servers if server.name == owner).kill()
        with Connection(balancer.port) as client:
            answers = [client.ask(fields=user) for _ in range(10)]
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual(len({answer["X-Server"] for answer in answers}), 1)


class Cookies(balancing.Case):
    def test_our_cookie_keeps_a_client_with_its_server(self):
        balancer = self.balance(self.plain_servers("abc"), upstream='sticky = "cookie"\nsticky_lifetime = "1h"')
        first = ask(balancer.port)
        cookie, *attributes = first["Set-Cookie"].split("; ")
        self.assertEqual(set(attributes), {"Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=3600"})
        self.assertNotIn(first["X-Server"], cookie.split("=", 1)[1].split("."))
        self.assertEqual(shares(balancer.port, 40, fields=[("Cookie", cookie)]), {first["X-Server"]: 40})
        again = ask(balancer.port, path="/seen", fields=[("Cookie", f"mine=1; {cookie}; yours=2")])
        self.assertIsNone(again["Set-Cookie"])
        seen = dict(json.loads(again.body)["fields"])
        self.assertEqual(seen["Cookie"], "mine=1; yours=2")

    def test_a_cookie_that_is_not_ours_chooses_nothing(self):
        balancer = self.balance(self.plain_servers("ab"), upstream='sticky = "cookie"')
        cookie = ask(balancer.port)["Set-Cookie"].split(";")[0]
        changed = cookie[:-1] + ("A" if cookie[-1] != "A" else "B")
        for forged in (changed, cookie[:-4], "weir=a", "weir=", cookie + "x", "weir=" + "A" * 4000):
            with self.subTest(forged[:60]):
                self.assertEqual(len(shares(balancer.port, 20, fields=[("Cookie", forged)])), 2)
                self.assertTrue(ask(balancer.port, fields=[("Cookie", forged)])["Set-Cookie"].startswith("weir="))

    def test_balancers_with_one_secret_understand_each_other(self):
        servers = self.plain_servers("abc")
        one, other, stranger = (self.balance(servers, upstream=f'sticky = "cookie"\nsticky_secret = "{secret}"')
                                for secret in ("first secret of both", "first secret of both", "second secret of one"))
        first = ask(one.port)
        fields = [("Cookie", first["Set-Cookie"].split(";")[0])]
        self.assertEqual(shares(other.port, 30, fields=fields), {first["X-Server"]: 30})
        self.assertEqual(len(shares(stranger.port, 30, fields=fields)), 3)

    def test_another_server_takes_over_and_the_cookie_says_so(self):
        servers = self.plain_servers("abc")
        balancer = self.balance(servers, upstream='sticky = "cookie"')
        first = ask(balancer.port)
        next(server for server in servers if server.name == first["X-Server"]).kill()
        moved = ask(balancer.port, fields=[("Cookie", first["Set-Cookie"].split(";")[0])])
        self.assertEqual(moved.status, 200)
        self.assertNotEqual(moved["X-Server"], first["X-Server"])
        cookie = moved["Set-Cookie"].split(";")[0]
        self.assertEqual(shares(balancer.port, 20, fields=[("Cookie", cookie)]), {moved["X-Server"]: 20})

    def test_an_applications_cookie_is_marked_for_the_client_and_unmarked_for_the_server(self):
        def application(origin, name):
            def serve(connection):
                while True:
                    _, _, fields, _ = origin.read_request(connection)
                    seen = dict(fields).get("Cookie", "none").encode()
                    connection.send(f"HTTP/1.1 200 OK\r\nX-Server: {name}\r\nSet-Cookie: sid=session-of-{name}; Path=/\r\n"
                                    f"Set-Cookie: other=1\r\nContent-Length: {len(seen)}\r\n\r\n".encode() + seen)
            origin.serve = serve
            return origin
        servers = [application(self.origin(), name) for name in "abc"]
        balancer = self.balance(servers, upstream='sticky = "app_cookie"\nsticky_cookie = "sid"')
        first = ask(balancer.port)
        name, (ours, other) = first["X-Server"], first.all("Set-Cookie")
        self.assertRegex(ours, rf"^sid=[^~;]+~session-of-{name}; Path=/$")
        self.assertEqual(other, "other=1")
        fields = [("Cookie", "x=y; " + ours.split(";")[0])]
        answers = [ask(balancer.port, fields=fields) for _ in range(10)]
        self.assertEqual({(answer["X-Server"], answer.body) for answer in answers},
                         {(name, f"x=y; sid=session-of-{name}".encode())})
        unmarked = [ask(balancer.port, fields=[("Cookie", "sid=plain")]) for _ in range(12)]
        self.assertEqual({answer.body for answer in unmarked}, {b"sid=plain"})
        self.assertEqual({answer["X-Server"] for answer in unmarked}, set("abc"))


if __name__ == "__main__":
    harness.main()
