"""The settings of ``sentri serve`` that are no options of an auth server."""

from __future__ import annotations

from typing import NamedTuple, Optional


class Settings(NamedTuple):
    """The addresses at which a server is reached, and its logs."""

    host: str
    port: int
    #: The mount point, with a slash before and none after it; empty for the root.
    mount: str
    #: The address as browsers know it, without a slash at its end.
    public_url: Optional[str] = None
    setup_token: Optional[str] = None
    #: The path of a Unix socket, in place of host and port.
    socket: Optional[str] = None
    tls_cert: Optional[str] = None
    tls_key: Optional[str] = None
    metrics_host: str = "127.0.0.1"
    metrics_port: Optional[int] = None
    #: Seconds between the signal to end and the last connection that is accepted.
    drain: float = 10.0
    workers: int = 1
    log: str = "pretty"
    log_level: str = "info"

    @property
    def scheme(self) -> str:
        return "https" if self.tls_cert else "http"
