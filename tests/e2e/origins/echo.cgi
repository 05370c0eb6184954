#!/usr/bin/python3
# What a CGI program saw of a request, as JSON, for apache2 and lighttpd.
import hashlib
import json
import os
import sys

body = sys.stdin.buffer.read(int(os.environ["CONTENT_LENGTH"]) if os.environ.get("CONTENT_LENGTH") else -1)
seen = json.dumps({"method": os.environ["REQUEST_METHOD"], "target": os.environ["REQUEST_URI"],
                   "x": os.environ.get("HTTP_X_TEST", ""), "length": len(body),
                   "sha": hashlib.sha256(body).hexdigest()})
with open(os.path.join(os.path.dirname(os.path.realpath(__file__)), "seen.log"), "a") as log:
    log.write(seen + "\n")
sys.stdout.write("Content-Type: application/json\r\n\r\n" + seen)
