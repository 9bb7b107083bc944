//! Judges sessions and refresh tokens by the session's row and the time. Pure decisions.

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
    /// Returns the expiry of a session that is used now. It is the idle limit from now, but never after the absolute
    /// limit.
    #[must_use]
    pub fn expires_at(&self, created_at: Millis, now: Millis) -> Millis {
        now.saturating_add(self.idle).min(self.ends_at(created_at))
    }

    /// Returns the absolute end of a session.
    #[must_use]
    pub const fn ends_at(&self, created_at: Millis) -> Millis {
        created_at.saturating_add(self.max_age)
    }
}

/// Whether the tokens of a session are still valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// The tokens are valid.
    Live,
    /// The session was revoked.
    Revoked,
    /// The session passed its idle or absolute limit.
    Expired,
}

/// Returns the state of a session at `now`. A limit that equals `now` has passed.
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

/// The verdict on a refresh token, by its generation (refresh token rotation with reuse detection, RFC 9700, 4.14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshVerdict {
    /// It is of the current generation. Issue a token of the next generation.
    Rotate,
    /// It is of the previous generation, from a client that lost a race or missed an answer. Issue a token of the
    /// current generation again.
    Reissue,
    /// It is of a generation whose successor is in use, so two parties hold tokens of the session. Revoke the session.
    Reuse,
    /// The session was revoked.
    Revoked,
    /// The session has expired.
    Expired,
}

impl RefreshVerdict {
    /// Returns the rank of a token among several tokens of a user, of which the highest is used. A token of the current
    /// generation comes before one of the previous, and both before a token that ends, or has ended, its session.
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

    /// Whether the session stays live.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Rotate | Self::Reissue)
    }
}

/// Judges a refresh token of `generation`, signed at `iat` (in seconds), against its session.
///
/// The previous generation is accepted for the grace period, and as long as its successor is unused, so that a client
/// that missed the answer to a rotation does not lose its session. A later generation than the session's can only come
/// from a restored backup, and is refused like reuse.
///
/// Code of the host may sign tokens of generation 0 for sessions of any age. The time tells such a token from that of
/// the login, which is as old as the session. It is valid until the next rotation after it was signed; after that, the
/// token counts as reuse, since it may be stolen.
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

/// Whether a token of generation 0 was signed by the host's code. A token's time is in whole seconds. The token of the
/// login has the second of `created_at`, by the same clock, so the clock of another process can't make it look younger.
/// A token of the same second as the rotation counts as the host's.
fn is_of_the_host(session: &Session, iat: i64) -> bool {
    iat > session.created_at.div_euclid(1000) && session.rotated_at.is_some_and(|at| iat >= at.div_euclid(1000))
}

/// Whether the last rotation was within the grace period. A rotation in the future means that a clock was set back
/// since, and counts as outside.
fn in_grace(session: &Session, rules: &SessionRules, now: Millis) -> bool {
    session.rotated_at.is_some_and(|at| (0..=rules.grace).contains(&now.saturating_sub(at)))
}

fn successor_used(session: &Session) -> bool {
    match (session.last_used_at, session.rotated_at) {
        (Some(used), Some(rotated)) => used > rotated,
        _ => false,
    }
}
