//! Requests at the idempotency gate.

use serde::Deserialize as _;
use serde_json::Value;

use super::records::{GateRequest, ReplayData};
use super::{response_value, value};
use crate::http::envelope::error_response;
use crate::idempotency::{Credentials, Incoming, Passage};

/// Reads a request at the gate; `body` is the text in the body's place. A malformed request has no method, so it passes
/// freely.
#[must_use]
pub fn read_incoming<'a>(request: &'a Value, body: &'a [u8]) -> Incoming<'a> {
    let GateRequest {
        method,
        host,
        path_and_query,
        header_value,
        identity,
        authorization,
        cookie,
        api_key,
        named,
        address,
        content_type,
    } = GateRequest::deserialize(request).unwrap_or_default();
    let credentials = Credentials { identity, authorization, cookie, api_key, named, address };
    let (host, content_type) = (host.unwrap_or_default(), content_type.unwrap_or_default());
    Incoming { method, host, path_and_query, header_value, credentials, content_type, body }
}

/// `free`, `execute`, `replay` or `refused`.
#[must_use]
pub const fn passage_kind(passage: &Passage) -> &'static str {
    match passage {
        Passage::Free => "free",
        Passage::Execute(..) => "execute",
        Passage::Replay(_) => "replay",
        Passage::Refused(_) => "refused",
    }
}

/// The response that a passage answers with. That of a replay has no body here; null where there is none.
#[must_use]
pub fn passage_response(passage: &Passage) -> Value {
    match passage {
        Passage::Replay(response) => value(ReplayData { status: response.status, headers: &response.headers }),
        Passage::Refused(error) => response_value(error_response(error)),
        Passage::Free | Passage::Execute(..) => Value::Null,
    }
}

/// The response that refuses a replay to a caller with `roles`, `None` for a caller whom `protect()` would refuse;
/// `None` if the replay may be given.
#[must_use]
pub fn passage_refusal(passage: &Passage, roles: Option<&[String]>) -> Option<Value> {
    passage.refusal_for(roles).map(|error| response_value(error_response(&error)))
}
