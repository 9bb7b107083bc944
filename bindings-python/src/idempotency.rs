//! The idempotency gate. Texts are JSON (`sentri_core::wire`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sentri_core::clock::SystemClock;
use sentri_core::idempotency::{Gate, Key, Passage, StoredResponse, Ticket};
use sentri_core::server::open_gate;
use sentri_core::{Error, wire};
use serde_json::Value;

use crate::job::{self, Job};
use crate::runtime;

/// An idempotency gate, or the error that its options caused ([`NativeIdempotency::configuration`]).
#[derive(uniffi::Object)]
pub struct NativeIdempotency {
    options: Value,
    /// The gate, with the id of the process that opened it. A forked child opens a gate of its own, since the
    /// connection belongs to the parent, and two processes that count the same tickets could end each other's requests.
    gate: Mutex<(u32, Result<Arc<Gate>, Error>)>,
    /// Sentences which say that Redis went away or came back, since `take_news` was last called.
    news: Arc<Mutex<Vec<String>>>,
}

impl NativeIdempotency {
    fn gate(&self) -> Result<Arc<Gate>, Error> {
        let mut held = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let here = std::process::id();
        if held.0 != here {
            *held = (here, open(&self.options, &self.news));
        }
        held.1.clone()
    }
}

fn open(options: &Value, news: &Arc<Mutex<Vec<String>>>) -> Result<Arc<Gate>, Error> {
    let news = Arc::clone(news);
    let tell = move |what: &str| news.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_owned());
    open_gate(Some(options), Arc::new(SystemClock), tell).map(Arc::new)
}

#[uniffi::export]
impl NativeIdempotency {
    /// Checks the options of the middleware, without I/O.
    #[uniffi::constructor]
    pub fn new(options: String) -> Self {
        runtime::keep_panics_quiet();
        let options = wire::parse(&options);
        let news = Arc::default();
        let gate = Mutex::new((std::process::id(), open(&options, &news)));
        Self { options, gate, news }
    }

    /// Returns `{"value": header}`, the name of the header that holds the key, or `{"error"}` if the options are wrong.
    pub fn configuration(&self) -> String {
        wire::outcome(self.gate().map(|gate| Value::from(gate.header())))
    }

    /// Returns the sentences which say that Redis went away or came back since the last call, and forgets them.
    pub fn take_news(&self) -> Vec<String> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Judges a request (`wire::read_incoming`) without waiting. If the answers are in Redis, the passage is
    /// `undecided`; then call [`NativePassage::decide`].
    pub fn pass_now(&self, request: String, body: Vec<u8>) -> Arc<NativePassage> {
        let request = wire::parse(&request);
        let gate = self.gate().ok();
        let passage = match &gate {
            Some(gate) => gate.pass_now(&wire::read_incoming(&request, &body)),
            None => Some(Passage::Free),
        };
        let undecided = Mutex::new(passage.is_none().then_some((request, body)));
        let passage = passage.map_or_else(OnceLock::new, OnceLock::from);
        Arc::new(NativePassage { gate, passage, undecided, is_over: AtomicBool::new(false) })
    }
}

/// A request at the gate, with the gate's decision on it. The host completes or abandons a request that executes, once.
/// If the host drops the passage without doing so, for example because its task was cancelled, the request is
/// abandoned.
#[derive(uniffi::Object)]
pub struct NativePassage {
    gate: Option<Arc<Gate>>,
    passage: OnceLock<Passage>,
    undecided: Mutex<Option<(Value, Vec<u8>)>>,
    is_over: AtomicBool,
}

impl NativePassage {
    fn known(&self) -> &Passage {
        self.passage.get().unwrap_or(&Passage::Free)
    }

    /// Returns the request that executes to the first caller, and nothing to later callers, so that it ends once.
    fn take(&self) -> Option<(&Arc<Gate>, Key, Ticket)> {
        let (Some(gate), Some(Passage::Execute(key, ticket))) = (&self.gate, self.passage.get()) else { return None };
        let is_first = !self.is_over.swap(true, Ordering::Relaxed);
        is_first.then_some((gate, *key, *ticket))
    }

    /// Ends an executed request, at once if the answers are in memory. In Redis the work continues even if no caller
    /// waits for it.
    fn end(&self, response: Option<StoredResponse>) -> Option<Arc<Job>> {
        let (gate, key, ticket) = self.take()?;
        let response = gate.end_now(&key, ticket, response).err()?;
        let gate = Arc::clone(gate);
        Some(job::start(async move {
            match response {
                Some(response) => gate.complete(&key, ticket, response).await,
                None => gate.abandon(&key, ticket).await,
            }
            wire::outcome(Ok(Value::Null))
        }))
    }
}

impl Drop for NativePassage {
    fn drop(&mut self) {
        self.end(None);
    }
}

#[uniffi::export]
impl NativePassage {
    /// Judges a request that is undecided; the job's result is `{"value": kind}`.
    pub fn decide(self: Arc<Self>) -> Arc<Job> {
        let undecided = self.undecided.lock().unwrap_or_else(PoisonError::into_inner).take();
        job::start(async move {
            if let (Some(gate), Some((request, body))) = (&self.gate, undecided) {
                let passage = gate.pass(&wire::read_incoming(&request, &body)).await;
                // The request was taken out of `undecided` above, so no other thread sets its passage.
                let _ = self.passage.set(passage);
            }
            wire::outcome(Ok(self.kind().into()))
        })
    }

    /// The kind of the decision: `free`, `execute`, `replay`, `refused` or `undecided`.
    pub fn kind(&self) -> String {
        self.passage.get().map_or("undecided", wire::passage_kind).to_owned()
    }

    /// Returns the response that the gate answers with: `{status, headers}`, and `body` for a refusal.
    pub fn response(&self) -> String {
        wire::passage_response(self.known()).to_string()
    }

    /// Returns the body to replay, which is empty unless the kind is `replay`.
    pub fn body(&self) -> Vec<u8> {
        match self.known() {
            Passage::Replay(response) => response.body.clone(),
            _ => Vec::new(),
        }
    }

    /// Keeps the answer of a request that executed, if it may be kept. Returns nothing if the work is done already,
    /// else a job. `headers` is `[[name, value]]`, `added` the headers among them that `protect()` added, and `roles`
    /// the roles of the user whom it let in.
    pub fn complete(
        &self,
        status: u16,
        headers: String,
        body: Vec<u8>,
        added: String,
        roles: Option<Vec<String>>,
    ) -> Option<Arc<Job>> {
        let read = |text: &str| serde_json::from_str::<Vec<(String, String)>>(text).unwrap_or_default();
        let response = StoredResponse { status, headers: read(&headers), body, roles };
        self.end(Some(response.without(&read(&added))))
    }

    /// Decides whether a caller gets the stored answer: `{replay, refusal?}`. `asked` says whether `protect()` was
    /// asked, and `roles` are those of the user whom it lets in, if it does.
    pub fn replay_to(&self, asked: bool, roles: Option<Vec<String>>) -> String {
        wire::replay_value(self.known(), asked, roles.as_deref()).to_string()
    }

    /// Lets the next request with the key run. Returns nothing if the work is done already, else a job.
    pub fn abandon(&self) -> Option<Arc<Job>> {
        self.end(None)
    }
}
