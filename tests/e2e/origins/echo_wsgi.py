"""What a WSGI application saw of a request, as JSON, for gunicorn. The log is named by $SEEN_LOG."""

import hashlib
import json
import os


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    seen = json.dumps({"method": environ["REQUEST_METHOD"], "target": environ["RAW_URI"],
                       "x": environ.get("HTTP_X_TEST", ""), "length": len(body),
                       "sha": hashlib.sha256(body).hexdigest()})
    with open(os.environ["SEEN_LOG"], "a") as log:
        log.write(seen + "\n")
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(seen)))])
    return [seen.encode()]
