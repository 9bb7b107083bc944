"""Registers, logs in and calls ``/me``, by the package on ``PYTHONPATH``; prints the statuses and the platform."""

import json
import platform
import sys

from sentri import BlockingAuthServer

auth = BlockingAuthServer(db="sqlite::memory:", valid_roles=["user"])
auth.migrate()


def ask(method, path, body=None, token=None):
    headers = [("content-type", "application/json"), ("host", "localhost")]
    if token:
        headers.append(("authorization", f"Bearer {token}"))
    request = {"method": method, "path": path, "headers": headers, "clientIp": "127.0.0.1"}
    answer = auth.handle(request, json.dumps(body).encode() if body else None)
    return answer.status, json.loads(answer.body)["data"]


identifiers = [{"type": "username", "value": "rizz"}]
registered, _ = ask("POST", "/register", {"identifiers": identifiers, "password": "correct horse"})
logged_in, tokens = ask("POST", "/login", {"identifier": "rizz", "password": "correct horse"})
known, me = ask("GET", "/me", token=tokens["accessToken"])
unknown = auth.handle({"method": "GET", "path": "/me", "headers": [("authorization", "Bearer x")]}).status
auth.close()
statuses = [registered, logged_in, known, unknown]
print(json.dumps({"machine": platform.machine(), "python": sys.version.split()[0], "statuses": statuses, "me": me}))
