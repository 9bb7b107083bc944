//! Requests at the idempotency gate.

use serde_json::{Value, json};

use super::response_value;
use crate::http::envelope::error_response;
use crate::idempotency::{Credentials, Incoming, Passage};

/// Reads
/// `{method, host, pathAndQuery, headerValue?, identity?, authorization?, cookie?, apiKey?, named?, address?,
/// contentType}`; `body` is what stands for the body.
#[must_use]
pub fn read_incoming<'a>(request: &'a Value, body: &'a [u8]) -> Incoming<'a> {
    let part = |name: &str| request.get(name).and_then(Value::as_str);
    Incoming {
        method: part("method").unwrap_or_default(),
        host: part("host").unwrap_or_default(),
        path_and_query: part("pathAndQuery").unwrap_or_default(),
        header_value: part("headerValue"),
        credentials: Credentials {
            identity: part("identity"),
            authorization: part("authorization"),
            cookie: part("cookie"),
            api_key: part("apiKey"),
            named: part("named"),
            address: part("address"),
        },
        content_type: part("contentType").unwrap_or_default(),
        body,
    }
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

/// The response that a passage answers with: `{status, headers}`, and `body` for a refusal, whose body is a text. Null
/// where there is none.
#[must_use]
pub fn passage_response(passage: &Passage) -> Value {
    match passage {
        Passage::Replay(response) => json!({ "status": response.status, "headers": response.headers }),
        Passage::Refused(error) => response_value(error_response(error)),
        Passage::Free | Passage::Execute(..) => Value::Null,
    }
}

/// The response that refuses a replay to a caller with `roles`, of whom `protect()` would let nobody in if there are
/// none; nothing where it may be given.
#[must_use]
pub fn passage_refusal(passage: &Passage, roles: Option<&[String]>) -> Option<Value> {
    passage.refusal_for(roles).map(|error| response_value(error_response(&error)))
}
