//! All stored data of a user, for the user.

use serde_json::{Value, json};

use super::story::Story;
use super::users::describe_disabling;
use super::{Realm, audit};
use crate::assurance::Assurance;
use crate::clock::{Millis, to_iso};
use crate::error::ErrorCode;
use crate::event::EventName;
use crate::failure::Failure;
use crate::store::account::{Account, MOST_ROWS, PastFlow};
use crate::store::model::{Factor, Identifier, Session};

/// The event of an export.
pub const STORY: Story = Story { success: EventName::UserExported, failure: None };

/// Everything that is stored of a user but secrets, their hashes and digests.
///
/// # Errors
/// `USER_NOT_FOUND`; the store's.
pub async fn export(realm: &Realm, user_id: &str) -> Result<Value, Failure> {
    let account = realm.store.read_account(user_id).await?.ok_or(ErrorCode::UserNotFound)?;
    let mut shown = describe(&account);
    if let Some(entries) = audit::of_user(realm, user_id, MOST_ROWS).await? {
        shown["audit"] = entries;
    }
    Ok(shown)
}

fn describe(account: &Account) -> Value {
    let Account { user, updated_at, identifiers, sessions, factors, flows } = account;
    let mut shown = json!({
        "user": {
            "id": user.id,
            "roles": user.roles,
            "createdAt": to_iso(user.created_at),
            "updatedAt": instant(*updated_at),
        },
        "identifiers": identifiers.iter().map(describe_identifier).collect::<Value>(),
        "sessions": sessions.iter().map(describe_session).collect::<Value>(),
        "factors": factors.factors.iter().map(describe_factor).collect::<Value>(),
        "recoveryCodesLeft": factors.recovery_codes,
        "flows": flows.iter().map(describe_flow).collect::<Value>(),
    });
    if let Some(disabling) = &user.disabled {
        shown["user"]["disabled"] = describe_disabling(disabling);
    }
    shown
}

fn instant(at: Option<Millis>) -> Option<String> {
    at.map(to_iso)
}

fn describe_identifier((identifier, created_at): &(Identifier, Millis)) -> Value {
    json!({
        "id": identifier.id,
        "type": identifier.kind,
        "value": identifier.value,
        "createdAt": to_iso(*created_at),
        "verifiedAt": instant(identifier.verified_at),
    })
}

fn describe_session(session: &Session) -> Value {
    let assurance = session.assurance.as_ref();
    let methods = assurance.map(Assurance::methods_text);
    let auth_time = assurance.and_then(|held| held.auth_time).map(|at| at.saturating_mul(1000));
    json!({
        "id": session.id,
        "createdAt": to_iso(session.created_at),
        "lastUsedAt": instant(session.last_used_at),
        "expiresAt": to_iso(session.expires_at),
        "endedAt": instant(session.revoked_at),
        "ip": session.ip_address,
        "userAgent": session.user_agent,
        "methods": methods.map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()),
        "authenticatedAt": instant(auth_time),
    })
}

/// Without the secret, and without the step of the last code.
fn describe_factor(factor: &Factor) -> Value {
    json!({
        "id": factor.id,
        "kind": factor.kind,
        "label": factor.label,
        "createdAt": to_iso(factor.created_at),
        "confirmedAt": instant(factor.confirmed_at),
        "lastUsedAt": instant(factor.last_used_at),
    })
}

/// Without its id, beside which a code counts. A change that waits shows the value that it is to.
fn describe_flow(flow: &PastFlow) -> Value {
    let waiting: Value = serde_json::from_str(&flow.payload).unwrap_or_default();
    let pending = waiting
        .get("value")
        .map(|value| json!({ "identifier": flow.identifier_id, "type": waiting["type"], "value": value }));
    json!({
        "purpose": flow.purpose,
        "createdAt": to_iso(flow.created_at),
        "expiresAt": to_iso(flow.expires_at),
        "endedAt": instant(flow.consumed_at),
        "pending": pending,
    })
}
