"""The sockets that a server listens on: of an address, of a path, or handed over by systemd."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import stat
import struct
import sys
from typing import Optional

from ..exits import CommandFailure
from .settings import Settings

#: The number of connections that may wait to be accepted.
_BACKLOG = 2_048
#: The first descriptor that systemd hands over (sd_listen_fds(3)).
_FIRST_HANDED_OVER = 3


#: The classic BPF program (``linux/filter.h``) "drop packets with the SYN flag (RFC 9293, 3.1), keep all others".
_DROP_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
_SO_ATTACH_FILTER = 26


def ignores_new(listener: socket.socket) -> bool:
    """Makes the system ignore new connections. Connections that it holds stay, so that they can be accepted before the
    socket is closed. An ignored client tries again a second later, and is refused then. False if the system can't do
    it."""
    if not sys.platform.startswith("linux") or listener.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN))
    try:
        listener.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_DROP_SYN), ctypes.addressof(program))
        )
    except OSError:
        return False
    return True


def listen(settings: Settings) -> tuple[list[socket.socket], bool]:
    """Opens the sockets that the settings name. Returns them, and whether they are this process's own: sockets that
    systemd hands over take precedence over host, port and path.

    :raises CommandFailure: ``CANNOT_LISTEN``, with the cure.
    """
    handed_over = _handed_over()
    if handed_over:
        return handed_over, False
    if settings.socket:
        return [_listen_at_path(settings.socket)], True
    return [listen_at(settings.host, settings.port)], True


def _handed_over() -> list[socket.socket]:
    """The sockets of socket activation, which are meant for the process that ``LISTEN_PID`` names."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    return [socket.socket(fileno=number) for number in range(_FIRST_HANDED_OVER, _FIRST_HANDED_OVER + count)]


def listen_at(host: str, port: int, names: tuple[str, str] = ("--port", "--host")) -> socket.socket:
    """Opens a socket that listens at an address, to IPv4 too if the host is ``::``. An error calls port and host by
    ``names``."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        both = host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise CommandFailure("CANNOT_LISTEN", _why_not(error, host, port, names)) from error


def _listen_at_path(path: str) -> socket.socket:
    """Opens a socket that listens at a path. Removes a socket that a killed server left there, but no other file."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_left_over(path):
            os.unlink(path)
        listener.bind(path)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise CommandFailure("CANNOT_LISTEN", _why_not_at(error, path)) from error
    return listener


def _is_left_over(path: str) -> bool:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == errno.ECONNREFUSED


def _why_not(error: OSError, host: str, port: int, names: tuple[str, str]) -> str:
    """Explains why a server can't listen at host and port, with the cure."""
    another = f"choose another with {names[1]}, such as 127.0.0.1 or 0.0.0.0"
    if isinstance(error, socket.gaierror):
        return f"{host} is an unknown host: {another}"
    reasons = {
        errno.EADDRINUSE: f"port {port} is in use: choose another with {names[0]}",
        errno.EACCES: f"port {port} may not be opened by this user: choose one above 1023 with {names[0]}",
        errno.EADDRNOTAVAIL: f"{host} is no address of this machine: {another}",
    }
    return reasons.get(error.errno or 0, f"cannot listen on {host}, port {port}: {error}")


def _why_not_at(error: OSError, path: str) -> str:
    reasons = {
        errno.EADDRINUSE: f"{path} is in use: choose another",
        errno.EACCES: f"{path} may not be made by this user: choose another",
        errno.ENOENT: f"the folder of {path} does not exist: make it, or choose another",
    }
    return reasons.get(error.errno or 0, f"cannot listen at {path}: {error}")


def address_of(settings: Settings, listener: socket.socket) -> str:
    """The base URL of the endpoints, or the path of the Unix socket with the mount point behind it."""
    name: Optional[object] = listener.getsockname()
    if listener.family == getattr(socket, "AF_UNIX", None):
        return f"unix:{name}:{settings.mount or '/'}"
    assert isinstance(name, tuple)
    return f"{settings.scheme}://{_authority(settings.host)}:{name[1]}{settings.mount}"


def _authority(host: str) -> str:
    """The host as URLs have it: an IPv6 address is in brackets (RFC 3986, 3.2.2)."""
    if host == "0.0.0.0":
        return "localhost"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
