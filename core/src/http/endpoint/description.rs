//! The input and the answers of an endpoint, for the OpenAPI document.

use serde_json::{Value, json};

use super::schema::text;
use crate::error::ErrorCode;

/// The input and the answers of an endpoint.
pub struct Description {
    pub(in crate::http) summary: &'static str,
    /// Schema of the body, and whether it must be there.
    pub(in crate::http) body: Option<(Value, bool)>,
    /// Whether a body that does not fit the schema is refused.
    pub(in crate::http) checks_body: bool,
    /// Name, schema and meaning of query parameters.
    pub(in crate::http) query: Vec<(&'static str, Value, &'static str)>,
    /// The credentials that a public endpoint reads, as alternatives. `{}` means no credential.
    pub(in crate::http) credentials: Value,
    pub(in crate::http) status: u16,
    pub(in crate::http) message: &'static str,
    pub(in crate::http) data: Value,
    /// The message and the data of a 202, if the endpoint may answer with one too.
    pub(in crate::http) accepted: Option<(&'static str, Value)>,
    /// Whether the answer is `data` itself, without the envelope.
    pub(in crate::http) is_bare: bool,
    /// Whether the endpoint may have nothing to answer with, which is a `NOT_FOUND`.
    pub(in crate::http) may_be_missing: bool,
    pub(in crate::http) errors: Vec<ErrorCode>,
}

/// Makes the description of an endpoint that takes no body.
pub(in crate::http) fn answers(summary: &'static str, status: u16, message: &'static str, data: Value) -> Description {
    Description {
        summary,
        body: None,
        checks_body: true,
        query: Vec::new(),
        credentials: json!([]),
        status,
        message,
        data,
        accepted: None,
        is_bare: false,
        may_be_missing: false,
        errors: Vec::new(),
    }
}

impl Description {
    /// Adds a body that must be there.
    pub(in crate::http) fn takes(self, body: Value) -> Self {
        Self { body: Some((body, true)), ..self }
    }

    /// Adds a body that may be left out.
    pub(in crate::http) fn may_take(self, body: Value) -> Self {
        Self { body: Some((body, false)), ..self }
    }

    /// Adds a body that may be anything.
    pub(in crate::http) fn may_take_anything_like(self, body: Value) -> Self {
        Self { checks_body: false, ..self.may_take(body) }
    }

    /// Takes the answer out of the envelope, and adds a `NOT_FOUND` for when there is nothing to answer with.
    pub(in crate::http) fn bare(self) -> Self {
        Self { is_bare: true, may_be_missing: true, ..self }
    }

    /// Adds an answer with the status 202.
    pub(in crate::http) fn or_accepts(self, message: &'static str, data: Value) -> Self {
        Self { accepted: Some((message, data)), ..self }
    }

    /// Adds a `NOT_FOUND`, for when there is nothing left to do.
    pub(in crate::http) fn may_be_gone(self) -> Self {
        Self { may_be_missing: true, ..self }
    }

    /// Adds parameters of the query.
    pub(in crate::http) fn asked_by(self, query: Vec<(&'static str, Value, &'static str)>) -> Self {
        Self { query, ..self }
    }

    /// Names the credentials that a public endpoint reads.
    pub(in crate::http) fn reads(self, credentials: Value) -> Self {
        Self { credentials, ..self }
    }

    /// Adds the errors beside those that every endpoint of its access has.
    pub(in crate::http) fn or(self, errors: &[ErrorCode]) -> Self {
        Self { errors: errors.to_vec(), ..self }
    }
}

/// The parameters of a list in pages.
pub(in crate::http) fn paging() -> Vec<(&'static str, Value, &'static str)> {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 50 });
    vec![("limit", limit, "How many at most"), ("cursor", text(), "`nextCursor` of the page before")]
}
