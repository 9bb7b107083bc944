//! Refresh of a session's tokens. A compare-and-set moves the session to its next generation, and the loser of a race
//! gets the tokens of the winner's generation.

use serde_json::{Value, json};

use super::input::Input;
use super::issued::Issued;
use super::revocation::{self, Refusal, ended};
use super::sessions;
use super::story::Story;
use super::{Realm, Trail};
use crate::audit::{Actor, AuditLevel, Change};
use crate::clock::Millis;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::{Failure, StoreError};
use crate::hook::Operation;
use crate::session::{RefreshVerdict, judge_refresh};
use crate::store::model::{Rotation, SessionState};
use crate::use_case::{self, Context, UseCase, WrittenInput};

/// The most lost races in a row before the store is reported as overloaded. In each of them another request moved on.
const RACES: usize = 5;

/// Renews the tokens of a session (RFC 6749, 6).
///
/// It fails with `TOKEN_INVALID`, `TOKEN_EXPIRED`, `UNAUTHORIZED` for a revoked session or a reused token, and the
/// store's failures.
pub struct Refresh;

/// The input `{refreshToken}`.
pub struct RefreshInput {
    /// The refresh token.
    pub refresh_token: String,
}

impl use_case::Input for RefreshInput {
    fn read(value: &Value) -> Result<Self, Error> {
        Ok(Self { refresh_token: Input::new(value)?.text("refreshToken")?.to_owned() })
    }
}

impl WrittenInput for RefreshInput {
    fn write(&self) -> Value {
        json!({ "refreshToken": self.refresh_token })
    }
}

impl UseCase for Refresh {
    const NAME: Option<Operation> = Some(Operation::Refresh);
    const STORY: Story = Story { success: EventName::RefreshSuccess, failure: Some(EventName::RefreshFailure) };
    type Input = RefreshInput;
    type Output = Issued;

    async fn run(context: &mut Context<'_>, input: RefreshInput) -> Result<Issued, Failure> {
        let Context { realm, trail, .. } = context;
        let claims = realm.keys.require()?.verify_refresh(&input.refresh_token, realm.now()).map_err(Error::from)?;
        if let Err(Refusal { error, event }) = check_host_revocation(realm, &claims.session_id).await {
            trail.events.extend(event.and_then(|event| realm.telemetry.counted(event)));
            return Err(error.into());
        }
        let mut state = realm.store.find_session(&claims.session_id).await?.ok_or_else(ended)?;
        for _ in 0..RACES {
            // Read after the row: an instant before it could lie before a rotation that happened meanwhile.
            let now = realm.now();
            match judge_refresh(&state.session, claims.generation, claims.iat, &realm.config.session, now) {
                RefreshVerdict::Rotate => match step(realm, &state, now, trail).await? {
                    Rotation::Rotated(next) => return sessions::issue(realm, &next.session, next.roles, now),
                    Rotation::Behind(next) => state = next,
                    Rotation::Gone | Rotation::Spent => return Err(ended().into()),
                },
                RefreshVerdict::Reissue => return sessions::issue(realm, &state.session, state.roles, now),
                RefreshVerdict::Reuse => return Err(end_reused(realm, &state, trail).await?),
                RefreshVerdict::Revoked => return Err(ended().into()),
                RefreshVerdict::Expired => return Err(ErrorCode::TokenExpired.into()),
            }
        }
        Err(StoreError::Conflict("the session is being rotated by others".to_owned()).into())
    }
}

async fn step(realm: &Realm, state: &SessionState, now: Millis, trail: &Trail) -> Result<Rotation, Failure> {
    let session = &state.session;
    let expires_at = realm.config.session.expires_at(session.created_at, now);
    if realm.config.audit < AuditLevel::All {
        return Ok(realm.store.rotate(&session.id, session.generation, expires_at, now).await?);
    }
    let mut author = trail.author.clone();
    (author.actor, author.session) = (Actor::User(session.user_id.clone()), Some(session.id.clone()));
    let store = realm.noting(&author, || Ok([Change::of(EventName::RefreshSuccess, &session.user_id)]))?;
    Ok(store.rotate(&session.id, session.generation, expires_at, now).await?)
}

/// Ends a session after the reuse of a refresh token (RFC 9700, 4.14.2). Two parties hold its tokens, and it is unknown
/// which of them is the user, so the session ends for both. Returns the failure to answer with.
///
/// # Errors
/// The store's failures.
pub async fn end_reused(realm: &Realm, state: &SessionState, trail: &mut Trail) -> Result<Failure, Failure> {
    let session = &state.session;
    trail.note(EventName::RefreshReuseDetected, |event| {
        event.with("userId", session.user_id.as_str()).with("sessionId", session.id.as_str())
    });
    sessions::revoke(realm, &session.id, Some(&session.user_id), trail).await?;
    Ok(ended().into())
}

/// Asks the host whether it has revoked a session, by the option `isTokenRevoked` if it is set.
///
/// # Errors
/// `UNAUTHORIZED` if the host has revoked the session, or can't say.
pub async fn check_host_revocation(realm: &Realm, session_id: &str) -> Result<(), Refusal> {
    match &realm.revocation {
        Some(check) => revocation::ask(check.as_ref(), session_id).await,
        None => Ok(()),
    }
}
