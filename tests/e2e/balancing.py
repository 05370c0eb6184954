"""What tests of weir-balancer share: a config with one listener and one upstream, and servers for it."""

import collections
import socket

import harness
from harness import Connection
from servers import PlainServer

BALANCED = """
[server]
workers = {workers}
{server}
[admin]
listen = ["127.0.0.1:0"]
[client]
{client}
[[listener]]
name = "front"
listen = ["127.0.0.1:0"]
mode = "{mode}"
upstream = "app"
{listener}
[upstream.app]
servers = [{servers}]
{upstream}
{extra}
"""

# For tests in which servers fail on purpose and must be asked again even so.
NO_BREAKER = "breaker_failures = 0\nbreaker_ratio = 0.0\n"


def balanced(servers, mode="http", workers=2, server="", client="", listener="", upstream="", extra=""):
    """A config's text. `servers` are things with an address, or entries as they stand in a config."""
    entries = ", ".join(f'"{getattr(one, "address", one)}"' for one in servers)
    return BALANCED.format(servers=entries, mode=mode, workers=workers, server=server, client=client,
                           listener=listener, upstream=upstream, extra=extra)


class Case(harness.Case):
    def plain_servers(self, names, **more):
        """One server for each letter."""
        return [self.keep(PlainServer(self.directory, name, **more)) for name in names]

    def balance(self, servers, **more):
        return self.balancer(balanced(servers, **more))


def shares(port, count, connections=4, **request):
    """Who answers so many requests, over several connections in turn."""
    counts = collections.Counter()
    clients = [Connection(port) for _ in range(connections)]
    try:
        for number in range(count):
            counts[clients[number % connections].ask(**request)["X-Server"]] += 1
    finally:
        for client in clients:
            client.close()
    return counts


def connect_from(address, port, timeout=harness.PATIENCE):
    """A connection from another address of the loopback network."""
    connection = Connection.__new__(Connection)
    connection.socket = socket.create_connection(("127.0.0.1", port), timeout, (address, 0))
    connection.buffer = b""
    return connection
