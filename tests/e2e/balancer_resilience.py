"""Servers that are killed, frozen, restarted and exchanged under load, and what the clients notice of it."""

import balancing
import harness
from balancing import balanced
from harness import ask, until
from load import Load
from servers import lasting_port


class UnderLoad(balancing.Case):
    def test_a_killed_server_costs_no_request_that_can_be_repeated(self):
        servers = self.plain_servers("abc")
        balancer = self.balance(servers)
        with Load(balancer.port, threads=6, path="/slow?ms=5") as load:
            load.wait_for_answers(60)
            servers[0].kill()
            load.wait_for_answers(150)
            servers[0].start()
            before = load.answered_by["a"]
            until(lambda: load.answered_by["a"] > before, "the server to be used again")
        self.assertEqual(load.lost, [])
        self.assertEqual(set(load.statuses), {200})

    def test_a_killed_server_costs_other_requests_at_most_what_was_in_flight(self):
        servers = self.plain_servers("abc")
        balancer = self.balance(servers)
        with Load(balancer.port, threads=6, method="POST", body=b"x" * 100, path="/slow?ms=5") as load:
            load.wait_for_answers(60)
            servers[0].kill()
            load.wait_for_answers(150)
        self.assertLessEqual(len(load.lost), 6, load.lost)

    def test_a_frozen_server_is_passed_over(self):
        servers = self.plain_servers("abc")
        balancer = self.balance(servers, upstream='first_byte_timeout = "500ms"\nbreaker_failures = 2\nretry_budget = 1.0')
        with Load(balancer.port, threads=4) as load:
            load.wait_for_answers(60)
            servers[0].freeze()
            until(lambda: "state=open" in balancer.err(), "the breaker to open")
            load.wait_for_answers(200)
            servers[0].thaw()
            before = load.answered_by["a"]
            until(lambda: load.answered_by["a"] > before, "the server to be used again")
        self.assertEqual(load.lost, [])

    def test_a_rolling_restart_of_every_server_loses_nothing(self):
        servers = self.plain_servers("abc")
        balancer = self.balance(servers)
        with Load(balancer.port, threads=6) as gets:
            for server in servers:
                gets.wait_for_answers(60)
                server.restart()
                before = gets.answered_by[server.name]
                until(lambda: gets.answered_by[server.name] > before, f"{server.name} to be used again")
        self.assertEqual(gets.lost, [])

    def is_left_alone(self, names, load):
        before = sum(load.answered_by[name] for name in names)
        load.wait_for_answers(60)
        return sum(load.answered_by[name] for name in names) == before

    def test_servers_are_exchanged_by_reload_without_loss(self):
        servers = self.plain_servers("abcd")
        balancer = self.balance(servers[:2])
        with Load(balancer.port, threads=6, method="POST", body=b"x", path="/slow?ms=5") as load:
            for pair in (servers[1:3], servers[2:4], servers[:2], servers[2:4]):
                load.wait_for_answers(60)
                self.assertTrue(balancer.reload(balanced(pair)))
            # What had begun under the config before may still end.
            until(lambda: self.is_left_alone("ab", load), "the old servers to be left alone")
        self.assertEqual(load.lost, [])
        self.assertTrue(all(load.answered_by[name] for name in "abcd"))

    def test_a_reload_with_errors_changes_nothing_and_loses_nothing(self):
        balancer = self.balance(self.plain_servers("ab"))
        with Load(balancer.port) as load:
            load.wait_for_answers(20)
            self.assertFalse(balancer.reload(balanced([], upstream='algorithm = "fastest"')))
            load.wait_for_answers(20)
        self.assertEqual(load.lost, [])
        self.assertIn("algorithm", balancer.err())


class DeadPools(balancing.Case):
    def test_a_dead_pool_answers_503_with_its_reason_in_the_event(self):
        nowhere = [f"127.0.0.1:{lasting_port()}" for _ in range(2)]
        balancer = self.balance(nowhere, workers=1, upstream='breaker_failures = 1\nbreaker_open_time = "1m"')
        answer = ask(balancer.port)
        self.assertEqual(answer.status, 503)
        again = ask(balancer.port)
        self.assertEqual((again.status, again["Retry-After"]), (503, "1"))
        self.assertEqual(again.body, b"503 Service Unavailable: no server of this upstream can be asked now\n")
        balancer.wait_for_log("circuit breaker changed", 2)
        balancer.wait_for_log("Connection refused")
        balancer.stop()
        first, second = balancer.events()
        self.assertIn("Connection refused", first["reason"])
        self.assertEqual((second["status"], second["reason"]), (503, "no server of this upstream can be asked now"))

    def test_all_servers_frozen_is_504_and_then_503(self):
        server = self.plain_servers("a")[0]
        balancer = self.balance([server], upstream='first_byte_timeout = "200ms"\nretries = 0\nbreaker_failures = 2\n'
                                                   'breaker_open_time = "1m"')
        server.freeze()
        self.assertEqual([ask(balancer.port).status for _ in range(3)], [504, 504, 503])

    def test_a_pool_that_comes_back_is_used_again(self):
        server = self.plain_servers("a")[0]
        balancer = self.balance([server], upstream='breaker_failures = 1\nbreaker_open_time = "100ms"\n'
                                                   'breaker_open_cap = "100ms"')
        server.kill()
        until(lambda: ask(balancer.port).status == 503, "the pool to be dead")
        server.start()
        until(lambda: ask(balancer.port).status == 200, "the pool to be back")


if __name__ == "__main__":
    harness.main()
