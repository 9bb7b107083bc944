//! Identifiers in the answers of use cases that overrides may stand in for.

use serde::Serialize;
use serde_json::Value;

use crate::service::flows::Asked;
use crate::service::shown::ShownIdentifier;
use crate::store::model::Identifier;

/// An identifier in the answer of a use case that an override may stand in for.
#[derive(Serialize)]
#[serde(untagged)]
pub enum AnsweredIdentifier {
    /// The identifier as it is stored now.
    Kept(ShownIdentifier),
    /// The identifier as it is stored until its change is proved.
    Pending(Box<PendingIdentifier>),
    /// The identifier as an override answered it, perhaps with further members.
    Overridden(Value),
}

impl AnsweredIdentifier {
    /// Reads the identifiers from an override's result.
    pub(in crate::service) fn read_all(identifiers: &Value) -> Option<Vec<Self>> {
        Some(identifiers.as_array()?.iter().cloned().map(Self::Overridden).collect())
    }

    /// Whether the identifier keeps its value until a change is proved.
    pub(super) fn is_pending(&self) -> bool {
        match self {
            Self::Kept(_) => false,
            Self::Pending(_) => true,
            Self::Overridden(answered) => answered.get("pending").is_some(),
        }
    }
}

impl From<Identifier> for AnsweredIdentifier {
    fn from(identifier: Identifier) -> Self {
        Self::Kept(identifier.into())
    }
}

/// An identifier with a pending change, as responses show it: `{id, type, value, pending: {type, value, flow,
/// expiresAt}}`.
#[derive(Serialize)]
pub struct PendingIdentifier {
    #[serde(flatten)]
    present: ShownIdentifier,
    pending: PendingValue,
}

/// The value that an identifier is to have, and the flow that proves it.
#[derive(Serialize)]
struct PendingValue {
    #[serde(rename = "type")]
    kind: String,
    value: String,
    #[serde(flatten)]
    asked: Asked,
}

impl PendingIdentifier {
    /// Makes the answer for the identifier `from`, which the flow `asked` will change into `to`.
    pub(in crate::service) fn new(from: &Identifier, to: &Identifier, asked: Asked) -> Self {
        let pending = PendingValue { kind: to.kind.clone(), value: to.value.clone(), asked };
        Self { present: from.into(), pending }
    }
}
