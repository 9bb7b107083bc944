//! The answer of an import.

use std::borrow::Cow;

use serde::Serialize;

use crate::error::Error;

/// The result of an import, line by line:
/// `{imported, present, refused: [{line, code, message}], ids?: [{line, from, id}]}`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub(super) imported: u64,
    pub(super) present: u64,
    pub(super) refused: Vec<Refusal>,
    /// The users who exist now, if the call asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ids: Option<Vec<Present>>,
}

/// A line that was not imported, and the reason.
#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    pub line: u64,
    code: Cow<'static, str>,
    message: String,
}

impl Refusal {
    pub fn new(line: u64, Error { code, message, .. }: Error) -> Self {
        Self { line, code, message }
    }
}

/// A user who exists now.
#[derive(Debug, Serialize)]
pub(super) struct Present {
    pub line: u64,
    /// The id in the other system.
    pub from: String,
    pub id: String,
}
