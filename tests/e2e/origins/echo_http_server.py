"""What Python's http.server saw of a request, as JSON. Usage: echo_http_server.py LOG"""

import hashlib
import http.server
import json
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def read_body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline() != b"\r\n":
            pass
        return body

    def answer(self):
        body = self.read_body()
        seen = json.dumps({"method": self.command, "target": self.path, "x": self.headers.get("X-Test", ""),
                           "length": len(body), "sha": hashlib.sha256(body).hexdigest()}).encode()
        with open(sys.argv[1], "ab") as log:
            log.write(seen + b"\n")
        self.send_response(200)
        self.send_header("Content-Length", str(len(seen)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(seen)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = answer

    def log_message(self, *unused):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("port", server.server_address[1], flush=True)
server.serve_forever()
