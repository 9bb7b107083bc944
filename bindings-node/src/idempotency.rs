//! The idempotency gate.

use std::sync::Arc;

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use sentri_core::Error;
use sentri_core::clock::SystemClock;
use sentri_core::http::envelope::error_response;
use sentri_core::idempotency::{Gate, Incoming, Key, Passage, StoredResponse, Ticket};
use serde_json::{Value, json};

use crate::outcome::{outcome, parse, response_value};

/// A request as the gate sees it.
#[napi(object, object_to_js = false)]
pub struct NodeIncoming {
    pub method: String,
    pub path_and_query: String,
    pub header_value: Option<String>,
    pub credential: Option<String>,
    pub address: Option<String>,
    pub body: String,
}

/// One middleware's rules and memory.
#[napi]
pub struct NativeIdempotency {
    gate: Result<Gate, Error>,
}

/// A request that executes.
#[napi]
pub struct NativePassage {
    passage: Passage,
}

#[napi]
impl NativeIdempotency {
    /// Checks the options (JSON text).
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String) -> Self {
        Self { gate: Gate::new(Some(&parse(&options)), Arc::new(SystemClock)) }
    }

    /// `{"value": header}` or `{"error": ...}`.
    #[napi(catch_unwind)]
    pub fn configuration(&self) -> String {
        outcome(self.gate.as_ref().map(|gate| Value::from(gate.header())).map_err(Clone::clone))
    }

    /// Judges a request.
    #[napi(catch_unwind)]
    pub fn pass(&self, incoming: NodeIncoming) -> NativePassage {
        let NodeIncoming { method, path_and_query, header_value, credential, address, body } = incoming;
        let incoming = Incoming {
            method: &method,
            path_and_query: &path_and_query,
            header_value: header_value.as_deref(),
            credential: credential.as_deref(),
            address: address.as_deref(),
            body: body.as_bytes(),
        };
        NativePassage { passage: self.gate.as_ref().map_or(Passage::Free, |gate| gate.pass(&incoming)) }
    }

    /// Keeps the answer of an executed request, if it may be kept.
    #[napi(catch_unwind)]
    pub fn complete(&self, passage: &NativePassage, status: u16, headers: Vec<(String, String)>, body: Buffer) {
        if let (Ok(gate), Some((key, ticket))) = (&self.gate, passage.ticket()) {
            gate.complete(key, ticket, StoredResponse { status, headers, body: body.to_vec() });
        }
    }

    /// Lets the next request with the key run.
    #[napi(catch_unwind)]
    pub fn abandon(&self, passage: &NativePassage) {
        if let (Ok(gate), Some((key, ticket))) = (&self.gate, passage.ticket()) {
            gate.abandon(key, ticket);
        }
    }
}

#[napi]
impl NativePassage {
    const fn ticket(&self) -> Option<(&Key, Ticket)> {
        match &self.passage {
            Passage::Execute(key, ticket) => Some((key, *ticket)),
            _ => None,
        }
    }

    /// `free`, `execute`, `replay` or `refused`.
    #[napi(getter, catch_unwind)]
    pub fn kind(&self) -> String {
        match self.passage {
            Passage::Free => "free",
            Passage::Execute(..) => "execute",
            Passage::Replay(_) => "replay",
            Passage::Refused(_) => "refused",
        }
        .to_owned()
    }

    /// The response to answer with, `{status, headers}` and, for a refusal, `body`.
    #[napi(catch_unwind)]
    pub fn response(&self) -> String {
        match &self.passage {
            Passage::Replay(response) => json!({ "status": response.status, "headers": response.headers }),
            Passage::Refused(error) => response_value(error_response(error)),
            Passage::Free | Passage::Execute(..) => Value::Null,
        }
        .to_string()
    }

    /// The body to replay.
    #[napi(catch_unwind)]
    pub fn body(&self) -> Buffer {
        match &self.passage {
            Passage::Replay(response) => response.body.clone().into(),
            _ => Vec::new().into(),
        }
    }
}
