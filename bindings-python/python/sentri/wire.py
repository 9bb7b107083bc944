"""Written by `make generate` from the tables of the core. Do not edit."""

from __future__ import annotations

from typing import Any, Literal, Optional, TypedDict


class _EndpointRequest(TypedDict):
    """The members that every ``EndpointRequest`` has."""

    method: str
    #: The part below the mount point, as the client sent it.
    path: str
    headers: list[tuple[str, str]]


class EndpointRequest(_EndpointRequest, total=False):
    """A request to an endpoint. Its body as received crosses beside it."""

    #: The whole path as the client sent it.
    fullPath: Optional[str]
    query: Optional[str]
    #: The scheme by which the request came, as the framework knows it.
    scheme: Optional[str]
    #: JSON text of the body, where the framework has parsed it.
    parsed: Optional[str]
    #: Whether the body is longer than is read.
    tooLarge: Optional[bool]
    clientIp: Optional[str]
    requestId: Optional[str]
    #: A number that comes back to overrides and ``isTokenRevoked``.
    hostContext: Optional[int]
    #: Whether there is no framework: pages of ``trustedOrigins`` read the answer, events have the trace.
    alone: Optional[bool]


class _GateRequest(TypedDict):
    """The members that every ``GateRequest`` has."""

    method: str
    pathAndQuery: str


class GateRequest(_GateRequest, total=False):
    """A request at the idempotency gate. The text in the place of its body crosses beside it."""

    host: Optional[str]
    #: The value of the header that holds the key.
    headerValue: Optional[str]
    #: The user id named by the request's tokens, or an empty text.
    identity: Optional[str]
    authorization: Optional[str]
    cookie: Optional[str]
    apiKey: Optional[str]
    #: The name of the caller that a function of the host gave.
    named: Optional[str]
    #: The address of the client.
    address: Optional[str]
    contentType: Optional[str]


class _GuardRequest(TypedDict):
    """The members that every ``GuardRequest`` has."""

    #: Upper case.
    method: str


class GuardRequest(_GuardRequest, total=False):
    """The parts of a request that ``protect()`` reads, by header."""

    #: ``Authorization``
    authorization: Optional[str]
    #: ``Cookie``; several headers joined by ``; ``.
    cookie: Optional[str]
    #: ``Origin``
    origin: Optional[str]
    #: ``Sec-Fetch-Site``
    secFetchSite: Optional[str]
    #: ``Host``
    host: Optional[str]
    #: ``Upgrade``, by which the handshake of a WebSocket differs from other GETs.
    upgrade: Optional[str]
    #: The scheme by which the request came, as the framework knows it.
    scheme: Optional[str]
    #: Client address as the framework knows it.
    clientIp: Optional[str]
    #: ``User-Agent``
    userAgent: Optional[str]
    #: ``Access-Control-Request-Method``; read of ``OPTIONS`` alone.
    accessControlRequestMethod: Optional[str]
    #: ``Access-Control-Request-Headers``; the same.
    accessControlRequestHeaders: Optional[str]


class _ErrorData(TypedDict):
    """The members that every ``ErrorData`` has."""

    code: str
    message: str
    statusCode: int


class ErrorData(_ErrorData, total=False):
    """An error as it crosses."""

    #: Machine-readable particulars.
    details: Any
    #: In seconds.
    retryAfter: int


class ResponseData(TypedDict):
    """A response to be written as it is."""

    status: int
    headers: list[tuple[str, str]]
    body: str


class ReplayData(TypedDict):
    """A stored response that is given again; its body crosses beside it, as bytes."""

    status: int
    headers: list[tuple[str, str]]


class _ReplayDecision(TypedDict):
    """The members that every ``ReplayDecision`` has."""

    replay: Literal["answer", "run", "refuse"]


class ReplayDecision(_ReplayDecision, total=False):
    """The decision on a stored response."""

    #: The response that refuses it.
    refusal: ResponseData


class LoggedEvent(TypedDict):
    """A log entry."""

    level: Literal["info", "warn", "error"]
    entry: dict[str, Any]


class HookCall(TypedDict):
    """A call of a hook of the host's."""

    hook: str
    args: list[Any]


class _EndpointResult(TypedDict):
    """The members that every ``EndpointResult`` has."""

    response: ResponseData
    events: list[LoggedEvent]
    #: To be run before the response is written.
    notices: list[HookCall]


class EndpointResult(_EndpointResult, total=False):
    """Everything that came of a request to an endpoint."""

    #: To be sent after the response is written.
    messages: list[Any]


class _Principal(TypedDict):
    """The members that every ``Principal`` has."""

    id: str
    #: The roles in effect.
    roles: list[str]
    #: Null where the token was signed without a session.
    sessionId: Optional[str]
    token: str
    #: The time at which the token expires, in milliseconds since 1970.
    exp: int


class Principal(_Principal, total=False):
    """The maker of a request."""

    #: The roles that wait for a second factor, where there are any.
    withheld: list[str]
    #: The authenticator assurance level, where it is kept.
    acr: Literal["aal1", "aal2"]
    #: The methods by which the user authenticated, where they are kept.
    amr: list[str]
    #: The time of that in seconds since 1970, where it is kept.
    authTime: Optional[int]


class _ProtectData(TypedDict):
    """The members that every ``ProtectData`` has."""

    #: To be set on the response.
    headers: list[tuple[str, str]]
    events: list[LoggedEvent]
    #: The time in milliseconds since 1970 until which the same bearer token may be answered from memory under the same
    #: epoch; 0: never.
    freshUntil: int
    epoch: int


class ProtectData(_ProtectData, total=False):
    """The result of ``protect()``: a principal, or an error."""

    #: The whole response to a request that ends here, a CORS preflight. There is an error then, too, for hosts that do
    #: not look here.
    answer: ResponseData
    principal: Principal
    error: ErrorData


class Decision(TypedDict):
    """The result of ``authorize()``, ``permit()`` and step-up checks; no error lets pass."""

    error: Optional[ErrorData]
    events: list[LoggedEvent]


class LimitResult(TypedDict):
    """The result of a rate limiter; no error lets pass."""

    #: To be set on the response, also when it passes.
    headers: list[tuple[str, str]]
    error: Optional[ErrorData]
    events: list[LoggedEvent]


class _Requirement(TypedDict):
    """The members that every ``Requirement`` has."""

    #: The tolerance for the signer's clock, in seconds.
    leeway: int


class Requirement(_Requirement, total=False):
    """The authentication that a route asks for, to be compared with the authentication of a user."""

    acr: Literal["aal1", "aal2"]
    #: In seconds.
    maxAge: int


class VerifiedToken(TypedDict):
    """The claims of an access token that was verified."""

    id: str
    roles: list[str]
    sessionId: Optional[str]
    #: In seconds since 1970.
    exp: int
