"""What an operator does to a running weir-balancer through its admin API: servers drained, weighed, added and
removed, traffic switched from blue to green, all under load."""

import collections
import json
import os
import subprocess

import harness
from harness import ask, until
from load import Load
from raw_http import Connection
from servers import PlainServer

JSON = (("Content-Type", "application/json"),)
HERE = "127.0.0.1:9902"

CONFIG = """
[server]
listen = ["127.0.0.1:0"]
workers = 2
[admin]
listen = ["127.0.0.1:0"]
{upstreams}
[[route]]
name = "all"
upstream = "{to}"
{extra}
"""


class AdminCase(harness.Case):
    def server(self, name):
        return self.keep(PlainServer(self.directory, name))

    def start(self, upstreams, to="app", extra="", settings=""):
        """A balancer over upstreams, each a name with the lines of its servers."""
        sections = ""
        for name, servers in upstreams.items():
            sections += f"[upstream.{name}]\nservers = {json.dumps(servers)}\n{settings}\n"
        return self.balancer(CONFIG.format(upstreams=sections, to=to, extra=extra))

    def blue_and_green(self, extra=""):
        self.blue, self.green = self.server("blue"), self.server("green")
        return self.start({"blue": [self.blue.address], "green": [self.green.address]}, to="release",
                          extra=f"[split.release.weights]\nblue = 100\ngreen = 0\n{extra}")

    def api(self, daemon, method, path, body=None):
        text = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = ask(daemon.admin_port, method, "/api" + path, fields=JSON, body=text, host=HERE)
        return answer.status, json.loads(answer.body)

    def done(self, daemon, method, path, body=None, status=200):
        got, answer = self.api(daemon, method, path, body)
        self.assertEqual(got, status, answer)
        return answer

    def servers(self, daemon, upstream="app"):
        return {server["name"]: server for server in self.done(daemon, "GET", f"/upstreams/{upstream}")["servers"]}

    def audit(self, daemon):
        return [line for line in daemon.err().splitlines() if 'msg="admin write"' in line]

    def answered_by(self, daemon, count):
        with Connection(daemon.port) as connection:
            return collections.Counter(connection.ask("GET", "/")["X-Server"] for _ in range(count))

    def settle(self, daemon, load, *away):
        """Until nothing is under way to those servers, which get nothing new."""
        until(lambda: all(self.servers(daemon)[server.address]["in_flight"] == 0 for server in away), "the last requests")
        load.wait_for_answers(50)


