"""weir-balancer and its peers, each set up as someone who knows it well would, for one processor and this job.
Every contestant listens on its ports of these at once, all to the same backend:

    tcp     a relay that does not look at what passes, set up for small requests
    bulk    the same, set up for large transfers (what is best for one costs HAProxy and nginx in the other:
            splicing adds a tenth to a small request, and takes four fifths off a gigabyte)
    http    HTTP/1.1
    https   TLS 1.3 with an ECDSA P-256 certificate; by ALPN HTTP/2 or HTTP/1.1
    h2c     HTTP/2 in clear, with prior knowledge

An HTTP contestant tells the backend the client's address and the protocol, and keeps its connections to it."""

import os
import shutil

from side_by_side import SERVER_CPU, Server, free_port, nginx_command, write_file

WEIR = """
[server]
workers = 1

[[listener]]
name = "tcp"
listen = ["127.0.0.1:{tcp}"]
mode = "tcp"
upstream = "app"

[[listener]]
name = "bulk"
listen = ["127.0.0.1:{bulk}"]
mode = "tcp"
upstream = "app"

[[listener]]
name = "http"
listen = ["127.0.0.1:{http}"]
mode = "http"
upstream = "app"

[[listener]]
name = "https"
listen = ["127.0.0.1:{https}"]
mode = "http"
upstream = "app"
http2 = true
[listener.tls]
certificates = [{{ certificate = "{pem}", key = "{pem}" }}]

[[listener]]
name = "h2c"
listen = ["127.0.0.1:{h2c}"]
mode = "http"
upstream = "app"
http2 = true

[access_log]
to = "off"

[client]
idle_timeout = "10m"

[upstream.app]
servers = ["127.0.0.1:{backend}"]
keepalive = 1024
"""

HAPROXY = """
global
  nbthread 1
  maxconn 20000
  no strict-limits
  tune.listener.multi-queue off
  tune.pipesize 1048576
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  timeout connect 5s
  timeout client 600s
  timeout server 60s
  timeout http-keep-alive 600s
listen tcp
  mode tcp
  bind 127.0.0.1:{tcp} backlog 4096
  server one 127.0.0.1:{backend}
listen bulk
  mode tcp
  bind 127.0.0.1:{bulk} backlog 4096
  option splice-response
  server one 127.0.0.1:{backend}
frontend web
  mode http
  bind 127.0.0.1:{http} backlog 4096
  bind 127.0.0.1:{https} backlog 4096 ssl crt {pem} alpn h2,http/1.1
  bind 127.0.0.1:{h2c} backlog 4096 proto h2
  option http-keep-alive
  option forwardfor
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  default_backend app
backend app
  mode http
  http-reuse always
  server one 127.0.0.1:{backend}
"""

NGINX = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; worker_processes 1; error_log stderr error; pid nginx.pid;
events {{ worker_connections 19000; multi_accept on; }}
stream {{
  proxy_timeout 600; tcp_nodelay on;
  server {{ listen 127.0.0.1:{tcp} backlog=4096; proxy_pass 127.0.0.1:{backend}; proxy_buffer_size 16k; }}
  server {{ listen 127.0.0.1:{bulk} backlog=4096; proxy_pass 127.0.0.1:{backend}; proxy_buffer_size 256k; }}
}}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600; tcp_nodelay on; server_tokens off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:sessions:10m; ssl_session_timeout 1h;
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{http} backlog=4096;
    listen 127.0.0.1:{https} backlog=4096 ssl http2;
    listen 127.0.0.1:{h2c} backlog=4096 http2;
    ssl_certificate {pem}; ssl_certificate_key {pem};
    location / {{
      proxy_pass http://backend; proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""

NGHTTPX = """
workers=1
errorlog-file=/dev/stderr
frontend=127.0.0.1,{https}
frontend=127.0.0.1,{h2c};no-tls
backend=127.0.0.1,{backend}
private-key-file={pem}
certificate-file={pem}
add-x-forwarded-for=yes
no-ocsp=yes
no-via=yes
backlog=4096
backend-keep-alive-timeout=10m
frontend-http2-read-timeout=10m
"""

ALL_PORTS = ("tcp", "bulk", "http", "https", "h2c")
PEERS = {  # name: config, ports, command from config path and directory
    "haproxy": (HAPROXY, ALL_PORTS, lambda path, directory: ["haproxy", "-db", "-f", path]),
    "nginx": (NGINX, ALL_PORTS, lambda path, directory: nginx_command(directory, path)),
    "nghttpx": (NGHTTPX, ("https", "h2c"), lambda path, directory: ["nghttpx", f"--conf={path}"]),
}


def contestants(weir):
    return {"weir-balancer": (WEIR, ALL_PORTS, lambda path, directory: [weir, "-c", path]), **PEERS}


def start(weir, names, backend_port, pem, directory):
    """Yields a Server for each name; one whose program is not there is left out, loudly."""
    for name, (template, port_names, command) in contestants(weir).items():
        if name not in names:
            continue
        ports = {port_name: free_port() for port_name in port_names}
        path = write_file(directory, name + ".conf", template.format(**ports, backend=backend_port, pem=pem))
        words = command(path, directory)
        if shutil.which(words[0]) is None:
            print(f"*** {name} IS LEFT OUT: there is no {os.path.relpath(words[0])} ***", flush=True)
            continue
        yield Server(name, SERVER_CPU, ports, words, directory)
