"""Shapes of an import of users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, TypedDict


class ImportProgress(TypedDict):
    """The counts of an import: ``lines`` that were read, users that were ``imported``, or ``present`` from an earlier
    import, lines that were ``refused``, and ``seconds`` since it began."""

    lines: int
    imported: int
    present: int
    refused: int
    seconds: float


class ImportRefusal(TypedDict):
    """A line that was refused, by its number from 1, with the reason, which holds no hash or secret. ``code`` is
    ``VALIDATION_ERROR``, ``INVALID_ROLE``, ``FORBIDDEN``, ``USER_ALREADY_EXISTS`` or ``USER_NOT_FOUND``."""

    line: int
    code: str
    message: str


#: A user who exists after an import: the number of the ``line``, the id in the system that the user comes ``from``, and
#: the ``id`` here.
ImportedUser = TypedDict("ImportedUser", {"line": int, "from": str, "id": str})


class ImportReport(TypedDict):
    """The result of an import, with the first 1,000 lines that were refused."""

    lines: int
    imported: int
    present: int
    refused: int
    refusals: list[ImportRefusal]


class FirebaseHash(TypedDict):
    """The parameters of Firebase's password hashes, as its console shows them."""

    signer_key: str
    salt_separator: str
    rounds: int
    mem_cost: int


class ImportOptions(TypedDict, total=False):
    """The options of an import.

    ``roles`` are those of users who bring none, the default roles if left out. ``allow_admin_roles`` lets users bring
    admin roles. ``drop_factors`` leaves second factors behind, instead of refusing users whose factors can't be carried
    over. ``dry_run`` reads and checks everything and writes nothing. ``firebase`` has the parameters of its hashes.
    ``on_progress`` is called after each batch with the progress, ``on_refused`` for each line that is refused,
    ``on_user`` for each user who exists now.
    """

    roles: Sequence[str]
    allow_admin_roles: bool
    drop_factors: bool
    dry_run: bool
    firebase: FirebaseHash
    on_progress: Callable[[ImportProgress], None]
    on_refused: Callable[[ImportRefusal], None]
    on_user: Callable[[ImportedUser], None]
