"""``sentri serve``: an auth server of its own, on uvicorn."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Optional

from ..serve_flags import SERVE_FLAGS
from ..server import AuthServer
from .command import Command
from .exits import CommandFailure
from .options import mount_path, printable
from .serving.application import Application
from .serving.listen import address_of, listen
from .serving.log import Log
from .serving.messages import Send, sender_of
from .serving.reload import make_server
from .serving.settings import Settings
from .serving.setup import open_setup
from .settle import settle

#: The input of the process, which a reload compares with: flags, settled options, and the function that sends messages.
_Given = tuple[Mapping[str, str], Mapping[str, Any], Optional[Send]]


def _serve(values: Mapping[str, str], _: Sequence[str]) -> None:
    if find_spec("uvicorn") is None:
        raise CommandFailure(
            "CANNOT_SERVE", 'serve needs uvicorn, which is not installed. Cure: pip install "sentri[serve]"'
        )
    from .serving.workers import own_part

    part = own_part()
    found = settle(values)
    settings = _settings(found["serve"])
    log = Log(settings.log, settings.log_level)
    options, send = found["options"], sender_of(found["serve"].get("messages"))
    given = (values, found, send)
    auth = make_server(options, log, send)
    if part is not None:
        asyncio.run(_work(auth, settings, log, given, *part[1:]))
        return
    try:
        _prepare(auth, found["serve"])
        setup = open_setup(auth, options, settings)
        listeners, is_own = listen(settings)
        try:
            announce = _announcement(auth, options, settings, listeners[0], setup)
            if settings.workers > 1:
                auth.blocking.close()
                asyncio.run(_supervise(settings, log, listeners, is_own, announce))
            else:
                asyncio.run(_run(auth, settings, log, given, listeners, is_own, announce))
        finally:
            for listener in listeners:
                listener.close()
            if settings.socket and os.path.exists(settings.socket):
                os.unlink(settings.socket)
    finally:
        auth.blocking.close()


def _settings(serve: Mapping[str, Any]) -> Settings:
    return Settings(
        host=serve["host"],
        port=serve["port"],
        mount=mount_path(serve),
        public_url=serve.get("publicUrl"),
        setup_token=serve.get("setupToken"),
        socket=serve.get("socket"),
        tls_cert=serve.get("tlsCert"),
        tls_key=serve.get("tlsKey"),
        metrics_host=serve["metricsHost"],
        metrics_port=serve.get("metricsPort"),
        drain=serve["drain"],
        workers=serve["workers"],
        log=serve["log"],
        log_level=serve["logLevel"],
    )


def _prepare(auth: AuthServer, serve: Mapping[str, Any]) -> None:
    """Waits for the database and brings the tables up to date, unless another command does that."""
    if serve["migrate"]:
        auth.blocking.migrate(wait=serve["wait"])
    else:
        auth.blocking.ready(wait=serve["wait"])


async def _run(
    auth: AuthServer,
    settings: Settings,
    log: Log,
    given: _Given,
    listeners: Sequence[socket.socket],
    is_own: bool,
    announce: Callable[[], None],
) -> None:
    """Serves in this process alone."""
    from .serving.process import Process, serving_metrics
    from .serving.reload import Reload

    application = Application(auth, settings.mount, log)

    async def text() -> str:
        return application.auth.metrics_text()

    async def started() -> None:
        announce()

    process = Process(application, settings, log)
    process.on_reload = Reload(*given, application, log)
    process.is_last = is_own
    with serving_metrics(settings, text):
        await process.run(listeners, started)
    await application.close()


async def _supervise(
    settings: Settings, log: Log, listeners: Sequence[socket.socket], is_own: bool, announce: Callable[[], None]
) -> None:
    """Serves in worker processes, which this process supervises."""
    from .serving.workers import Workers, command

    async def started() -> None:
        announce()

    await Workers(command(), settings, log, is_own).run(listeners, started)


async def _work(
    auth: AuthServer,
    settings: Settings,
    log: Log,
    given: _Given,
    descriptor: int,
    listeners: Sequence[socket.socket],
) -> None:
    """Serves as one worker of several."""
    from .serving.process import Process
    from .serving.reload import Reload
    from .serving.workers import Channel

    channel = await Channel.open(descriptor)
    application = Application(auth, settings.mount, log)
    process = Process(application, settings, log)
    process.on_reload = Reload(*given, application, log)

    def all_end() -> None:
        process.is_last = True

    async def answer() -> None:
        try:
            await channel.answer(lambda: application.auth.metrics_text(), all_end)
        finally:  # A channel that breaks means that the parent process is gone.
            process.stop()

    answering = asyncio.ensure_future(answer())
    try:
        await auth.ready()
        await process.run(listeners, lambda: channel.say(started=True))
    finally:
        answering.cancel()
        await application.close()


def _command() -> str:
    """The command line of this program, so that printed commands can be typed."""
    return "python -m sentri" if os.path.basename(sys.argv[0]) == "__main__.py" else "sentri"


def _database_flag(db: str) -> str:
    """The flag that names the database in a command to type. A URL with a secret in it is named by its variable."""
    if printable(db) == db:
        return f"--db '{db}'"
    return f'--db "${"DATABASE_URL" if db == os.environ.get("DATABASE_URL") else "DB"}"'


def _announcement(
    auth: AuthServer,
    options: Mapping[str, Any],
    settings: Settings,
    listener: socket.socket,
    setup: Optional[Callable[[str], str]],
) -> Callable[[], None]:
    """Makes the function that prints the server's address, and how to make the first admin. The latter goes to standard
    error, because it holds a token and logs are kept."""
    base = address_of(settings, listener)
    text = _overview(base, options, auth.routes)
    public = base if settings.public_url is None else settings.public_url + settings.mount

    def announce() -> None:
        print(text, flush=True)
        if setup is not None:
            print(setup(public), file=sys.stderr, flush=True)

    return announce


def _overview(base: str, options: Mapping[str, Any], routes: Sequence[tuple[str, str, str]]) -> str:
    db = options["db"] if isinstance(options["db"], str) else "by its parts"
    width = max(len(method) + len(path) for method, path, _ in routes) + 2
    needs = {"public": "", "user": "access token", "admin": "admin role or X-Api-Key"}
    rows = [f"  {f'{method} {path}'.ljust(width)} {needs[access]}".rstrip() for method, path, access in routes]
    key = '    -H "x-api-key: $SENTRI_API_KEY" \\\n' if options.get("apiKey") else ""
    admin = f"{_command()} create-user --identifier username:root --roles admin {_database_flag(db)}"
    last = "All of it is in memory: nothing is left when it stops." if ":memory:" in db else f"The first admin: {admin}"
    return (
        f"sentri is at {base}\ndatabase     {printable(db)}\n\n" + "\n".join(rows) + f"\n\nTry:\n"
        f"  curl -s {base}/register -H 'content-type: application/json' \\\n{key}"
        '    -d \'{"identifiers":[{"type":"username","value":"rizz"}],"password":"correct horse"}\'\n'
        f"  curl -s {base}/login -H 'content-type: application/json' "
        '-d \'{"identifier":"rizz","password":"correct horse"}\'\n\n'
        f"{last}\nCtrl-C stops it."
    )


serve = Command("start an auth server of its own", SERVE_FLAGS, _serve)
