//! The export of all stored data of a user, for the user.

use serde::{Deserialize, Serialize};

use super::Realm;
use super::audit::{self, OwnEntry};
use super::shown::ShownDisabling;
use super::story::Story;
use crate::assurance::Assurance;
use crate::clock::{Iso, Millis};
use crate::event::EventName;
use crate::failure::Failure;
use crate::store::account::{Account, MOST_ROWS, PastFlow};
use crate::store::model::{Factor, Identifier, Session, User};

/// The event of an export.
pub const STORY: Story = Story { success: EventName::UserExported, failure: None };

/// Everything that is stored of a user, except secrets, their hashes and digests.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    user: ExportedUser,
    identifiers: Vec<ExportedIdentifier>,
    sessions: Vec<ExportedSession>,
    factors: Vec<ExportedFactor>,
    recovery_codes_left: u32,
    flows: Vec<ExportedFlow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<Vec<OwnEntry>>,
}

/// Exports the account of a user. Returns `None` if there is no such user.
///
/// # Errors
/// The store's failures.
pub async fn export(realm: &Realm, user_id: &str) -> Result<Option<Export>, Failure> {
    let Some(account) = realm.store.read_account(user_id).await? else { return Ok(None) };
    let audit = audit::of_user(realm, user_id, MOST_ROWS).await?;
    let Account { user, updated_at, identifiers, sessions, factors, flows } = account;
    Ok(Some(Export {
        user: ExportedUser::new(user, updated_at),
        identifiers: identifiers.into_iter().map(ExportedIdentifier::from).collect(),
        sessions: sessions.into_iter().map(ExportedSession::from).collect(),
        factors: factors.factors.into_iter().map(ExportedFactor::from).collect(),
        recovery_codes_left: factors.recovery_codes,
        flows: flows.into_iter().map(ExportedFlow::from).collect(),
        audit,
    }))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedUser {
    id: String,
    roles: Vec<String>,
    created_at: Iso,
    updated_at: Option<Iso>,
    /// The last disabling, even if it has run out.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<ShownDisabling>,
}

impl ExportedUser {
    fn new(user: User, updated_at: Option<Millis>) -> Self {
        Self {
            id: user.id,
            roles: user.roles,
            created_at: Iso(user.created_at),
            updated_at: updated_at.map(Iso),
            disabled: user.disabled.map(ShownDisabling::from),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedIdentifier {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
    created_at: Iso,
    verified_at: Option<Iso>,
}

impl From<(Identifier, Millis)> for ExportedIdentifier {
    fn from((identifier, created_at): (Identifier, Millis)) -> Self {
        let Identifier { id, kind, value, verified_at, .. } = identifier;
        Self { id, kind, value, created_at: Iso(created_at), verified_at: verified_at.map(Iso) }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedSession {
    id: String,
    created_at: Iso,
    last_used_at: Option<Iso>,
    expires_at: Iso,
    ended_at: Option<Iso>,
    ip: Option<String>,
    user_agent: Option<String>,
    methods: Option<Vec<String>>,
    authenticated_at: Option<Iso>,
}

impl From<Session> for ExportedSession {
    fn from(session: Session) -> Self {
        let assurance = session.assurance.as_ref();
        let methods = assurance.map(Assurance::methods_text);
        let auth_time = assurance.and_then(|held| held.auth_time);
        Self {
            id: session.id,
            created_at: Iso(session.created_at),
            last_used_at: session.last_used_at.map(Iso),
            expires_at: Iso(session.expires_at),
            ended_at: session.revoked_at.map(Iso),
            ip: session.ip_address,
            user_agent: session.user_agent,
            methods: methods.map(|text| text.split_whitespace().map(str::to_owned).collect()),
            authenticated_at: auth_time.map(|at| Iso(at.saturating_mul(1000))),
        }
    }
}

/// A second factor, without its secret and the step of its last code.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedFactor {
    id: String,
    kind: String,
    label: Option<String>,
    created_at: Iso,
    confirmed_at: Option<Iso>,
    last_used_at: Option<Iso>,
}

impl From<Factor> for ExportedFactor {
    fn from(Factor { id, kind, label, created_at, confirmed_at, last_used_at, .. }: Factor) -> Self {
        let (created_at, confirmed_at) = (Iso(created_at), confirmed_at.map(Iso));
        Self { id, kind, label, created_at, confirmed_at, last_used_at: last_used_at.map(Iso) }
    }
}

/// A flow without its id, since whoever knows the id can try codes. A pending change shows the new value.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportedFlow {
    purpose: String,
    created_at: Iso,
    expires_at: Iso,
    ended_at: Option<Iso>,
    pending: Option<PendingValue>,
}

#[derive(Debug, Serialize)]
struct PendingValue {
    identifier: String,
    #[serde(flatten)]
    to: WaitingValue,
}

/// The members of a flow's payload that describe a pending change.
#[derive(Debug, Serialize, Deserialize)]
struct WaitingValue {
    #[serde(rename = "type")]
    kind: Option<String>,
    value: String,
}

impl From<PastFlow> for ExportedFlow {
    fn from(flow: PastFlow) -> Self {
        let to = serde_json::from_str(&flow.payload).ok();
        Self {
            purpose: flow.purpose,
            created_at: Iso(flow.created_at),
            expires_at: Iso(flow.expires_at),
            ended_at: flow.consumed_at.map(Iso),
            pending: to.map(|to| PendingValue { identifier: flow.identifier_id, to }),
        }
    }
}
