"""A small HTTP server in a process of its own, to be killed, frozen and started again. Answers its name.
    plain_server.py --port PORT --name NAME [--cert CHAIN --key KEY]

    /slow?ms=N    the name after so many milliseconds      /bytes/N    so many bytes
    /status/NNN   the name with that status                /seen       the request, as JSON
    /busy         how many requests are being answered, this one among them
Every answer names the server in X-Server. SIGTERM ends it as servers end in a deployment: it stops listening,
answers what is under way with "Connection: close", and leaves."""

import argparse
import http.server
import json
import os
import signal
import ssl
import threading
import time
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece: two would wait for each other's acknowledgement
    disable_nagle_algorithm = True

    def handle_one_request(self):
        try:
            super().handle_one_request()
        finally:
            self.server.leave(self)

    def parse_request(self):
        self.server.enter(self)
        return super().parse_request()

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self):
        body = self.read_body()
        url = urllib.parse.urlsplit(self.path)
        first, _, rest = url.path.lstrip("/").partition("/")
        status, content = 200, self.server.name.encode()
        if first == "slow":
            time.sleep(int(urllib.parse.parse_qs(url.query)["ms"][0]) / 1000)
        elif first == "status":
            status = int(rest)
        elif first == "bytes":
            content = b"x" * int(rest)
        elif first == "busy":
            content = str(len(self.server.busy)).encode()
        elif first == "seen":
            content = json.dumps({"method": self.command, "target": self.path, "fields": self.headers.items(),
                                  "body": body.decode("latin-1"), "server": self.server.name}).encode()
        self.send_response(status)
        self.send_header("X-Server", self.server.name)
        has_body = status not in (204, 304)
        if has_body:
            self.send_header("Content-Length", str(len(content)))
        if self.server.leaving:
            self.send_header("Connection", "close")
        self.end_headers()
        if has_body and self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def log_message(self, *unused):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def __init__(self, port, name, tls):
        super().__init__(("127.0.0.1", port), Handler)
        self.name, self.tls, self.leaving = name, tls, False
        self.busy, self.changed = set(), threading.Condition()

    def finish_request(self, request, client_address):
        if self.tls is not None:
            with self.tls.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        else:
            super().finish_request(request, client_address)

    def enter(self, handler):
        with self.changed:
            self.busy.add(handler)

    def leave(self, handler):
        with self.changed:
            self.busy.discard(handler)
            self.changed.notify()

    def handle_error(self, request, client_address):
        pass  # a client that went away

    def leave_gracefully(self):
        self.leaving = True
        self.shutdown()
        self.server_close()
        with self.changed:
            self.changed.wait_for(lambda: not self.busy)
        os._exit(0)  # threads that wait on idle connections are not waited for


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    options = parser.parse_args()
    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert, options.key)
    server = Server(options.port, options.name, tls)
    leaving = threading.Thread(target=server.leave_gracefully)

    def leave(*unused):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        leaving.start()
    signal.signal(signal.SIGTERM, leave)
    print("ready", flush=True)
    server.serve_forever(poll_interval=0.05)
    leaving.join()


if __name__ == "__main__":
    main()
