"""Flags that commands share, and the options of a server from them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Optional, Union

from .arguments import Flag
from .file import CONFIG

# The list of processes shows arguments to everybody, but not environments.
_VISIBLE = "; ps shows it to everybody on this machine, so rather set the variable"

#: Flags of every command that opens a database.
DATABASE = {
    "db": Flag(
        "postgres://user:password@host:5432/database or sqlite:./file.db"
        "; ps shows a password in it, so rather set the variable",
        value="url",
        env="DB",
    ),
    "config": CONFIG,
}

#: The time for which a command waits for its database.
WAIT = {
    "wait": Flag(
        "how long to wait for a database that is starting; 0: one attempt",
        value="duration",
        env="SENTRI_WAIT",
        default="30s",
    ),
}

#: Flags of every command that makes an auth server.
SERVER = {
    **DATABASE,
    "secret": Flag(
        f"private key (PEM) or shared secret; none: keys are kept in the database{_VISIBLE}",
        value="text",
        env="SENTRI_SECRET",
    ),
    "secret-file": Flag("file with the private key (PEM) or shared secret", value="path", env="SENTRI_SECRET_FILE"),
    "roles": Flag("roles, separated by commas", value="list", env="SENTRI_ROLES", default="user,admin"),
    "api-key": Flag(
        f"closes registration to others, opens the admin endpoints{_VISIBLE}", value="text", env="SENTRI_API_KEY"
    ),
}

#: Every role, for commands whose ``--roles`` are those of a user.
VALID_ROLES = {"valid-roles": Flag("every role of the server", value="list", env="SENTRI_ROLES", default="user,admin")}

#: The flag for proxies that the server believes about addresses of clients.
PROXY = {
    "trust-proxy": Flag(
        "how many proxies stand before it, or their addresses: whose X-Forwarded-For is believed",
        value="number or list",
        env="SENTRI_TRUST_PROXY",
    ),
}

#: The mount path of the endpoints.
MOUNT = Flag("where the endpoints are", value="path", env="SENTRI_MOUNT", default="/auth")

#: The flag of every command that returns a result.
JSON = {"json": Flag("print one JSON object, for scripts")}

#: The flag of every command that destroys something.
YES = {"yes": Flag("do it without asking")}


def mount_path(values: Mapping[str, str]) -> str:
    """The mount point with a slash before and none after it; nothing for the root."""
    path = values.get("mount", "").strip("/")
    return f"/{path}" if path else ""


def words(text: Optional[str]) -> list[str]:
    """The words of a list that is separated by commas."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def trust_proxy_of(values: Mapping[str, str]) -> Union[int, list[str], None]:
    """The option ``trust_proxy``: a number, a list, or nothing."""
    proxies = values.get("trust-proxy")
    if not proxies:
        return None
    return int(proxies) if re.fullmatch("[0-9]+", proxies) else words(proxies)


def database_of(values: Mapping[str, str]) -> str:
    """The URL of the database."""
    return values.get("db") or os.environ.get("DATABASE_URL") or "sqlite:./sentri.db"


def server_options(values: Mapping[str, str]) -> dict[str, Any]:
    """The options of an auth server from flags."""
    roles = words(values.get("roles", "user"))
    options: dict[str, Any] = {"db": database_of(values), "valid_roles": roles, "logger": False}
    if "admin" not in roles:
        options["admin_roles"] = []
    for flag, option in (("secret", "secret"), ("secret-file", "secret_file"), ("api-key", "api_key")):
        if values.get(flag):
            options[option] = values[flag]
    return options


def is_file(url: str) -> bool:
    """Whether a URL names an SQLite file."""
    return bool(re.match(r"(?i)(sqlite|file):", url)) and not re.search(r":memory:|[?&]mode=memory", url)


def existing(url: str) -> str:
    """Returns the URL of a database that must exist, so that opening an SQLite file does not create it."""
    if not is_file(url) or re.search(r"[?&]mode=", url):
        return url
    return f"{url}{'&' if '?' in url else '?'}mode=rw"


def printable(url: str) -> str:
    """Returns a database URL without parts that may be secret, for printing. Drivers accept more than standard URLs."""
    base, mark, query = url.partition("?")
    # The question mark may be part of a password.
    if "@" in query:
        return re.sub(r"^([\w+.-]*:(//)?).*", r"\1***", url, flags=re.DOTALL)
    shown = re.sub(r"//.*@", "//***@", base, flags=re.DOTALL)
    return shown + re.sub(r"([?&])([^=&]*)=[^&]*", _hidden, mark + query)


def _hidden(pair: re.Match[str]) -> str:
    """A parameter of a URL without a value that might be secret."""
    is_harmless = re.fullmatch(r"[\w-]+", pair[2], re.ASCII) and not re.search(
        r"(?i)pass|pwd|secret|token|key", pair[2]
    )
    return pair[0] if is_harmless else f"{pair[1]}{pair[2]}=***"
