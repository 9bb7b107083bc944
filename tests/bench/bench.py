"""Speed of the Python package as ratios against peers, measured in one run: machines differ, ratios less so. Prints,
asserts nothing. Rounds are interleaved and medians taken, so that a noisy second harms no one side."""

from __future__ import annotations

import asyncio
import math
import os
import platform
import socket
import statistics
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt as joserfc
from joserfc.jwk import OctKey, RSAKey
from sentri import AuthServer, BlockingAuthServer

SECRET = "a secret of at least thirty-two bytes, for benchmarks"
PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)
ROWS: list[tuple[str, str, str, str]] = []


def row(what: str, value: str, peer: str, ratio: str) -> None:
    ROWS.append((what, value, peer, ratio))
    print(f"  {what}: {value}; {peer}; {ratio}", flush=True)


def micros(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} us"


def compare(functions: list[Callable[[int], Any]], calls: int, rounds: int = 15) -> list[float]:
    """Seconds a call of each function, interleaved; the argument counts up and never comes back."""
    results: list[list[float]] = [[] for _ in functions]
    for turn in range(rounds):
        for function, seen in zip(functions, results):
            started = time.perf_counter()
            for call in range(turn * calls, (turn + 1) * calls):
                function(call)
            if turn > 2:
                seen.append((time.perf_counter() - started) / calls)
    return [statistics.median(seen) for seen in results]


def verification() -> None:
    public = serialization.load_pem_private_key(PEM.encode(), None).public_key()
    for algorithm, secret, verifying, key in [
        ("HS256", SECRET, SECRET, OctKey.import_key(SECRET)),
        ("RS256", PEM, public, RSAKey.import_key(PEM)),
    ]:
        auth = BlockingAuthServer(
            db="sqlite::memory:", valid_roles=["user"], secret=secret, algorithm=algorithm, logger=False
        )
        calls = 200

        def claims(number: int) -> dict[str, Any]:
            now = int(time.time())
            session = f"0197a0e0-1111-7000-8000-{number:012}"
            return {
                "id": f"0197a0e0-0000-7000-8000-{number:012}",
                "roles": ["user", "editor"],
                "sessionId": session,
                "iat": now,
                "exp": now + 900,
            }

        signing = serialization.load_pem_private_key(PEM.encode(), None) if algorithm == "RS256" else SECRET
        tokens = [jwt.encode(claims(number), signing, algorithm) for number in range(calls * 15)]
        registry = joserfc.JWTClaimsRegistry(exp={"essential": True})

        def jose(number: int) -> None:
            registry.validate(joserfc.decode(tokens[number], key, algorithms=[algorithm]).claims)

        # What is measured is checked first.
        assert auth.verify_access_token(tokens[0]).id == jwt.decode(tokens[0], verifying, algorithms=[algorithm])["id"]
        miss, pyjwt, joserfc_time = compare(
            [
                lambda number: auth.verify_access_token(tokens[number]),
                lambda number: jwt.decode(tokens[number], verifying, algorithms=[algorithm]),
                jose,
            ],
            calls,
        )
        row(f"verify {algorithm}, miss", micros(miss), f"PyJWT {micros(pyjwt)}", f"{pyjwt / miss:.2f}x")
        row(f"verify {algorithm}, miss", micros(miss), f"joserfc {micros(joserfc_time)}", f"{joserfc_time / miss:.2f}x")
        one = tokens[0]
        auth.verify_access_token(one)
        hit, pyjwt, joserfc_time = compare(
            [
                lambda _: auth.verify_access_token(one),
                lambda _: jwt.decode(one, verifying, algorithms=[algorithm]),
                lambda _: jose(0),
            ],
            1_000,
        )
        row(f"verify {algorithm}, hit", micros(hit), f"PyJWT {micros(pyjwt)}", f"{pyjwt / hit:.0f}x")
        row(f"verify {algorithm}, hit", micros(hit), f"joserfc {micros(joserfc_time)}", f"{joserfc_time / hit:.0f}x")
        id, session = claims(0)["id"], claims(0)["sessionId"]
        header = {"alg": algorithm}
        sign, pyjwt, joserfc_time = compare(
            [
                lambda _: auth.sign_access_token(id, ["user", "editor"], session),
                lambda number: jwt.encode(claims(number), signing, algorithm),
                lambda number: joserfc.encode(header, claims(number), key, algorithms=[algorithm]),
            ],
            50,
        )
        row(f"sign {algorithm}", micros(sign), f"PyJWT {micros(pyjwt)}", f"{pyjwt / sign:.2f}x")
        row(f"sign {algorithm}", micros(sign), f"joserfc {micros(joserfc_time)}", f"{joserfc_time / sign:.2f}x")
        auth.close()


