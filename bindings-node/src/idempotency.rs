//! The idempotency gate.

use std::sync::{Arc, Mutex};

use napi::bindgen_prelude::{AsyncBlock, AsyncBlockBuilder, Buffer};
use napi_derive::napi;
use sentri_core::clock::SystemClock;
use sentri_core::idempotency::{Credentials, Gate, Incoming, Key, Passage, StoredResponse, Ticket};
use sentri_core::server::open_gate;
use sentri_core::{Error, wire};
use serde_json::Value;

use crate::outcome::{outcome, parse};

/// The parts of a request that the gate reads.
#[napi(object, object_to_js = false)]
pub struct NativeIncoming {
    pub method: String,
    pub host: String,
    pub path_and_query: String,
    pub header_value: Option<String>,
    pub identity: Option<String>,
    pub authorization: Option<String>,
    pub cookie: Option<String>,
    pub api_key: Option<String>,
    pub named: Option<String>,
    pub address: Option<String>,
    pub content_type: String,
    /// The body as received, or a text in its place.
    pub body: Buffer,
}

impl NativeIncoming {
    fn as_incoming(&self) -> Incoming<'_> {
        Incoming {
            method: &self.method,
            host: &self.host,
            path_and_query: &self.path_and_query,
            header_value: self.header_value.as_deref(),
            credentials: Credentials {
                identity: self.identity.as_deref(),
                authorization: self.authorization.as_deref(),
                cookie: self.cookie.as_deref(),
                api_key: self.api_key.as_deref(),
                named: self.named.as_deref(),
                address: self.address.as_deref(),
            },
            content_type: &self.content_type,
            body: &self.body,
        }
    }
}

/// The effects of `protect()` on a request that ran under a key.
#[napi(object, object_to_js = false)]
pub struct NativeProtection {
    /// The headers that `protect()` added to the answer.
    pub added: Vec<(String, String)>,
    /// The roles of the user whom `protect()` admitted.
    pub roles: Option<Vec<String>>,
}

/// An idempotency gate: the options of a middleware, and the answers that it keeps.
#[napi]
pub struct NativeIdempotency {
    gate: Result<Arc<Gate>, Error>,
    /// Sentences which say that Redis went away or came back, since `take_news` was last called.
    news: Arc<Mutex<Vec<String>>>,
}

/// A request at the gate, with the gate's decision on it.
#[napi]
pub struct NativePassage {
    passage: Passage,
}

#[napi]
impl NativeIdempotency {
    /// Checks the options (JSON text), without I/O. [`NativeIdempotency::configuration`] returns the error if they are
    /// wrong.
    #[napi(constructor, catch_unwind)]
    pub fn new(options: String) -> Self {
        let news = Arc::<Mutex<Vec<String>>>::default();
        let tell = Arc::clone(&news);
        let gate = open_gate(Some(&parse(&options)), Arc::new(SystemClock), move |what| {
            if let Ok(mut news) = tell.lock() {
                news.push(what.to_owned());
            }
        });
        Self { gate: gate.map(Arc::new), news }
    }

    /// Returns `{"value": header}`, the name of the header that holds the key, or `{"error": ...}` if the options are
    /// wrong.
    #[napi(catch_unwind)]
    pub fn configuration(&self) -> String {
        outcome(self.gate.as_ref().map(|gate| Value::from(gate.header())).map_err(Clone::clone))
    }

    /// Returns the sentences which say that Redis went away or came back since the last call, and forgets them.
    #[napi(catch_unwind)]
    pub fn take_news(&self) -> Vec<String> {
        self.news.lock().map(|mut news| std::mem::take(&mut *news)).unwrap_or_default()
    }

    /// Judges a request without waiting. Returns null if the answers are in Redis; then call `pass`.
    #[napi(catch_unwind)]
    pub fn pass_now(&self, incoming: NativeIncoming) -> Option<NativePassage> {
        let Ok(gate) = &self.gate else { return Some(NativePassage { passage: Passage::Free }) };
        gate.pass_now(&incoming.as_incoming()).map(|passage| NativePassage { passage })
    }

