"""Written by `make generate` from the tables of the core. Do not edit."""

from __future__ import annotations

from typing import Literal

#: The calls of a server that the core answers.
Call = Literal[
    "assignRoles",
    "beginSetup",
    "bulkCreateIdentifiers",
    "bulkDeleteIdentifiers",
    "bulkUpdateIdentifiers",
    "close",
    "createSession",
    "deleteUser",
    "describeRedis",
    "disableUser",
    "enableUser",
    "exportUser",
    "findUser",
    "getUser",
    "hashPassword",
    "health",
    "importUsers",
    "inviteUser",
    "listAudit",
    "listKeys",
    "listSessions",
    "listUsers",
    "migrate",
    "ready",
    "register",
    "removeFactors",
    "requestLoginCode",
    "requestPasswordReset",
    "resetPassword",
    "revokeSession",
    "revokeSessions",
    "rotateKeys",
    "sendPasswordReset",
    "serveCommandLine",
    "setPassword",
    "verifyPassword",
]
