"""``sentri serve``: an auth server of its own, on uvicorn."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Optional

from ..asgi import Endpoints, Receive, Scope, Send, write
from ..options import in_production
from ..requests import asgi_path
from ..server import AuthServer
from ..tables import SENTRI_ROUTES
from .arguments import Flag
from .command import Command
from .exits import CommandFailure, UsageError
from .options import MOUNT, PROXY, SERVER, WAIT, mount_path, printable, server_options, trust_proxy_of


class _NotFound(Exception):
    status_code = 404


class _Lines:
    """A logger that writes each entry as a line of JSON."""

    def info(self, entry: Mapping[str, Any]) -> None:
        print(json.dumps(entry, separators=(",", ":"), ensure_ascii=False), flush=True)

    warning = error = info


class _Application:
    """The endpoints under the mount point, and a 404 in the envelope for all else."""

    def __init__(self, auth: AuthServer, mount: str) -> None:
        self._auth = auth
        self._mount = mount

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, mount = asgi_path(scope), self._mount
        if path != mount and not path.startswith(f"{mount}/"):
            return await write(send, scope["method"], self._auth.error_response(_NotFound()))
        await Endpoints(self._auth, path[len(mount) :] or "/")(scope, receive, send)


def _is_on(values: Mapping[str, str], flag: str) -> Optional[bool]:
    """The value of a flag that is on or off."""
    value = values.get(flag)
    if value not in (None, "on", "off"):
        raise UsageError(f"--{flag} must be on or off, not {value}")
    return None if value is None else value == "on"


def _serve(values: Mapping[str, str], _: Sequence[str]) -> None:
    if find_spec("uvicorn") is None:
        raise CommandFailure(
            "CANNOT_SERVE", 'serve needs uvicorn, which is not installed. Cure: pip install "sentri[serve]"'
        )
    port = values["port"]
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        raise UsageError(f"--port must be from 0 to 65535, not {port}")
    options = server_options(values)
    options["known_devices"] = _is_on(values, "known-devices")
    host_cookies = _is_on(values, "host-cookies")
    if in_production() if host_cookies is None else host_cookies:
        options["cookie"] = {"prefix": "__Host-"}
    trusted = trust_proxy_of(values)
    if trusted:
        options["trust_proxy"] = trusted
    if "log" in values:
        options["logger"] = _Lines()
    auth = AuthServer(**options)
    try:
        auth.blocking.migrate(wait=values["wait"])
        with _listen(values["host"], int(port)) as listener:
            asyncio.run(_run(auth, values, listener, str(options["db"])))
    finally:
        auth.blocking.close()


async def _run(auth: AuthServer, values: Mapping[str, str], listener: socket.socket, db: str) -> None:
    import uvicorn

    mount = mount_path(values)
    config = uvicorn.Config(
        _Application(auth, mount),  # type: ignore[arg-type, unused-ignore]
        lifespan="off", ws="none", log_config=None, access_log=False, proxy_headers=False, server_header=False,
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = uvicorn.Server(config)
    # It raises the signal that ended it once more, which is then ours: the end was asked for.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        _announce(f"http://{_authority(values['host'])}:{listener.getsockname()[1]}{mount}", db, values)
    await serving
    print("\nstopping", flush=True)


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens there, to IPv4 too where the host is ``::``."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        both = host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server((host, port), family=family, backlog=2_048, dualstack_ipv6=both)
    except OSError as error:
        raise CommandFailure("CANNOT_LISTEN", _why_not(error, host, port)) from error


def _why_not(error: OSError, host: str, port: int) -> str:
    """The reason why it can't listen, with the cure."""
    another = "choose another with --host, such as 127.0.0.1 or 0.0.0.0"
    if isinstance(error, socket.gaierror):
        return f"{host} is an unknown host: {another}"
    reasons = {
        errno.EADDRINUSE: f"port {port} is in use: choose another with --port",
        errno.EACCES: f"port {port} may not be opened by this user: choose one above 1023 with --port",
        errno.EADDRNOTAVAIL: f"{host} is no address of this machine: {another}",
    }
    return reasons.get(error.errno or 0, f"cannot listen on {host}, port {port}: {error}")


def _authority(host: str) -> str:
    """The host as URLs have it: an IPv6 address stands in brackets (RFC 3986, 3.2.2)."""
    if host == "0.0.0.0":
        return "localhost"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _command() -> str:
    """The command line of this program, so that what is printed can be typed."""
    return "python -m sentri" if os.path.basename(sys.argv[0]) == "__main__.py" else "sentri"


def _announce(base: str, db: str, values: Mapping[str, str]) -> None:
    width = max(len(method) + len(path) for method, path, _ in SENTRI_ROUTES) + 2
    needs = {"public": "", "user": "access token", "admin": "admin role or X-Api-Key"}
    rows = [f"  {f'{method} {path}'.ljust(width)} {needs[access]}".rstrip() for method, path, access in SENTRI_ROUTES]
    key = '    -H "x-api-key: $SENTRI_API_KEY" \\\n' if values.get("api-key") else ""
    admin = f"{_command()} create-user --identifier username:root --roles admin --db '{printable(db)}'"
    last = "All of it is in memory: nothing is left when it stops." if ":memory:" in db else f"The first admin: {admin}"
    print(
        f"sentri is at {base}\ndatabase     {printable(db)}\n\n" + "\n".join(rows) + f"\n\nTry:\n"
        f"  curl -s {base}/register -H 'content-type: application/json' \\\n{key}"
        '    -d \'{"identifiers":[{"type":"username","value":"rizz"}],"password":"correct horse"}\'\n'
        f"  curl -s {base}/login -H 'content-type: application/json' "
        '-d \'{"identifier":"rizz","password":"correct horse"}\'\n\n'
        f"{last}\nCtrl-C stops it.",
        flush=True,
    )


serve = Command(
    "start an auth server of its own",
    {
        "port": Flag("0 takes a free one", value="number", env="PORT", default="3000"),
        "host": Flag("0.0.0.0 listens to everybody", value="address", env="HOST", default="127.0.0.1"),
        "mount": MOUNT,
        **SERVER,
        **WAIT,
        **PROXY,
        "known-devices": Flag(
            "whether a login makes its browser known, so that strangers who lock an account out do not reach it",
            value="on or off",
            env="SENTRI_KNOWN_DEVICES",
            default="on",
        ),
        "host-cookies": Flag(
            "whether cookies are named __Host-, so that no other host of the domain can set them; needs https; on in production",
            value="on or off",
            env="SENTRI_HOST_COOKIES",
        ),
        "log": Flag("write auth events to standard output, a JSON object a line"),
    },
    _serve,
)
