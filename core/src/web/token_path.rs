//! The paths at which tokens are handed out or taken back.

/// The paths below the mount point. Their answers are never kept for idempotency keys, and set or clear cookies.
pub const ALL: [&str; 8] = [
    "/login",
    "/login/mfa",
    "/login/code/verify",
    "/refresh",
    "/logout",
    "/logout-all",
    "/me/password",
    "/me/reauthenticate",
];

/// Further paths whose answers are never kept: they show secrets once, name flows, or judge secrets.
pub const SECRETS: [&str; 9] = [
    "/login/code",
    "/me/factors/totp",
    "/me/factors/totp/confirm",
    "/me/recovery-codes",
    "/password/forgot",
    "/password/reset",
    "/identifiers/verify",
    "/identifiers/confirm",
    "/setup",
];

/// A path with an id in it of the same kind: its beginning and its end.
pub const SECRETS_OF_ONE: (&str, &str) = ("/me/identifiers/", "/verify");