class Servers(AdminCase):
    def test_what_there_is_to_know_of_them(self):
        one = self.server("one")
        balancer = self.start({"app": [one.address + " weight=3 name=first"], "other": ["127.0.0.1:1"]})
        self.answered_by(balancer, 8)
        both = self.done(balancer, "GET", "/upstreams")["upstreams"]
        self.assertEqual([upstream["name"] for upstream in both], ["app", "other"])
        self.assertEqual(both[0]["algorithm"], "round_robin")
        until(lambda: self.servers(balancer)["first"]["in_flight"] == 0, "the last request to be over")
        server = self.servers(balancer)["first"]
        self.assertEqual(self.done(balancer, "GET", "/upstreams/app/servers/first"), server)
        self.assertEqual({key: server[key] for key in ("address", "source", "state", "admin", "weight", "share", "in_flight",
                                                       "requests", "failures", "breaker")},
                         {"address": one.address, "source": "config", "state": "up", "admin": "in_service", "weight": 3,
                          "share": 1, "in_flight": 0, "requests": 8, "failures": 0, "breaker": "closed"})
        self.assertGreater(server["latency_seconds"]["p50"], 0)
        self.assertGreaterEqual(server["latency_seconds"]["p99"], server["latency_seconds"]["p50"])

    def test_a_drain_under_load_moves_traffic_and_loses_nothing(self):
        one, two = self.server("one"), self.server("two")
        balancer = self.start({"app": [one.address, two.address]})
        path = f"/upstreams/app/servers/{one.address}"
        with Load(balancer.port, path="/slow?ms=5") as load:
            load.wait_for_answers(50)
            server = self.done(balancer, "PUT", path, {"state": "draining"})
            self.assertEqual((server["state"], server["admin"], server["share"]), ("draining", "draining", 0))
            self.settle(balancer, load, one)
            before = self.servers(balancer)[one.address]["requests"]
            load.wait_for_answers(200)
            self.assertEqual(self.servers(balancer)[one.address]["requests"], before)
            balancer.wait_for_metric(0, "weir_server_up", server=one.address)
            # What an operator wants stays over a reload.
            self.assertTrue(balancer.reload())
            self.assertEqual(self.servers(balancer)[one.address]["state"], "draining")
            self.done(balancer, "PUT", path, {"state": "in_service"})
            until(lambda: self.servers(balancer)[one.address]["requests"] > before + 20, "traffic to come back")
        self.assertEqual((load.lost, set(load.statuses)), ([], {200}))
        balancer.wait_for_metric(2, "weir_server_up")
        lines = self.audit(balancer)
        self.assertIn(f'done="server {one.address} of app, state in_service to draining"', lines[0])
        self.assertIn(f'done="server {one.address} of app, state draining to in_service"', lines[1])

    def test_a_server_that_is_disabled_gets_nothing(self):
        one, two = self.server("one"), self.server("two")
        balancer = self.start({"app": [one.address, two.address]})
        with Load(balancer.port) as load:
            load.wait_for_answers(50)
            self.done(balancer, "PUT", f"/upstreams/app/servers/{two.address}", {"state": "disabled"})
            self.settle(balancer, load, two)
            self.assertEqual(set(self.answered_by(balancer, 40)), {"one"})
        self.assertEqual(load.lost, [])
        self.done(balancer, "PUT", f"/upstreams/app/servers/{one.address}", {"state": "disabled"})
        until(lambda: ask(balancer.port).status == 503, "nobody to be left")

    def test_weights_change_shares(self):
        one, two = self.server("one"), self.server("two")
        balancer = self.start({"app": [one.address, two.address]}, settings='algorithm = "weighted_round_robin"')
        self.assertEqual(self.servers(balancer)[one.address]["share"], 0.5)
        server = self.done(balancer, "PUT", f"/upstreams/app/servers/{one.address}", {"weight": 3, "state": "in_service"})
        self.assertEqual((server["weight"], server["share"]), (3, 0.75))
        until(lambda: 28 <= self.answered_by(balancer, 40)["one"] <= 32, "three quarters to go to the heavier one")
        self.assertTrue(balancer.reload())
        self.assertEqual(self.servers(balancer)[one.address]["weight"], 3)
        self.done(balancer, "PUT", f"/upstreams/app/servers/{one.address}", {"weight": 0})
        until(lambda: set(self.answered_by(balancer, 40)) == {"two"}, "all to go to the other")
        self.assertIn("weight 3 to 0", self.audit(balancer)[-1])

    def test_a_server_is_added_and_removed_under_load(self):
        one, two = self.server("one"), self.server("two")
        balancer = self.start({"app": [one.address]})
        with Load(balancer.port, path="/slow?ms=2") as load:
            load.wait_for_answers(20)
            added = self.done(balancer, "POST", "/upstreams/app/servers", {"address": two.address, "weight": 2, "name": "b"}, 201)
            self.assertEqual((added["name"], added["source"], added["weight"]), ("b", "admin", 2))
            until(lambda: self.servers(balancer)["b"]["requests"] > 20, "traffic to the new one")
            self.assertTrue(balancer.reload())
            self.assertIn("b", self.servers(balancer))
            self.assertEqual(self.done(balancer, "DELETE", "/upstreams/app/servers/b"), {"removed": "b"})
            self.assertNotIn("b", self.servers(balancer))
            load.wait_for_answers(100)
        self.assertEqual((load.lost, set(load.statuses)), ([], {200}))
        self.assertNotIn('server="b"', ask(balancer.admin_port, path="/metrics").body.decode())
        done = [line.split("done=")[1] for line in self.audit(balancer)]
        self.assertEqual(done, [f'"server b of app added: {two.address} weight=2 name=b"', '"server b of app removed"'])

    def test_a_server_by_its_host_name_is_resolved_at_once(self):
        one, two = self.server("one"), self.server("two")
        balancer = self.start({"app": [one.address]})
        self.done(balancer, "POST", "/upstreams/app/servers", {"address": f"localhost:{two.port}"}, 201)
        until(lambda: self.answered_by(balancer, 4)["two"] > 0, "an answer of the server that has a name")

    def test_a_slash_in_a_name_is_written_as_a_tilde(self):
        path = os.path.join(self.directory, "app.sock")
        self.origin(path=path)
        balancer = self.start({"app": [f"unix:{path}"]})
        written = f"/upstreams/app/servers/unix:{path}".replace(path, path.replace("/", "~"))
        self.assertEqual(self.done(balancer, "PUT", written, {"state": "draining"})["name"], f"unix:{path}")

    def test_what_is_wrong_is_told(self):
        balancer = self.start({"app": ["127.0.0.1:1"]})
        server = "/upstreams/app/servers/127.0.0.1:1"
        for method, path, body, status, detail in (
                ("GET", "/upstreams/nothing", None, 404, 'no upstream "nothing"'),
                ("PUT", "/upstreams/app/servers/x", {"weight": 1}, 404, 'no server "x" in the upstream "app"; a "/" in'),
                ("DELETE", "/upstreams/app/servers/x", None, 404, 'no server "x"'),
                ("POST", "/upstreams/nothing/servers", {"address": "127.0.0.1:2"}, 404, "no upstream"),
                ("PUT", server, b"{", 400, "not JSON"),
                ("PUT", server, {}, 400, 'takes "state", "weight" or both'),
                ("DELETE", server, None, 409, "the config lists the server"),
                ("POST", "/upstreams/app/servers", {"address": "127.0.0.1:1"}, 409, "already")):
            got, answer = self.api(balancer, method, path, body)
            self.assertEqual(got, status, (path, answer))
            self.assertIn(detail, answer["detail"])
        for path, method, body, pointers in (
                (server, "PUT", {"state": "gone", "weight": 70000}, {"#/state", "#/weight"}),
                (server, "PUT", {"wieght": 1}, {"#/wieght"}),
                ("/upstreams/app/servers", "POST", {"address": "nowhere", "name": "a b"}, {"#/address", "#/name"}),
                ("/upstreams/app/servers", "POST", {"weight": 1}, {"#/address"})):
            got, answer = self.api(balancer, method, path, body)
            self.assertEqual((got, {error["pointer"] for error in answer["errors"]}), (400, pointers))
        self.assertEqual(list(self.servers(balancer)), ["127.0.0.1:1"])


