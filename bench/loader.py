"""Loads that neither wrk nor h2load can make; prints one JSON object.
    loader.py bulk PORT SECONDS CONNECTIONS         GET /bulk again and again; the bodies are thrown away unread
    loader.py handshakes PORT SECONDS CONNECTIONS   a new TLS 1.3 connection for each request, nothing resumed

wrk copies bodies in pieces of 8 KiB and resumes TLS sessions, and either would measure another thing."""

import json
import socket
import ssl
import sys
import threading
import time


def context_of_a_stranger():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


TLS = context_of_a_stranger()


def read_head(connection):
    """The head, and how much of the body came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(4096)
        if not more:
            raise EOFError("the connection ended in the head")
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    if not head.startswith(b"HTTP/1.1 200"):
        raise ValueError(head.decode())
    return head, len(body)


def bulk(port, end):
    """The kernel drops the bytes itself (MSG_TRUNC, tcp(7)): the load costs little beside what it measures."""
    received = 0
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.settimeout(None)
        unread = bytearray(8 << 20)
        while time.monotonic() < end:
            connection.sendall(b"GET /bulk HTTP/1.1\r\nHost: bench\r\n\r\n")
            head, early = read_head(connection)
            left = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) - early
            received += early
            while left and time.monotonic() < end:
                count = connection.recv_into(unread, min(left, len(unread)), socket.MSG_TRUNC)
                if count == 0:
                    raise EOFError("the connection ended in the body")
                left -= count
                received += count
    return received / 1e9, []


def handshakes(port, end):
    times = []
    while (start := time.monotonic()) < end:
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            with TLS.wrap_socket(plain, server_hostname="localhost") as connection:
                if connection.session_reused:
                    raise ValueError("a session was resumed")
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                read_head(connection)
                while connection.recv(65536):
                    pass
        times.append((time.monotonic() - start) * 1e6)
    return len(times), times


def main():
    load = {"bulk": bulk, "handshakes": handshakes}[sys.argv[1]]
    port, seconds, connections = int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    begin = time.monotonic()
    results, failures = [], []

    def one():
        try:
            results.append(load(port, begin + seconds))
        except (OSError, EOFError, ValueError) as error:
            failures.append(repr(error))
    threads = [threading.Thread(target=one) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit("the load failed: " + failures[0])
    print(json.dumps({"count": sum(count for count, _ in results), "seconds": time.monotonic() - begin,
                      "times_us": [one for _, times in results for one in times]}))


if __name__ == "__main__":
    main()