def processor_time(process: int) -> float:
    """Seconds that the process's first thread, which serves, has spent on a processor: others may use the machine too.
    NaN but on Linux.
    """
    try:
        return int(Path(f"/proc/{process}/task/{process}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return math.nan


def read_response(connection: socket.socket) -> bytes:
    """A response with its length, to its end."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536) or b"\r\n\r\n"
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
    while len(body) < length:
        body += connection.recv(65_536)
    return head


def load(
    server: int, port: int, path: str, token: str, seconds: float = 1.0, connections: int = 8
) -> tuple[float, float]:
    """Requests a second over kept connections, and the server's seconds of processor for one."""
    count = [0] * connections
    request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n".encode()
    before, until = processor_time(server), time.monotonic() + seconds

    def ask(index: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while time.monotonic() < until:
                connection.sendall(request)
                head = read_response(connection)
                assert head.startswith(b"HTTP/1.1 200 "), head
                count[index] += 1

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(count) / seconds, (processor_time(server) - before) / sum(count)


def protected_route() -> None:
    """FastAPI in a child process, with and without protect()."""
    # asyncio sends at once over sockets that say that they are TCP, and waits for what else there may be to send over
    # others.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    auth_options: dict[str, Any] = {
        "valid_roles": ["user"],
        "secret": SECRET,
        "salt_rounds": 10,
        "rate_limit": False,
        "logger": False,
    }
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        serve(listener, auth_options, write)
        os._exit(0)
    os.close(write)
    token = os.read(read, 4096).decode()
    port = listener.getsockname()[1]
    listener.close()
    try:
        results: dict[str, list[tuple[float, float]]] = {"/open": [], "/idle": [], "/me": []}
        for path in results:
            load(child, port, path, token)
        for _ in range(7):
            for path, seen in results.items():
                seen.append(load(child, port, path, token))
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    (without, open_time), (idle, idle_time), (behind, time_behind) = (
        [statistics.median(values) for values in zip(*seen)] for seen in results.values()
    )
    row(
        "FastAPI GET behind protect()",
        f"{behind:.0f} req/s",
        f"without {without:.0f} req/s",
        f"{behind / without * 100:.1f} %",
    )
    row(
        "FastAPI GET behind protect()",
        f"{behind:.0f} req/s",
        f"idle dependency {idle:.0f} req/s",
        f"{behind / idle * 100:.1f} %",
    )
    times = f"without {micros(open_time)}, idle {micros(idle_time)}"
    row("FastAPI: processor for a request", micros(time_behind), times, f"{open_time / time_behind * 100:.1f} %")


def serve(listener: socket.socket, options: dict[str, Any], tell: int) -> None:
    import uvicorn
    from fastapi import Depends, FastAPI, Request
    from sentri import User
    from sentri.fastapi import AuthServer

    globals()["Request"] = Request
    auth = AuthServer(db="sqlite::memory:", **options)
    # As long a body as behind protect(), found in the same way, so that only the way to it differs.
    known = User("0197a0e0-0000-7000-8000-000000000000", ("user",))

    async def keep(request: Request) -> None:
        request.state.user = known

    async def me(request: Request) -> Any:
        return {"id": request.state.user.id, "roles": request.state.user.roles}

    async def without(request: Request) -> Any:
        request.state.user = known
        return await me(request)

    # An application each: FastAPI looks for a route from the first to the last.
    apps = {path: FastAPI() for path in ("/open", "/idle", "/me")}
    for path, guards, route in [
        ("/open", [], without),
        ("/idle", [Depends(keep)], me),
        ("/me", [Depends(auth.protect())], me),
    ]:
        auth.attach(apps[path])
        apps[path].get(path, dependencies=guards)(route)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await apps[scope["path"]](scope, receive, send)

    blocking = auth.blocking
    blocking.migrate()
    user = blocking.register(identifiers=[{"type": "username", "value": "bench"}], password="correct horse")["user"]
    os.write(tell, blocking.create_session(user["id"])["access_token"].encode())
    os.close(tell)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    asyncio.run(server.serve(sockets=[listener]))


async def delays(over: asyncio.Event) -> list[float]:
    """How much later than asked the loop came back to a sleeper, in seconds, sorted."""
    seen = []
    while not over.is_set():
        before = time.perf_counter()
        await asyncio.sleep(0.002)
        seen.append(time.perf_counter() - before - 0.002)
    return sorted(seen)


async def loop_delay() -> None:
    """What the event loop is delayed by while 100 logins at once keep every core busy with hashes, and before that."""
    auth = AuthServer(db="sqlite::memory:", valid_roles=["user"], secret=SECRET, rate_limit=False, logger=False)
    await auth.migrate()
    await auth.register(identifiers=[{"type": "username", "value": "bench"}], password="correct horse")
    login = {"method": "POST", "path": "/login", "headers": [("content-type", "application/json")]}
    body = b'{"identifier":"bench","password":"correct horse"}'

    async def p99(during: Awaitable[Any]) -> float:
        over = asyncio.Event()
        watch = asyncio.create_task(delays(over))
        await during
        over.set()
        seen = await watch
        return seen[int(len(seen) * 0.99)]

    idle = await p99(asyncio.sleep(2))
    busy = await p99(asyncio.gather(*(auth.handle(login, body) for _ in range(100))))
    row("asyncio loop delay p99, 100 logins at once", f"{busy * 1e3:.2f} ms", f"idle {idle * 1e3:.2f} ms", "")
    await auth.close()


def main() -> None:
    only = sys.argv[1] if len(sys.argv) > 1 else None
    parts = {
        "verification": verification,
        "protected_route": protected_route,
        "loop_delay": lambda: asyncio.run(loop_delay()),
    }
    for name, run in parts.items():
        if only in (None, name):
            print(f"\n{name}")
            run()
    head = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    lines = [head, "", "| | sentri | beside | ratio |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(cells)} |" for cells in ROWS]
    Path(__file__).parents[2].joinpath("target/bench-python.md").write_text("\n".join(lines) + "\n")
    widths = [max(len(cells[i]) for cells in ROWS) for i in range(4)]
    print(f"\n{head}\n")
    for cells in ROWS:
        print("  ".join(cell.ljust(widths[i]) if i == 0 else cell.rjust(widths[i]) for i, cell in enumerate(cells)))


if __name__ == "__main__":
    main()
