"""Requests without a pause, so that a test can change things under them and say that not one was lost."""

import collections
import select
import socket
import ssl
import threading
import time

from harness import until
from raw_http import PATIENCE, Connection


class Load:
    """Threads that ask until stopped, in turn with connections that are kept and with a new one for each request.
    After stop(): `answers`, `statuses` and `answered_by` (the server's X-Server, or the body) count what came,
    `lost` lists what did not, as (kind, detail):

        refused   no connection          closed    the connection ended without a whole answer
        reset     by the other side      timeout   nothing came in `timeout` seconds
        5xx       an answer that says so    other  anything else, a failed TLS handshake among it

    A kept connection that the other side closes between requests is opened anew and nothing is lost, as with any
    client; a request that was sent on it and has no answer is lost. `connect` makes another kind of connection."""

    def __init__(self, port, threads=4, path="/", method="GET", fields=(), body=None, timeout=PATIENCE, connect=None):
        self.ask = lambda connection: connection.ask(method, path, fields, body)
        self.connect = connect or (lambda: Connection(port, timeout=timeout))
        self.answers, self.lost, self.longest = 0, [], 0.0
        self.statuses, self.answered_by = collections.Counter(), collections.Counter()
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number % 2 == 0,), daemon=True)
                        for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        return self

    def wait_for_answers(self, count):
        """Until so many more answers have come."""
        wanted = self.answers + count
        until(lambda: self.answers >= wanted, f"{count} answers; lost so far: {self.kinds}")

    @property
    def kinds(self):
        """How many were lost, by kind."""
        with self.lock:
            return collections.Counter(kind for kind, _ in self.lost)

    def _run(self, keeps):
        connection = None
        while not self.stopping.is_set():
            start = time.monotonic()
            connection, failure = self._one(connection, keeps)
            with self.lock:
                self.longest = max(self.longest, time.monotonic() - start)
                if failure is not None:
                    self.lost.append(failure)
            if failure is not None and failure[0] == "refused":
                self.stopping.wait(0.01)  # without this a port that is closed would be asked without a pause
        if connection is not None:
            connection.close()

    def _one(self, connection, keeps):
        """One request; the connection to go on with, and what was lost."""
        if connection is not None and has_ended(connection):
            connection.close()
            connection = None
        try:
            if connection is None:
                connection = self.connect()
            answer = self.ask(connection)
        except (OSError, EOFError, ValueError) as error:
            if connection is not None:
                connection.close()
            return None, (kind_of(error), repr(error))
        self._count(answer)
        if not keeps or (answer["Connection"] or "").lower() == "close":
            connection.close()
            connection = None
        return connection, ("5xx", answer.status) if answer.status >= 500 else None

    def _count(self, answer):
        with self.lock:
            self.answers += 1
            self.statuses[answer.status] += 1
            self.answered_by[answer["X-Server"] or answer.body.decode("latin-1")] += 1


def has_ended(connection):
    """Whether a connection on which nothing is awaited has something to read: its end, as a rule."""
    poll = select.poll()
    poll.register(connection.socket, select.POLLIN)
    return bool(poll.poll(0))


def kind_of(error):
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "reset"
    return "closed" if isinstance(error, (EOFError, ssl.SSLEOFError)) else "other"
