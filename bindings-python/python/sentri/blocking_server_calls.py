# Written by `make generate` from server_calls.py. Do not edit.
"""Server mode: the calls for threads that may block."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Optional, Union

from .blocking_administration import BlockingAdministration
from .calls import Call
from .errors import SentriError
from .guarding import ResponseData
from .importing import Items, begin, import_all
from .jobs import wait
from .types import (
    Account,
    Asked,
    DeletedResult,
    Health,
    IdentifierInput,
    IdentifiersResult,
    IdentifierUpdate,
    ImportOptions,
    ImportReport,
    Invited,
    IssuedSession,
    OpenedSetup,
    RegisterResult,
    RotatedKey,
    ServerOptions,
    SessionInfo,
    StoredKey,
    StoredUser,
    UserRoles,
)
from .wire import EndpointRequest

if TYPE_CHECKING:
    from typing_extensions import Unpack


class BlockingServerCalls(BlockingAdministration):
    """Endpoints and calls for threads that may block."""

    def __init__(self, **options: Unpack[ServerOptions]) -> None:
        super().__init__(options)

    def handle(self, request: EndpointRequest, raw: Optional[bytes] = None) -> ResponseData:
        """Serves a request to an endpoint: ``method``, raw ``path`` below the mount point, ``query``, ``headers``
        (pairs, names in lower case), ``clientIp``, ``requestId``, and the body as received. Events are logged and hooks
        have run when it returns."""
        response, notices, messages = self._handled(wait(self._handle(request, raw), self._functions))
        if notices:
            self._hooks.run_blocking(notices, request.get("requestId"))
        self._post(messages)
        return response

    def limit(
        self, rule: str, key: Any, peer: Optional[str], forwarded: Sequence[str] = (), request_id: Optional[str] = None
    ) -> tuple[list[tuple[str, str]], Optional[SentriError]]:
        """Counts one hit on a route, by ``key`` or by the client's address. Returns headers for the response, and the
        error to answer with if the limit is exceeded."""
        return self._limited(wait(self._limit(rule, key, peer, forwarded, request_id)))

    def _post(self, messages: list[Any]) -> None:
        self._outbox.post_blocking(messages)

    def _start(self, method: Call, wait: Union[str, float, None]) -> None:
        step = self._run(method, {"wait": wait})
        while step is not None:
            step = self._run(method, self._tell_of_wait(step))

    def migrate(self, *, wait: Union[str, float, None] = None) -> None:
        """Creates or updates the tables and makes the first key. Safe to repeat, and in many processes at once.

        :param wait: how long to wait for a database that is starting, such as ``"1m"`` or a number of seconds; 0 means
            one attempt. 30 seconds unless given.
        :raises SentriError: ``SERVICE_UNAVAILABLE`` when the wait is over, ``CONFIGURATION_ERROR`` if the database
            refuses role, password or name.
        """
        self._start("migrate", wait)

    def ready(self, *, wait: Union[str, float, None] = None) -> None:
        """Returns when tables and keys are there; waits as ``migrate`` does. Requests and calls wait by themselves, for
        two seconds at most."""
        self._start("ready", wait)

    def close(self) -> None:
        """Waits for messages that are on their way, then ends database connections."""
        self._outbox.drain_blocking()
        try:
            self._run("close")
        finally:
            # Calls and requests that ended meanwhile may have left messages.
            self._outbox.drain_blocking()

    def register(
        self, *, identifiers: Sequence[IdentifierInput], password: str, roles: Optional[Sequence[str]] = None
    ) -> RegisterResult:
        """Registers a user; admin roles are allowed here."""
        result: RegisterResult = self._run(
            "register", {"identifiers": identifiers, "password": password, "roles": roles}
        )
        return result

    def bulk_create_identifiers(self, user_id: str, identifiers: Sequence[IdentifierInput]) -> IdentifiersResult:
        """Adds identifiers, all or none."""
        result: IdentifiersResult = self._run("bulkCreateIdentifiers", user_id, identifiers)
        return result

    def bulk_update_identifiers(self, user_id: str, identifiers: Sequence[IdentifierUpdate]) -> IdentifiersResult:
        """Changes identifiers, all or none."""
        result: IdentifiersResult = self._run("bulkUpdateIdentifiers", user_id, identifiers)
        return result

    def bulk_delete_identifiers(self, user_id: str, ids: Sequence[str]) -> DeletedResult:
        """Deletes identifiers, all or none. The user must keep at least one."""
        result: DeletedResult = self._run("bulkDeleteIdentifiers", user_id, ids)
        return result

    def assign_roles(self, user_id: str, roles: Sequence[str]) -> UserRoles:
        """Replaces a user's role set."""
        result: UserRoles = self._run("assignRoles", user_id, roles)
        return result

    def set_password(self, user_id: str, new_password: str) -> None:
        """Sets a password without the old one; every session of the user ends."""
        self._run("setPassword", user_id, new_password)

    def remove_factors(self, user_id: str) -> None:
        """Removes all second factors and recovery codes of a user who lost them, or whose codes are refused after a
        hundred wrong codes. Every session of the user ends.

        :raises SentriError: ``USER_NOT_FOUND``.
        """
        self._run("removeFactors", user_id)

    def request_password_reset(self, identifier: str, *, deliver: bool = True) -> Asked:
        """Sends a code and a link for a new password to the user with the identifier. The result is the same if no
        user has it.

        :param deliver: if False, the message comes back as ``message``, for you to send; it is missing if no user has
            the identifier.
        :raises SentriError: ``VALIDATION_ERROR``; ``CONFIGURATION_ERROR`` without the option ``messages``.
        """
        result: Asked = self._run("requestPasswordReset", identifier, {"deliver": deliver})
        return result

    def request_login_code(self, identifier: str, *, deliver: bool = True) -> Asked:
        """Sends a code to log in by to the user with the identifier. The result is the same if no user has it.

        :param deliver: if False, the message comes back as ``message``, for you to send; it is missing if no user has
            the identifier.
        :raises SentriError: ``VALIDATION_ERROR``; ``CONFIGURATION_ERROR`` without the option ``login_code``.
        """
        result: Asked = self._run("requestLoginCode", identifier, {"deliver": deliver})
        return result

    def reset_password(
        self, *, new_password: str, token: Optional[str] = None, flow: Optional[str] = None, code: Optional[str] = None
    ) -> None:
        """Sets a new password by the secret of a message: ``token``, or ``flow`` and ``code``. All sessions end.

        :raises SentriError: ``CODE_INVALID`` if the secret is wrong, expired, used or unknown.
        """
        self._run("resetPassword", {"new_password": new_password, "token": token, "flow": flow, "code": code})

    def invite_user(
        self, *, identifiers: Sequence[IdentifierInput], roles: Optional[Sequence[str]] = None, deliver: bool = True
    ) -> Invited:
        """Makes a user without a password and sends ``invitation`` to their oldest e-mail address, else phone number.
        The link leads to ``messages["links"]["invite"]``, where they set a password. Admin roles are allowed here.

        :param identifiers: at least one of them of type ``email`` or ``phone``.
        :param deliver: if False, the message comes back as ``message``, for you to send.
        :raises SentriError: ``VALIDATION_ERROR``, ``INVALID_ROLE``, ``USER_ALREADY_EXISTS``; ``CONFIGURATION_ERROR``
            without the link.
        """
        result: Invited = self._run("inviteUser", {"identifiers": identifiers, "roles": roles}, {"deliver": deliver})
        return result

    def begin_setup(self, *, token: Optional[str] = None) -> Optional[OpenedSetup]:
        """Opens ``POST /setup``, by which the first admin is made (option ``setup``). Every process with the signing
        key returns the same token for an hour.

        :param token: a token of your own, of at least 32 characters, instead of a generated token.
        :returns: ``expires_at`` and, unless it was given, ``token``; None if there is an admin.
        :raises SentriError: ``VALIDATION_ERROR`` for a short token; ``CONFIGURATION_ERROR`` without the option.
        """
        result: Optional[OpenedSetup] = self._run("beginSetup", {"token": token})
        return result

    def import_users(self, source: Items, *, format: str, **options: Unpack[ImportOptions]) -> ImportReport:
        """Imports users of another system (:data:`sentri.importing.FORMATS`) with their hashes. Safe to repeat."""
        return import_all(source, begin(format, options), partial(self._run, "importUsers"))

    def get_user(self, user_id: str) -> Optional[StoredUser]:
        """Returns a user by id, or None."""
        result: Optional[StoredUser] = self._run("getUser", user_id)
        return result

    def find_user(self, identifier: str) -> Optional[StoredUser]:
        """Returns the user who has an identifier, in any spelling, or None."""
        result: Optional[StoredUser] = self._run("findUser", identifier)
        return result

    def delete_user(self, user_id: str) -> bool:
        """Deletes a user with sessions and identifiers. Returns False if there was no such user."""
        result: bool = self._run("deleteUser", user_id)
        return result

    def export_user(self, user_id: str) -> Optional[Account]:
        """Returns all stored data of a user, without secrets and their hashes, as ``GET /me/export`` does, or None."""
        result: Optional[Account] = self._run("exportUser", user_id)
        return result

    def create_session(
        self, user_id: str, *, ip: Optional[str] = None, user_agent: Optional[str] = None
    ) -> IssuedSession:
        """Opens a session for a user whom you have authenticated by other means."""
        result: IssuedSession = self._run("createSession", user_id, {"ip": ip, "user_agent": user_agent})
        return result

    def list_sessions(self, user_id: str) -> list[SessionInfo]:
        """Lists a user's live sessions, newest first."""
        result: list[SessionInfo] = self._run("listSessions", user_id)
        return result

    def revoke_session(self, session_id: str) -> bool:
        """Ends a session. Returns False if there was no such live session."""
        result: bool = self._run("revokeSession", session_id)
        return result

    def revoke_sessions(self, user_id: str) -> int:
        """Ends every session of a user. Returns their number."""
        result: int = self._run("revokeSessions", user_id)
        return result

    def describe_redis(self) -> Optional[str]:
        """Describes the servers behind ``redis_url``; None without that option.

        :raises SentriError: ``CONFIGURATION_ERROR`` with the cause, if none works."""
        result: Optional[str] = self._run("describeRedis")
        return result

    def health(self) -> Health:
        """Checks the database, keys and Redis behind the server, for the probes of a load balancer. Calls within a
        second share an answer, which names no cause, so it may be public.

        Returns:
            ``status`` is ``ok``, ``degraded`` if only Redis is unreachable or the stored keys can't be read again, or
            ``unavailable``. ``checks`` has ``database``, ``keys`` and, with ``redis_url``, ``redis``.
        """
        result: Health = self._run("health")
        return result

    def rotate_keys(self) -> RotatedKey:
        """Makes a new signing key. It is published at once and signs from ``active_from`` on."""
        result: RotatedKey = self._run("rotateKeys")
        return result

    def list_keys(self) -> list[StoredKey]:
        """Lists the stored keys without their secrets, newest first."""
        result: list[StoredKey] = self._run("listKeys")
        return result

    def hash_password(self, password: str) -> str:
        """Hashes a password by the configured algorithm."""
        result: str = self._run("hashPassword", password)
        return result

    def verify_password(self, password: str, hash: str) -> bool:
        """Returns whether a password matches a hash of bcrypt, argon2, scrypt or PBKDF2."""
        result: bool = self._run("verifyPassword", password, hash)
        return result