class Splits(AdminCase):
    def test_blue_and_green_are_switched_and_back_under_load_without_a_loss(self):
        balancer = self.blue_and_green()
        with Load(balancer.port) as load:
            load.wait_for_answers(50)
            self.assertEqual(set(load.answered_by), {"blue"})
            split = self.done(balancer, "POST", "/splits/release/switch", {"to": "green"})
            self.assertEqual([part["share"] for part in split["upstreams"]], [0, 1])
            until(lambda: set(self.answered_by(balancer, 20)) == {"green"}, "green to have it all")
            balancer.wait_for_metric(1, "weir_split_share", split="release", upstream="green")
            self.assertTrue(balancer.reload())
            self.assertEqual(set(self.answered_by(balancer, 20)), {"green"})
            split = self.done(balancer, "POST", "/splits/release/rollback")
            self.assertEqual([part["weight"] for part in split["upstreams"]], [100, 0])
            until(lambda: set(self.answered_by(balancer, 20)) == {"blue"}, "blue to have it back")
        self.assertEqual((load.lost, set(load.statuses)), ([], {200}))
        done = [line.split("done=")[1] for line in self.audit(balancer)]
        self.assertEqual(done, ['"split release from blue 100, green 0 to blue 0, green 1"',
                                '"split release from blue 0, green 1 to blue 100, green 0"'])

    def test_weights_are_set_all_at_once(self):
        balancer = self.blue_and_green()
        split = self.done(balancer, "PUT", "/splits/release", {"weights": {"blue": 1, "green": 3}})
        self.assertEqual([(part["name"], part["weight"], part["share"]) for part in split["upstreams"]],
                         [("blue", 1, 0.25), ("green", 3, 0.75)])
        self.assertEqual(self.done(balancer, "GET", "/splits")["splits"], [split])
        answers = self.answered_by(balancer, 400)
        self.assertTrue(240 <= answers["green"] <= 360, answers)

    def test_what_is_wrong_is_told_and_changes_nothing(self):
        balancer = self.blue_and_green()
        for method, path, body, status, detail in (
                ("GET", "/splits/nothing", None, 404, 'no split "nothing"'),
                ("PUT", "/splits/nothing", {"weights": {}}, 404, "no split"),
                ("POST", "/splits/nothing/rollback", None, 404, "no split"),
                ("PUT", "/splits/release", {"weights": {"blue": 0, "green": 0}}, 400, "above zero"),
                ("POST", "/splits/release/rollback", None, 409, "nothing to go back to")):
            got, answer = self.api(balancer, method, path, body)
            self.assertEqual(got, status, (path, answer))
            self.assertIn(detail, answer["detail"])
        for path, method, body, pointers in (
                ("/splits/release", "PUT", {"weights": {"blue": 1}}, {"#/weights/green"}),
                ("/splits/release", "PUT", {"weights": {"blue": 1, "green": 1, "red": 1}}, {"#/weights/red"}),
                ("/splits/release", "PUT", {}, {"#/weights"}),
                ("/splits/release/switch", "POST", {"to": "red"}, {"#/to"}),
                ("/splits/release/switch", "POST", {}, {"#/to"})):
            got, answer = self.api(balancer, method, path, body)
            self.assertEqual((got, {error["pointer"] for error in answer["errors"]}), (400, pointers))
        self.assertEqual([part["weight"] for part in self.done(balancer, "GET", "/splits/release")["upstreams"]], [100, 0])

    def test_a_roll_back_does_not_bring_back_an_upstream_that_the_config_took_out(self):
        balancer = self.blue_and_green()
        red = self.server("red")
        self.assertTrue(balancer.reload(CONFIG.format(
            upstreams=f'[upstream.blue]\nservers = ["{self.blue.address}"]\n[upstream.red]\nservers = ["{red.address}"]\n',
            to="release", extra="[split.release.weights]\nblue = 0\nred = 1\n")))
        until(lambda: set(self.answered_by(balancer, 20)) == {"red"}, "red to have it all")
        status, answer = self.api(balancer, "POST", "/splits/release/rollback")
        self.assertEqual((status, answer["detail"]), (409, "the config has other upstreams for this split since its last change"))
        self.assertEqual(set(self.answered_by(balancer, 20)), {"red"})
        text = ask(balancer.admin_port, path="/metrics").body.decode()
        self.assertNotIn('upstream="green"', "".join(line for line in text.splitlines() if "weir_split_share" in line))