    /// Judges a request.
    #[napi(ts_return_type = "Promise<NativePassage>")]
    pub fn pass(&self, env: napi::Env, incoming: NativeIncoming) -> napi::Result<AsyncBlock<NativePassage>> {
        let gate = self.gate.clone();
        let mut incoming = incoming;
        // Copied on the engine's thread: the application may write to its buffer while another thread reads.
        let body = std::mem::take(&mut incoming.body).to_vec();
        AsyncBlockBuilder::new(async move {
            let passage = match gate {
                Ok(gate) => gate.pass(&Incoming { body: &body, ..incoming.as_incoming() }).await,
                Err(_) => Passage::Free,
            };
            Ok(NativePassage { passage })
        })
        .build(&env)
    }

    /// Keeps the answer of an executed request, if it may be kept. Returns null if the work is done already, else a
    /// promise of its end.
    #[napi(ts_return_type = "Promise<void> | null")]
    pub fn complete(
        &self,
        env: napi::Env,
        passage: &NativePassage,
        status: u16,
        headers: Vec<(String, String)>,
        body: Buffer,
        protection: NativeProtection,
    ) -> napi::Result<Option<AsyncBlock<()>>> {
        let response = StoredResponse { status, headers, body: body.to_vec(), roles: protection.roles };
        self.end(&env, passage, Some(response.without(&protection.added)))
    }

    /// Lets the next request with the key run. Returns null if the work is done already, else a promise of its end.
    #[napi(ts_return_type = "Promise<void> | null")]
    pub fn abandon(&self, env: napi::Env, passage: &NativePassage) -> napi::Result<Option<AsyncBlock<()>>> {
        self.end(&env, passage, None)
    }

    /// Ends an executed request, at once if the answers are in memory. In Redis the work continues even if no caller
    /// waits for it.
    fn end(
        &self,
        env: &napi::Env,
        passage: &NativePassage,
        response: Option<StoredResponse>,
    ) -> napi::Result<Option<AsyncBlock<()>>> {
        let (Ok(gate), Some((key, ticket))) = (&self.gate, passage.ticket()) else { return Ok(None) };
        let Err(response) = gate.end_now(key, ticket, response) else { return Ok(None) };
        let (gate, key) = (Arc::clone(gate), *key);
        let ending = AsyncBlockBuilder::new(async move {
            match response {
                Some(response) => gate.complete(&key, ticket, response).await,
                None => gate.abandon(&key, ticket).await,
            }
            Ok(())
        });
        ending.build(env).map(Some)
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

    /// The kind of the decision: `free`, `execute`, `replay` or `refused`.
    #[napi(getter, catch_unwind, ts_return_type = "'free' | 'execute' | 'replay' | 'refused'")]
    pub fn kind(&self) -> String {
        wire::passage_kind(&self.passage).to_owned()
    }

    /// Returns the response that the gate answers with: `{status, headers}`, and `body` for a refusal.
    #[napi(catch_unwind)]
    pub fn response(&self) -> String {
        wire::passage_response(&self.passage).to_string()
    }

    /// Decides whether a caller gets the stored answer: `{replay, refusal?}`. `asked` says whether `protect()` was
    /// asked, and `roles` are those of the user whom it lets in, if it does.
    #[napi(catch_unwind)]
    pub fn replay_to(&self, asked: bool, roles: Option<Vec<String>>) -> String {
        wire::replay_value(&self.passage, asked, roles.as_deref()).to_string()
    }

    /// Returns the body to replay, which is empty unless the kind is `replay`.
    #[napi(catch_unwind)]
    pub fn body(&self) -> Buffer {
        match &self.passage {
            Passage::Replay(response) => response.body.clone().into(),
            _ => Vec::new().into(),
        }
    }
}
