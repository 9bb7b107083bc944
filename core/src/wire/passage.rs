//! Reads requests at the idempotency gate, and writes its decisions.

use serde_json::Value;

use super::records::{GateRequest, ReplayData, ReplayDecision, read};
use super::{response_data, response_value, value};
use crate::http::envelope::error_response;
use crate::idempotency::{Admission, Credentials, Incoming, Passage};

/// Reads a request at the gate. `body` is the body, or another text that stands for it. A malformed request has no
/// method, so it passes freely.
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
    } = read(request);
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

/// Writes the response of a passage, or null if it has none. The body of a replay is left out, since it crosses as
/// bytes.
#[must_use]
pub fn passage_response(passage: &Passage) -> Value {
    match passage {
        Passage::Replay(response) => value(ReplayData { status: response.status, headers: &response.headers }),
        Passage::Refused(error) => response_value(error_response(error)),
        Passage::Free | Passage::Execute(..) => Value::Null,
    }
}

/// Writes the decision on the stored answer of a passage. `asked` says whether `protect()` was asked, and `roles` are
/// those of the user whom it admits, if it does.
#[must_use]
pub fn replay_value(passage: &Passage, asked: bool, roles: Option<&[String]>) -> Value {
    let asker = match roles {
        Some(roles) => Admission::Admitted(roles),
        None if asked => Admission::Refused,
        None => Admission::Unknown,
    };
    let (replay, error) = passage.replay_to(asker);
    value(ReplayDecision { replay, refusal: error.map(|error| response_data(error_response(&error))) })
}
