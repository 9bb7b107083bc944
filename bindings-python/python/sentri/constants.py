"""Written by `make generate` from the tables of the core. Do not edit."""

from __future__ import annotations

#: The most bytes that are read of a body for an endpoint; the core refuses more.
MAX_BODY = 65536

#: The most bytes of a body that idempotency looks at; longer answers are not stored.
MAX_STORED_BODY = 1048576

#: The longest line of an import, in bytes.
MAX_IMPORT_LINE = 65536

#: The most lines of one call of an import.
MAX_IMPORT_LINES = 500

#: About the most characters of one call of an import.
MAX_IMPORT_CHARACTERS = 1048576

#: The most refusals that the report of an import holds.
MAX_IMPORT_REFUSALS = 1000

#: The most tokens that a process remembers as verified, twice.
REMEMBERED_TOKENS = 10000

#: The most decisions of a role check that a process remembers, twice.
REMEMBERED_DECISIONS = 1000

#: Milliseconds after which the core is asked for the epoch again, and so looks for keys that are withdrawn.
EPOCH_AGE_MS = 100

#: The waits before the second and the third attempt to send a message.
MESSAGE_PAUSES_MS = (1000, 5000)

#: The longest time that `send` may take.
MESSAGE_PATIENCE_MS = 30000
