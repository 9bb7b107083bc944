//! The fate of a session and of a refresh token: pure decisions over the row and the time.

use crate::clock::Millis;
use crate::store::model::Session;

/// The lifetimes of sessions, and the tolerance of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRules {
    /// Idle limit: the lifetime of a refresh token (`refreshExpiresIn`).
    pub idle: Millis,
    /// Absolute limit, counted from the login; no rotation extends it (`sessionMaxAge`).
    pub max_age: Millis,
    /// The time for which the previous refresh token works after a rotation (`refreshGrace`).
    pub grace: Millis,
}

impl SessionRules {
    /// The expiry of a session that is used now: after the idle limit, never past the absolute limit.
    #[must_use]
    pub fn expires_at(&self, created_at: Millis, now: Millis) -> Millis {
        now.saturating_add(self.idle).min(self.ends_at(created_at))
    }

    /// The absolute end of a session.
    #[must_use]
    pub const fn ends_at(&self, created_at: Millis) -> Millis {
        created_at.saturating_add(self.max_age)
    }
}

/// Whether a session still carries its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It does.
    Live,
    /// It was revoked.
    Revoked,
    /// It passed its idle or absolute limit.
    Expired,
}

/// The state of a session at `now`; a limit that equals `now` has passed.
#[must_use]
pub fn liveness(session: &Session, rules: &SessionRules, now: Millis) -> Liveness {
    if session.revoked_at.is_some() {
        Liveness::Revoked
    } else if now >= session.expires_at || now >= rules.ends_at(session.created_at) {
        Liveness::Expired
    } else {
        Liveness::Live
    }
}

/// The worth of a refresh token of some generation (RFC 9700, 4.14.2: rotation with reuse detection).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshVerdict {
    /// The current generation: step to the next generation.
    Rotate,
    /// The previous generation, presented by a client that lost a race or an answer: give the current generation again.
    Reissue,
    /// A generation whose successor is in use: two parties hold the chain. Revoke the session.
    Reuse,
    /// The session was ended.
    Revoked,
    /// The session ran out.
    Expired,
}

impl RefreshVerdict {
    /// The rank of a token among several tokens of a user: the greatest is taken. A present token comes before a token
    /// that is given again, and both before a token that ends, or has ended, its session.
    #[must_use]
    pub const fn precedence(self) -> u8 {
        match self {
            Self::Rotate => 4,
            Self::Reissue => 3,
            Self::Reuse => 2,
            Self::Expired => 1,
            Self::Revoked => 0,
        }
    }

    /// Whether the session goes on.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Rotate | Self::Reissue)
    }
}

/// Judges a refresh token of `generation`, signed at `iat` (in seconds), against its session.
///
/// The previous generation is accepted for the grace period, or as long as its successor is unused: a client that never
/// got the answer of a rotation must not lose its session for that. A generation from the future can only come from a
/// restored backup; it is refused like reuse.
///
/// Code of the host signs generation 0 for sessions of any age. Such a token is distinguished from that of the login,
/// which is as old as the session, by its time, and is valid until the next rotation after it: a stolen token then
/// counts as reuse.
#[must_use]
pub fn judge_refresh(
    session: &Session,
    generation: i64,
    iat: i64,
    rules: &SessionRules,
    now: Millis,
) -> RefreshVerdict {
    match liveness(session, rules, now) {
        Liveness::Revoked => return RefreshVerdict::Revoked,
        Liveness::Expired => return RefreshVerdict::Expired,
        Liveness::Live => {}
    }
    if generation == session.generation {
        return RefreshVerdict::Rotate;
    }
    if generation.checked_add(1) == Some(session.generation)
        && (in_grace(session, rules, now) || !successor_used(session))
    {
        return RefreshVerdict::Reissue;
    }
    if generation == 0 && is_of_the_host(session, iat) {
        return RefreshVerdict::Reissue;
    }
    RefreshVerdict::Reuse
}

/// Whole seconds are all that a token says. The token of the login says the second of `created_at`, by the same clock,
/// so a clock of another process can't make it look younger; one of the very second of the rotation is the host's.
fn is_of_the_host(session: &Session, iat: i64) -> bool {
    iat > session.created_at.div_euclid(1000) && session.rotated_at.is_some_and(|at| iat >= at.div_euclid(1000))
}

/// A rotation in the future is of a clock that was put back since; the grace period does not wait for it.
fn in_grace(session: &Session, rules: &SessionRules, now: Millis) -> bool {
    session.rotated_at.is_some_and(|at| (0..=rules.grace).contains(&now.saturating_sub(at)))
}

fn successor_used(session: &Session) -> bool {
    match (session.last_used_at, session.rotated_at) {
        (Some(used), Some(rotated)) => used > rotated,
        _ => false,
    }
}
