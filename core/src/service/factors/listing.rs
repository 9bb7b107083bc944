//! The second factors of a user, as responses show them.

use serde::Serialize;

use crate::clock::Iso;
use crate::failure::Failure;
use crate::service::Realm;
use crate::store::model::{Factor, Factors};

/// A second factor as responses show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownFactor {
    id: String,
    kind: String,
    label: Option<String>,
    created_at: Iso,
    last_used_at: Option<Iso>,
}

impl From<Factor> for ShownFactor {
    fn from(Factor { id, kind, label, created_at, last_used_at, .. }: Factor) -> Self {
        Self { id, kind, label, created_at: Iso(created_at), last_used_at: last_used_at.map(Iso) }
    }
}

/// The second factors of a user: `{factors, recoveryCodesLeft}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FactorList {
    factors: Vec<ShownFactor>,
    recovery_codes_left: u32,
}

/// Lists the factors that a login asks for, and counts the recovery codes that are left.
///
/// # Errors
/// The store's failures.
pub async fn list(realm: &Realm, user_id: &str) -> Result<FactorList, Failure> {
    let Factors { factors, recovery_codes } = realm.store.factors_of(user_id).await?;
    let factors = factors.into_iter().filter(|factor| factor.confirmed_at.is_some()).map(ShownFactor::from).collect();
    Ok(FactorList { factors, recovery_codes_left: recovery_codes })
}