class Told(AdminCase):
    def test_changes_arrive_as_events(self):
        balancer = self.blue_and_green()
        address = self.blue.address
        with Connection(balancer.admin_port) as listener:
            listener.send(f"GET /events HTTP/1.1\r\nHost: {HERE}\r\n\r\n")
            listener.read_head()
            self.done(balancer, "PUT", f"/upstreams/blue/servers/{address}", {"state": "draining", "weight": 2})
            self.done(balancer, "POST", "/upstreams/blue/servers", {"address": self.green.address, "name": "b"}, 201)
            self.done(balancer, "DELETE", "/upstreams/blue/servers/b")
            self.done(balancer, "PUT", "/splits/release", {"weights": {"blue": 1, "green": 1}})
            self.done(balancer, "POST", "/splits/release/rollback")
            events = [event for event in self.read_events(listener, "rolled_back") if event["event"] in ("server", "split")]
        kept = [{key: value for key, value in event.items() if key != "time"} for event in events if "action" in event]
        self.assertEqual(kept, [
            {"event": "server", "upstream": "blue", "server": address, "action": "set", "state": "draining", "weight": 2},
            {"event": "server", "upstream": "blue", "server": "b", "action": "added", "state": "in_service", "weight": 1},
            {"event": "server", "upstream": "blue", "server": "b", "action": "removed"},
            {"event": "split", "split": "release", "action": "set", "weights": "blue 1, green 1"},
            {"event": "split", "split": "release", "action": "rolled_back", "weights": "blue 100, green 0"}])

    def read_events(self, connection, last_action):
        text, events = "", []
        while not any(event.get("action") == last_action for event in events):
            text += connection.read(int(connection.read_line(), 16)).decode()
            connection.read(2)
            *blocks, text = text.split("\n\n")
            for block in blocks:
                data = [line[6:] for line in block.split("\n") if line.startswith("data: ")]
                events += [json.loads(line) for line in data]
        return events

    def test_the_status_page_shows_servers_splits_and_listeners(self):
        balancer = self.blue_and_green(extra='[[listener]]\nname = "raw"\nlisten = ["127.0.0.1:0"]\nmode = "tcp"\nupstream = "blue"\n')
        self.done(balancer, "PUT", f"/upstreams/green/servers/{self.green.address}", {"state": "disabled"})
        page = ask(balancer.admin_port, path="/", host=HERE).body.decode()
        for part in (self.blue.address, "1 of 1 up", "0 of 1 up", ">disabled<", ">100.0 %<", ">release<", ">raw<", ">TCP<",
                     "round robin"):
            self.assertIn(part, page)

    def test_metrics_tell_of_each_server(self):
        balancer = self.blue_and_green()
        self.answered_by(balancer, 5)
        balancer.wait_for_metric(5, "weir_server_requests_total", upstream="blue", server=self.blue.address)
        balancer.wait_for_metric(0, "weir_server_failures_total", upstream="blue")
        balancer.wait_for_metric(0, "weir_server_in_flight", upstream="blue")
        balancer.wait_for_metric(2, "weir_server_up")
        balancer.wait_for_metric(1, "weir_split_share", upstream="blue")
        text = ask(balancer.admin_port, path="/metrics").body.decode()
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))


if __name__ == "__main__":
    harness.main()
