"""A garden of real origins behind weir-proxy, and a corpus of good and evil requests. Each request is either
refused by the proxy, and then no origin sees anything of it, or it is seen identically by all of them, once.
And against Node's strict parser, asked directly: what Node refuses is not accepted by us to be read otherwise."""

import hashlib
import json
import os
import re
import shutil
import socket

import harness
import proxy_strictness
from harness import Connection, free_port, until

HERE = os.path.dirname(os.path.abspath(__file__))


def request(method="GET", target="/echo", fields=(), body=b"", chunks=None, version="HTTP/1.1"):
    """The bytes of a request, and what an origin must see of it."""
    head = [f"{method} {target} {version}", "Host: HOST"] + [f"{name}: {value}" for name, value in fields]
    sent = body
    if chunks is not None:
        head.append("Transfer-Encoding: chunked")
        body = b"".join(chunks)
        sent = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    elif body:
        head.append(f"Content-Length: {len(body)}")
    x = dict((name.lower(), value) for name, value in fields).get("x-test", "")
    seen = {"method": method, "x": x, "length": len(body), "sha": hashlib.sha256(body).hexdigest()}
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + sent, seen


def good_requests():
    """name: (bytes, what is seen, the target that is seen)"""
    good = {}

    def add(name, target="/echo", normal=None, **more):
        bytes_sent, seen = request(target=target, **more)
        good[name] = (bytes_sent, seen, normal or target)
    add("plain")
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        # Without a length lighttpd answers 411 where a method usually has a body.
        add(method, method=method, fields=[("Content-Length", "0")] if method[0] == "P" else [])
        add(method + " with a body", method=method, body=b"some body")
    for size in (1, 2, 100, 1000, 4095, 4096, 65535, 65536, 200_000):
        add(f"a body of {size}", method="POST", body=os.urandom(size))
        add(f"a chunked body of {size}", method="POST", chunks=[os.urandom(size)])
    add("many chunks", method="POST", chunks=[bytes([65 + n % 26]) * (n + 1) for n in range(100)])
    add("a chunked body with nothing in it", method="POST", chunks=[])
    add("a body that looks like a request", method="POST", body=b"GET /smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n")
    add("a body that looks like chunks", method="POST", body=b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n")
    add("a chunk that looks like the end", method="POST", chunks=[b"0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
    for value in ("x", "a b", "a,b", "a;b=c", '"quoted"', "a=b; c=d", "!#$%&'*+-.^_`|~", "(comment)", "x" * 3000):
        add(f"a field of {value[:20]!r}", fields=[("X-Test", value)])
    for name in ("x-test", "X-TEST", "X-tEsT"):
        add(f"a field named {name}", fields=[(name, "v")])
    add("spaces around a value", fields=[("X-Other", "  \t v \t ")])
    add("an empty value", fields=[("X-Other", "")])
    for n in (10, 50, 90):
        add(f"{n} fields", fields=[(f"X-F{i}", str(i)) for i in range(n)])
    for query in ("a=b", "a=b&c=d", "%20", "a=%2F..%2F", "q=a/b/../c", "?", "a=;b", "x=" + "y" * 2000):
        add(f"query {query[:20]}", target=f"/echo?{query}")
    add("dot segments", target="/x/../echo", normal="/echo")
    add("a dot segment", target="/./echo", normal="/echo")
    add("two slashes", target="//echo", normal="/echo")
    add("encoded letters", target="/%65cho", normal="/echo")
    add("lower-case encodings", target="/echo?%c3%a9")
    add("hop-by-hop fields", fields=[("Connection", "X-Gone"), ("X-Gone", "1"), ("Keep-Alive", "5"), ("X-Test", "stays")])
    add("a cookie", fields=[("Cookie", "a=b; c=d")])
    add("content-length 0", method="POST", fields=[("Content-Length", "0")])
    return good


class Garden(harness.Case):
    @classmethod
    def setUpClass(cls):
        for program in ("nginx", "apache2", "lighttpd", "node", "gunicorn"):
            if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
                raise AssertionError(f"{program} is not installed: run scripts/deps test")

    def folder(self, name):
        path = os.path.join(self.directory, name)
        os.mkdir(path)
        os.chmod(path, 0o777)
        return path

    def write(self, path, text):
        with open(path, "w") as file:
            file.write(text)
        return path

    def seen_log(self, name):
        return os.path.join(self.directory, name, "seen.log")

    def start_node(self):
        process = self.run_process(["node", os.path.join(HERE, "origins/echo.js"), self.seen_log("node")])
        return int(until(lambda: re.search(r"port (\d+)", process.out()), "node").group(1))

    def start_python(self):
        process = self.run_process(["/usr/bin/python3", os.path.join(HERE, "origins/echo_http_server.py"), self.seen_log("python")])
        return int(until(lambda: re.search(r"port (\d+)", process.out()), "http.server").group(1))

    def start_gunicorn(self):
        port = free_port()
        self.run_process(["/usr/bin/gunicorn", "--chdir", os.path.join(HERE, "origins"), "-b", f"127.0.0.1:{port}",
                          "-k", "gthread", "--keep-alive", "60", "echo_wsgi:application"],
                         env={"SEEN_LOG": self.seen_log("gunicorn"), "PYTHONDONTWRITEBYTECODE": "1"})
        return port

    def start_nginx(self):
        """nginx has no words for a body's content: it tells its length, and the test takes that for the rest."""
        port, folder = free_port(), os.path.join(self.directory, "nginx")
        config = self.write(os.path.join(folder, "nginx.conf"), f"""
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  log_format seen escape=json '{{"method":"$request_method","target":"$request_uri","x":"$http_x_test"}}';
  access_log {folder}/seen.log seen;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; client_max_body_size 0;
    location / {{ default_type application/json; return 200 '{{"method":"$request_method","target":"$request_uri"}}'; }} }}
}}""")
        self.run_process(["nginx", "-e", "stderr", "-c", config])
        return port

    def cgi_script(self, folder):
        script = os.path.join(folder, "echo")
        shutil.copy(os.path.join(HERE, "origins/echo.cgi"), script)
        os.chmod(script, 0o755)
        return script

    def start_apache(self):
        port, folder = free_port(), os.path.join(self.directory, "apache2")
        self.cgi_script(folder)
        modules = "/usr/lib/apache2/modules"
        config = self.write(os.path.join(folder, "apache2.conf"), f"""
ServerRoot {folder}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Listen 127.0.0.1:{port}
ServerName localhost
ErrorLog {folder}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule cgid_module {modules}/mod_cgid.so
LoadModule mime_module {modules}/mod_mime.so
TypesConfig /dev/null
ScriptSock {folder}/cgid.sock
DocumentRoot {folder}
Options +ExecCGI
SetHandler cgi-script
{"User nobody" if os.getuid() == 0 else ""}
""")
        os.chmod(self.directory, 0o755)
        self.run_process(["/usr/sbin/apache2", "-X", "-f", config])
        return port

    def start_lighttpd(self):
        port, folder = free_port(), os.path.join(self.directory, "lighttpd")
        self.cgi_script(folder)
        config = self.write(os.path.join(folder, "lighttpd.conf"), f"""
server.modules = ("mod_cgi")
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.upload-dirs = ("{folder}")
cgi.assign = ("" => "/usr/bin/python3")
""")
        self.run_process(["/usr/sbin/lighttpd", "-D", "-f", config])
        return port

    ORIGINS = ("node", "python", "gunicorn", "nginx", "apache2", "lighttpd")

    def start_garden(self):
        start = {"node": self.start_node, "python": self.start_python, "gunicorn": self.start_gunicorn,
                 "nginx": self.start_nginx, "apache2": self.start_apache, "lighttpd": self.start_lighttpd}
        self.ports = {}
        for name in self.ORIGINS:
            self.folder(name)
            self.ports[name] = start[name]()
        for name, port in self.ports.items():
            until(lambda: harness.accepts(port), f"{name} to listen")
        upstreams = "".join(f'[upstream.{name}]\nservers = ["127.0.0.1:{port}"]\n[[route]]\nname = "{name}"\n'
                            f'hosts = ["{name}.test"]\nupstream = "{name}"\n' for name, port in self.ports.items())
        return self.proxy('[server]\nlisten = ["127.0.0.1:0"]\n[client]\nmax_header_bytes = "32KiB"\n' + upstreams)

    def requests_seen(self, name):
        path = self.seen_log(name)
        if not os.path.exists(path):
            return 0
        with open(path) as log:
            return sum(1 for _ in log)

    def test_good_requests_are_seen_alike_by_all_and_evil_ones_by_none(self):
        proxy = self.start_garden()
        good = good_requests()
        for name in self.ORIGINS:
            host = f"{name}.test".encode()
            for what, (sent, seen, target) in good.items():
                with self.subTest(origin=name, request=what), Connection(proxy.port) as client:
                    # The body may name the host too; a good request's length must not change.
                    head, _, body = sent.partition(b"\r\n\r\n")
                    client.send(head.replace(b"Host: HOST", b"Host: " + host) + b"\r\n\r\n" + body)
                    answer = client.read_answer()
                    self.assertEqual(answer.status, 200, answer.body)
                    got = json.loads(answer.body)
                    self.assertEqual(got, {**seen, "target": target} if name != "nginx"
                                     else {"method": seen["method"], "target": target})
            for what, (sent, status) in proxy_strictness.REFUSED.items():
                with self.subTest(origin=name, request=what), Connection(proxy.port) as client:
                    client.send(sent.encode("latin-1").replace(b"Host: a\r\n", b"Host: " + host + b"\r\n"))
                    self.assertEqual(client.read_answer().status, status)
                    self.assertTrue(client.is_closed_by_peer())
            self.assertEqual(until(lambda: self.requests_seen(name) >= len(good) and self.requests_seen(name), name), len(good))

    def test_what_node_refuses_is_refused_or_made_harmless(self):
        """Node is asked directly and through the proxy. Whatever reaches it through the proxy it accepts, as
        one request."""
        self.folder("node")
        port = self.start_node()
        until(lambda: harness.accepts(port), "node")
        proxy = self.proxy(f'[server]\nlisten = ["127.0.0.1:0"]\n[upstream.default]\nservers = ["127.0.0.1:{port}"]\n')

        def status_of(where, sent):
            with Connection(where) as client:
                client.send(sent)
                client.socket.shutdown(socket.SHUT_WR) if where == port else None
                try:
                    return client.read_answer().status
                except (EOFError, ConnectionResetError):
                    return 0
        corpus = {name: sent.replace(b"HOST", b"a", 1) for name, (sent, _, _) in good_requests().items()}
        corpus.update({name: text.encode("latin-1") for name, (text, _) in proxy_strictness.REFUSED.items()
                       if "CONNECT" not in text})
        for name, sent in corpus.items():
            with self.subTest(name):
                before = self.requests_seen("node")
                ours = status_of(proxy.port, sent)
                forwarded = self.requests_seen("node") - before
                self.assertLessEqual(forwarded, 1)
                if forwarded == 0:
                    self.assertGreaterEqual(ours, 400)
                    continue
                self.assertEqual(ours, 200)
                self.assertEqual(status_of(port, sent), 200, "Node refuses directly what we let through")


if __name__ == "__main__":
    harness.main()
