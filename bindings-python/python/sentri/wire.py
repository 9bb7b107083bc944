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
    """A request to an endpoint. Its body as received crosses separately."""

    #: The whole path as the client sent it.
    fullPath: Optional[str]
    query: Optional[str]
    #: The scheme by which the request came, as the framework knows it.
    scheme: Optional[str]
    #: The JSON text of the body, if the framework has parsed it.
    parsed: Optional[str]
    #: Whether the body is longer than the limit, so that it was not read.
    tooLarge: Optional[bool]
    clientIp: Optional[str]
    requestId: Optional[str]
    #: The host's number for the request, which its overrides and ``isTokenRevoked`` get back.
    hostContext: Optional[int]
    #: Whether there is no framework. Pages of ``trustedOrigins`` may then read the answer, and events carry the trace
    #: id.
    alone: Optional[bool]


class _GateRequest(TypedDict):
    """The members that every ``GateRequest`` has."""

    method: str
    pathAndQuery: str


class GateRequest(_GateRequest, total=False):
    """A request at the idempotency gate. Its body, or a text that stands for it, crosses separately."""

    host: Optional[str]
    #: The value of the header that holds the key.
    headerValue: Optional[str]
    #: The identity that the request's tokens name.
    identity: Optional[str]
    authorization: Optional[str]
    cookie: Optional[str]
    apiKey: Optional[str]
    #: The caller's name, as the host's function ``credential`` returned it.
    named: Optional[str]
    #: The address of the client.
    address: Optional[str]
    contentType: Optional[str]


class _GuardRequest(TypedDict):
    """The members that every ``GuardRequest`` has."""

    #: HTTP method in upper case.
    method: str


class GuardRequest(_GuardRequest, total=False):
    """The parts of a request that ``protect()`` reads, by header."""

    #: ``Authorization``
    authorization: Optional[str]
    #: ``Cookie``. Several headers are joined by ``; ``.
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
    #: ``Access-Control-Request-Method``, which is read for ``OPTIONS`` alone.
    accessControlRequestMethod: Optional[str]
    #: ``Access-Control-Request-Headers``, which is read for ``OPTIONS`` alone.
    accessControlRequestHeaders: Optional[str]


class _ErrorData(TypedDict):
    """The members that every ``ErrorData`` has."""

    code: str
    message: str
    statusCode: int


class ErrorData(_ErrorData, total=False):
    """An error."""

    #: Machine-readable details.
    details: Any
    #: In seconds.
    retryAfter: int


class ResponseData(TypedDict):
    """A response, which the host writes unchanged."""

    status: int
    headers: list[tuple[str, str]]
    body: str


class ReplayData(TypedDict):
    """A stored response that is replayed. Its body crosses separately, as bytes."""

    status: int
    headers: list[tuple[str, str]]


class _ReplayDecision(TypedDict):
    """The members that every ``ReplayDecision`` has."""

    replay: Literal["answer", "run", "refuse"]


class ReplayDecision(_ReplayDecision, total=False):
    """The decision on a stored response."""

    #: The response that refuses the request.
    refusal: ResponseData


class LoggedEvent(TypedDict):
    """A log entry."""

    level: Literal["info", "warn", "error"]
    entry: dict[str, Any]


class HookCall(TypedDict):
    """A call of a hook of the host."""

    hook: str
    args: list[Any]


class _EndpointResult(TypedDict):
    """The members that every ``EndpointResult`` has."""

    response: ResponseData
    events: list[LoggedEvent]
    #: The hooks to run before the response is written.
    notices: list[HookCall]


class EndpointResult(_EndpointResult, total=False):
    """The result of a request to an endpoint."""

    #: The messages to send after the response is written.
    messages: list[Any]


class _Principal(TypedDict):
    """The members that every ``Principal`` has."""

    id: str
    #: The roles in effect.
    roles: list[str]
    #: Null if the token was signed without a session.
    sessionId: Optional[str]
    token: str
    #: The time at which the token expires, in milliseconds since 1970.
    exp: int


class Principal(_Principal, total=False):
    """The user behind a request."""

    #: The roles that are not in effect until a second factor is presented, if there are any.
    withheld: list[str]
    #: The authenticator assurance level, if it is recorded.
    acr: Literal["aal1", "aal2"]
    #: The methods by which the user authenticated, if they are recorded.
    amr: list[str]
    #: The time of the authentication in seconds since 1970, if it is recorded.
    authTime: Optional[int]


class _ProtectData(TypedDict):
    """The members that every ``ProtectData`` has."""

    #: The headers to set on the response.
    headers: list[tuple[str, str]]
    events: list[LoggedEvent]
    #: The time in milliseconds since 1970 until which the host may answer the same bearer token from its own cache
    #: under the same epoch. 0: never.
    freshUntil: int
    epoch: int


class ProtectData(_ProtectData, total=False):
    """The result of ``protect()``: a principal, or an error."""

    #: The complete response to a CORS preflight, which reaches no handler. There is an error then, too, for hosts that
    #: ignore this member.
    answer: ResponseData
    principal: Principal
    error: ErrorData


class Decision(TypedDict):
    """The result of ``authorize()``, ``permit()`` or a step-up check. Without an error the request passes."""

    error: Optional[ErrorData]
    events: list[LoggedEvent]


class LimitResult(TypedDict):
    """The result of a rate limiter. Without an error the request passes."""

    #: The headers to set on the response to a request that passes.
    headers: list[tuple[str, str]]
    error: Optional[ErrorData]
    events: list[LoggedEvent]


class _Requirement(TypedDict):
    """The members that every ``Requirement`` has."""

    #: The tolerance for the signer's clock, in seconds.
    leeway: int


class Requirement(_Requirement, total=False):
    """The authentication that a route requires, for hosts that compare it with that of a user."""

    acr: Literal["aal1", "aal2"]
    #: In seconds.
    maxAge: int


class VerifiedToken(TypedDict):
    """The claims of a verified access token."""

    id: str
    roles: list[str]
    sessionId: Optional[str]
    #: In seconds since 1970.
    exp: int
