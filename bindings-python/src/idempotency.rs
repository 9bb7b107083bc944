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

/// One middleware's rules and memory, or the reason why the options make none ([`NativeIdempotency::configuration`]).
#[derive(uniffi::Object)]
pub struct NativeIdempotency {
    options: Value,
    /// The gate and the process that it is of. A forked child opens its own: the connection belongs to the parent, and
    /// two processes with one count of tickets could end each other's requests.
    gate: Mutex<(u32, Result<Arc<Gate>, Error>)>,
    /// The news of Redis since it was last asked for.
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
    /// Checks the options of the middleware; no I/O.
    #[uniffi::constructor]
    pub fn new(options: String) -> Self {
        runtime::keep_panics_quiet();
        let options = wire::parse(&options);
        let news = Arc::default();
        let gate = Mutex::new((std::process::id(), open(&options, &news)));
        Self { options, gate, news }
    }

    /// `{"value": header}` or `{"error"}`.
    pub fn configuration(&self) -> String {
        wire::outcome(self.gate().map(|gate| Value::from(gate.header())))
    }

    /// The news of Redis since the last call.
    pub fn take_news(&self) -> Vec<String> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Judges a request (`wire::read_incoming`) without waiting, where answers are in memory alone; where the passage
    /// is `undecided`, call [`NativePassage::decide`].
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

/// A request at the gate. One that executes is to be completed or abandoned, once; one whose host lets go of it without
/// either, because its task was cancelled for instance, is abandoned.
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

    /// The request that executes, for the first who ends it.
    fn take(&self) -> Option<(&Arc<Gate>, Key, Ticket)> {
        let (Some(gate), Some(Passage::Execute(key, ticket))) = (&self.gate, self.passage.get()) else { return None };
        let is_first = !self.is_over.swap(true, Ordering::Relaxed);
        is_first.then_some((gate, *key, *ticket))
    }

    /// Ends at once in memory. In Redis it continues even if no caller waits for it.
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
    /// Judges a request that is undecided: `{"value": kind}`.
    pub fn decide(self: Arc<Self>) -> Arc<Job> {
        let undecided = self.undecided.lock().unwrap_or_else(PoisonError::into_inner).take();
        job::start(async move {
            if let (Some(gate), Some((request, body))) = (&self.gate, undecided) {
                let passage = gate.pass(&wire::read_incoming(&request, &body)).await;
                // It was undecided, and its decider was taken: no other thread sets it.
                let _ = self.passage.set(passage);
            }
            wire::outcome(Ok(self.kind().into()))
        })
    }

    /// `free`, `execute`, `replay`, `refused` or `undecided`.
    pub fn kind(&self) -> String {
        self.passage.get().map_or("undecided", wire::passage_kind).to_owned()
    }

    /// The response to answer with, `{status, headers}` and, for a refusal, `body`.
    pub fn response(&self) -> String {
        wire::passage_response(self.known()).to_string()
    }

    /// The body to replay.
    pub fn body(&self) -> Vec<u8> {
        match self.known() {
            Passage::Replay(response) => response.body.clone(),
            _ => Vec::new(),
        }
    }

    /// Keeps the answer of a request that executed, if it may be kept; nothing: that is done. `headers` is
    /// `[[name, value]]`, `added` those that `protect()` added, `roles` those of the user whom it let in.
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

    /// Lets the next request with the key run; nothing: that is done.
    pub fn abandon(&self) -> Option<Arc<Job>> {
        self.end(None)
    }
}
