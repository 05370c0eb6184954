"""What weir-balancer takes along when its binary is replaced in place."""

import harness
from harness import Connection, ask, until
from servers import PlainServer
from upgrading import Upgrading

CONFIG = """
[admin]
listen = ["127.0.0.1:0"]
[[listener]]
name = "web"
listen = ["127.0.0.1:0"]
upstream = "app"
[[listener]]
name = "raw"
listen = ["127.0.0.1:0"]
mode = "tcp"
upstream = "raw"
[upstream.app]
servers = ["{one} name=one", "{two} name=two"]
sticky = "cookie"
check = "http"
check_interval = "100ms"
check_fall = 1
check_rise = 1000
[upstream.raw]
servers = ["{one}"]
"""


class UpgradingBalancer(Upgrading, harness.Balancer):
    pass


class Upgrade(harness.Case):
    def test_cookies_health_and_connections_go_along(self):
        one, two = self.keep(PlainServer(self.directory, "one")), self.keep(PlainServer(self.directory, "two"))
        balancer = UpgradingBalancer(self.directory, CONFIG.format(one=one.address, two=two.address))
        self.addCleanup(self._end_daemon, balancer)
        port = balancer.ports["web"]
        first = ask(port)
        cookie = first["Set-Cookie"].split(";")[0]
        other = two if first.body.strip() == b"one" else one
        other.kill()
        until(lambda: "to=down" in balancer.err(), "the check to fail")
        with Connection(balancer.ports["raw"]) as raw:
            self.assertEqual(raw.ask().status, 200)
            balancer.upgrade()
            balancer.wait()
            # The connection lives on in the new process, the old one is gone.
            self.assertEqual(raw.ask().status, 200)
        log = balancer.err()
        self.assertNotIn("begins without", log)
        # The server was down and, with check_rise, stays so although it works again.
        other.start()
        answers = {ask(port).body.strip() for _ in range(6)}
        self.assertEqual(answers, {first.body.strip()})
        again = ask(port, fields=[("Cookie", cookie)])
        self.assertIsNone(again["Set-Cookie"])  # the cookie is still good: signed with the same secret


if __name__ == "__main__":
    harness.main()
