"""The files of docs/deploy as processes on this machine: the same commands, environment and probes, other addresses."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "docs/deploy"
#: Where Debian keeps servers.
_PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"


def compose() -> dict[str, Any]:
    """The compose file."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile with their arguments, continued lines joined."""
    text = re.sub(r"(?m)^#.*\n", "", dockerfile.read_text()).replace("\\\n", " ")
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def wheel() -> Path:
    """The wheel that ``make wheel`` leaves."""
    (found,) = (ROOT / "target/wheels").glob("sentri-*.whl")
    return found


def build_image(root: Path) -> None:
    """Runs the commands of the image's first stage, so that ``root`` is what its second one copies."""
    stage = instructions(DEPLOY / "Dockerfile")
    last = [place for place, (name, _) in enumerate(stage) if name == "FROM"][1]
    commands = [rest for name, rest in stage[:last] if name == "RUN"]
    assert len(commands) == 2 and '"sentri[serve]==$VERSION"' in commands[0]
    programs = root.with_name("programs")
    programs.mkdir()
    for name, words in (("python", f"{sys.base_prefix}/bin/python3"), ("pip", f"{sys.executable} -m pip")):
        (programs / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (programs / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{programs}:{_PATH}:/sbin", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for command in commands:
        placed = command.replace('"sentri[serve]==$VERSION"', f"'{wheel()}[serve]'").replace("/rootfs", str(root))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", placed], capture_output=True, text=True, timeout=300, env=env
        )
        assert done.returncode == 0, done.stderr


def json_of(text: str) -> list[str]:
    """The words of an instruction in its exec form."""
    found: list[str] = yaml.safe_load(text)
    return found


class System:
    """The services of the compose file as processes, each at a port of its own."""

    def __init__(self, folder: Path, image: Path, db: str) -> None:
        self.folder = folder
        self._image = image
        self._db = db
        self.services: dict[str, dict[str, Any]] = compose()["services"]
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        page, auth = _two_free_ports()
        self.ports = {8080: page, 8081: auth}
        for port in (3000, 4001, 4002, 6379, 9464):
            self.ports[port] = _free_port()
        self._write_secrets()
        self._write_services()

    def base(self, port: int) -> str:
        """The address at which a port of the compose file is reached here."""
        return f"http://localhost:{self.ports[port]}"

    def _write_secrets(self) -> None:
        secrets = self._image / "run/secrets"
        secrets.mkdir(parents=True)
        for name in compose()["secrets"]:
            made = subprocess.run(["openssl", "rand", "-base64", "32"], capture_output=True, text=True, check=True)
            (secrets / name).write_text(self._db if name == "db" else made.stdout.strip())
            (secrets / name).chmod(0o644)

    def _write_services(self) -> None:
        """Lays out what the Dockerfiles of the other services copy and install."""
        for name in ("orders", "invoices", "web"):
            shutil.copytree(DEPLOY / name, self.folder / name)
        # nginx that root starts reads as nobody.
        for path in (self.folder, *self.folder.parents[:3]):
            path.chmod(0o755)
        modules = self.folder / "orders/node_modules"
        modules.mkdir()
        (modules / "express").symlink_to(ROOT / "tests/node/node_modules/express")
        (modules / "sentri").symlink_to(ROOT / "npm")
        site = self.folder / "web/site"
        shutil.copy(ROOT / "npm/dist/esm/browser.mjs", site / "sentri.js")
        conf = self.folder / "web/nginx.conf"
        text = self.placed(conf.read_text()).replace("/usr/share/nginx/html", str(site))
        text = re.sub(r"listen (\d+);", lambda found: f"listen 127.0.0.1:{self.ports[int(found[1])]};", text)
        temporary = self.folder / "tmp"
        temporary.mkdir()
        conf.write_text(text.replace("/tmp/", f"{temporary}/", 6).replace("user nginx", ""))

    def placed(self, text: str) -> str:
        """A text of the compose file with the addresses and folders of this machine."""
        for name in self.services:
            text = re.sub(rf"\b{name}:(\d+)", r"127.0.0.1:\1", text)
        text = text.replace("/etc/nginx/", f"{self.folder}/web/")
        if os.geteuid() != 0:
            text = text.replace("/run/secrets/", f"{self._image}/run/secrets/")
        return re.sub(
            r"(127\.0\.0\.1|localhost):(\d+)",
            lambda found: f"{found[1]}:{self.ports.get(int(found[2]), found[2])}",
            text,
        )

    def environment(self, name: str) -> dict[str, str]:
        """The environment of a service, with that of its image."""
        env = {"PATH": _PATH, "HOME": str(self.folder)}
        if name == "sentri":
            env.update(_image_environment())
        for key, value in self.services[name].get("environment", {}).items():
            env[key] = self.placed(str(value))
            if key in ("PORT", "SENTRI_METRICS_PORT"):
                env[key] = str(self.ports[int(value)])
            if env[key] == "0.0.0.0":
                env[key] = "127.0.0.1"
        return env

    def command(self, name: str) -> list[str]:
        """The command of a service as this machine has its programs."""
        words = [self.placed(word) for word in self.services[name]["command"]]
        words = [str(self.ports[int(word)]) if word in ("6379", "4002") else word for word in words]
        words = ["127.0.0.1" if word == "0.0.0.0" else word for word in words]
        if name == "sentri":
            entry = next(rest for what, rest in instructions(DEPLOY / "Dockerfile") if what == "ENTRYPOINT")
            return in_image(self._image, [*json_of(entry), *words])
        return _by_this_machine(words)

    def start(self, name: str) -> None:
        """Starts a service behind those that it depends on, and returns once its probe is content."""
        for other in self.services[name].get("depends_on", {}):
            if other not in self.running and other != "postgres":
                self.start(other)
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                self.command(name),
                cwd=self.folder / name if (self.folder / name).exists() else self.folder,
                env=self.environment(name),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        probe = self.services[name]["healthcheck"]
        end = time.monotonic() + 2 * probe["retries"]
        while not self.is_healthy(name):
            running = self.running[name].poll() is None
            assert running and time.monotonic() < end, f"{name}: {self.log(name)}"
            time.sleep(0.2)

    def is_healthy(self, name: str) -> bool:
        """Whether the probe of a service is content."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        placed = [self.placed(word) for word in words]
        placed = [str(self.ports[int(word)]) if word == "6379" else word for word in placed]
        command = in_image(self._image, placed) if name == "sentri" else _by_this_machine(placed)
        done = subprocess.run(command, env=self.environment(name), capture_output=True, timeout=30)
        return done.returncode == 0

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self, name: str) -> int:
        """Sends a service the signal that a container gets; its exit code."""
        self.running[name].terminate()
        return self.running[name].wait(30)


def in_image(image: Path, words: Sequence[str]) -> list[str]:
    """A command as the image's user within the image's files, which that user can't change; where nobody but root may
    enter them, with the image's own Python all the same."""
    if os.geteuid() == 0:
        user = next(rest for name, rest in instructions(DEPLOY / "Dockerfile") if name == "USER")
        return ["chroot", f"--userspec={user}", str(image), *words]
    return [f"{image}{word}" if word.startswith("/bin/") else word for word in words]


def _image_environment() -> dict[str, str]:
    found = next(rest for name, rest in instructions(DEPLOY / "Dockerfile") if name == "ENV")
    return dict(pair.split("=", 1) for pair in found.split())


def _by_this_machine(words: Sequence[str]) -> list[str]:
    """A command with the programs that this machine has in the place of the image's."""
    programs: Mapping[str, list[str]] = {
        "uvicorn": [sys.executable, "-m", "uvicorn"],
        "python": [sys.executable],
        "nginx": [os.environ.get("NGINX", "nginx")],
    }
    return [*programs.get(words[0], [words[0]]), *words[1:]]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _two_free_ports() -> tuple[int, int]:
    """Two ports in a row, since the page finds the auth server at the one behind its own."""
    for _ in range(100):
        first = _free_port()
        try:
            with socket.create_server(("127.0.0.1", first + 1)):
                return first, first + 1
        except OSError:
            continue
    raise AssertionError("no two free ports in a row")


@contextmanager
def system(folder: Path, image: Path, db: str) -> Iterator[System]:
    """The services of the compose file, which end with the block."""
    made = System(folder, image, db)
    try:
        yield made
    finally:
        # The workers of nginx outlive a master that is killed.
        for process in made.running.values():
            process.terminate()
        for process in made.running.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
