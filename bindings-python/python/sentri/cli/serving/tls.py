"""The certificate of a server, read again when its files change."""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import Optional

from ..exits import CommandFailure
from .log import Log


class Certificate:
    """A certificate and its key, by their files, and the context that connections take them from."""

    def __init__(self, cert: str, key: Optional[str]) -> None:
        """:raises CommandFailure: ``CANNOT_LISTEN`` where a file can't be read or does not fit the other."""
        self._cert, self._key = cert, key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._seen = self._looks()
        try:
            self.context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            raise CommandFailure("CANNOT_LISTEN", f"certificate {cert} and key {key}: {_reason(error)}") from error

    async def follow(self, log: Log, interval: float = 1.0) -> None:
        """Takes over changed files, for connections that begin afterwards. Unusable files are logged, and the previous
        certificate stays."""
        while True:
            await asyncio.sleep(interval)
            self.read_again(log)

    def read_again(self, log: Log) -> None:
        """Loads the files again if they have changed."""
        looks = self._looks()
        if looks == self._seen:
            return
        self._seen = looks
        try:
            # Tries the files in another context, since a wrong key would leave the live context without a certificate.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._cert, self._key)
            self.context.load_cert_chain(self._cert, self._key)
        except (OSError, ssl.SSLError) as error:
            log.error({"event": "tls.failure", "cause": f"{self._cert}: {_reason(error)}"})
        else:
            log.info({"event": "tls.reloaded"})

    def _looks(self) -> list[object]:
        """Returns values that change when a file is written or replaced."""
        found: list[object] = []
        for path in (self._cert, self._key or self._cert):
            try:
                known = os.stat(path)
                found.append((known.st_mtime_ns, known.st_size, known.st_ino))
            except OSError:
                found.append(None)
        return found


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "they are no certificate and key (PEM) that belong together"
    return (error.strerror or str(error)).lower()
