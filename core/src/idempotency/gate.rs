//! The gate before a route, which decides on each request that carries an idempotency key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::{
    Admission, Begin, Credentials, Holder, IdempotencyRules, Key, MemoryIdempotency, OnRedisAway, RETRY_AFTER, Replay,
    StoredResponse, Ticket, check_header_value, derive_key, fingerprint, may_store,
};
use crate::clock::Clock;
use crate::error::{Error, ErrorCode};

/// The parts of a request that the gate reads.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// The host that the client asked for, with or without a port.
    pub host: &'a str,
    /// Path and query as the client sent them.
    pub path_and_query: &'a str,
    /// Value of the configured header.
    pub header_value: Option<&'a str>,
    /// The caller.
    pub credentials: Credentials<'a>,
    /// `Content-Type`, or an empty text.
    pub content_type: &'a str,
    /// The body, or another text that stands for it.
    pub body: &'a [u8],
}

/// The decision of the gate on a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Passage {
    /// The gate does not apply to the request. Run it.
    Free,
    /// Run the request, then [`Gate::complete`] or [`Gate::abandon`] it.
    Execute(Key, Ticket),
    /// Answer with this stored answer, if [`Passage::replay_to`] permits it.
    Replay(StoredResponse),
    /// Answer with this error.
    Refused(Error),
}

impl Passage {
    /// Decides whether a caller gets the stored answer, and returns the error if it is refused. Without a stored answer
    /// the request runs.
    #[must_use]
    pub fn replay_to(&self, asker: Admission<'_>) -> (Replay, Option<Error>) {
        let Self::Replay(answer) = self else { return (Replay::Run, None) };
        let replay = answer.replay_to(asker);
        let words = "The roles of this user have changed since the request with this idempotency key ran";
        (replay, (replay == Replay::Refuse).then(|| Error::new(ErrorCode::Forbidden, words)))
    }
}

/// A store of answers that several processes share.
#[async_trait]
pub trait SharedIdempotency: fmt::Debug + Send + Sync + 'static {
    /// Decides on a request. It executes under `ticket` if it is the first with its key, and its answer is charged to
    /// `holder`. `None`: the shared store does not answer.
    async fn begin(&self, key: &Key, fingerprint: [u8; 32], ticket: Ticket, holder: Holder) -> Option<Begin>;

    /// Stores the answer for `ttl`, if the ticket is still that of the key.
    async fn complete(&self, key: &Key, ticket: Ticket, ttl: Duration, response: &StoredResponse);

    /// Frees the key.
    async fn abandon(&self, key: &Key, ticket: Ticket);
}

/// The bit in the ticket of a request that the shared store knows, too.
const SHARED: Ticket = 1 << 63;

/// An idempotency gate: the options of a middleware, and the answers that it stores.
#[derive(Debug)]
pub struct Gate {
    rules: IdempotencyRules,
    /// Whether answers at a path show secrets, so that they are never stored.
    shows_secrets: fn(&str) -> bool,
    memory: MemoryIdempotency,
    shared: Option<Arc<dyn SharedIdempotency>>,
}

impl Gate {
    /// Reads the options of the middleware. Answers are stored in memory, except those at paths that show secrets.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option.
    pub fn new(options: Option<&Value>, clock: Arc<dyn Clock>, shows_secrets: fn(&str) -> bool) -> Result<Self, Error> {
        let rules = IdempotencyRules::from_options(options)?;
        let memory = MemoryIdempotency::new(clock, rules.max_size);
        Ok(Self { rules, shows_secrets, memory, shared: None })
    }

    /// Adds a store of answers that several processes share. The memory still holds the requests that this process runs
    /// and has answered, so that no request runs twice here even while the shared store is away.
    #[must_use]
    pub fn with_shared(mut self, shared: Arc<dyn SharedIdempotency>) -> Self {
        self.shared = Some(shared);
        self
    }

    /// Returns the options of the middleware.
    #[must_use]
    pub const fn rules(&self) -> &IdempotencyRules {
        &self.rules
    }

    /// Returns the name of the header that holds the key.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.rules.header
    }

    /// Judges a request without waiting. `None`: answers are shared, so call [`Gate::pass`].
    #[must_use]
    pub fn pass_now(&self, incoming: &Incoming<'_>) -> Option<Passage> {
        match self.look_at(incoming) {
            Err(passage) => Some(passage),
            Ok((key, fingerprint)) if self.shared.is_none() => {
                Some(passage(key, self.begin_here(key, fingerprint, incoming)))
            }
            Ok(_) => None,
        }
    }

    /// Judges a request. Of any number of equal concurrent requests, one executes.
    pub async fn pass(&self, incoming: &Incoming<'_>) -> Passage {
        let (key, fingerprint) = match self.look_at(incoming) {
            Ok(request) => request,
            Err(passage) => return passage,
        };
        let begin = self.begin_here(key, fingerprint, incoming);
        let (Some(shared), Begin::Execute(ticket)) = (&self.shared, &begin) else { return passage(key, begin) };
        match shared.begin(&key, fingerprint, SHARED | ticket, incoming.credentials.holder()).await {
            None if self.rules.on_redis_away == OnRedisAway::Refuse => {
                self.memory.abandon(&key, *ticket);
                Passage::Refused(Error::from(ErrorCode::ServiceUnavailable).with_retry_after(RETRY_AFTER))
            }
            None => passage(key, begin),
            Some(Begin::Execute(ticket)) => Passage::Execute(key, ticket),
            Some(elsewhere) => {
                self.memory.abandon(&key, *ticket);
                passage(key, elsewhere)
            }
        }
    }

    fn begin_here(&self, key: Key, fingerprint: [u8; 32], incoming: &Incoming<'_>) -> Begin {
        self.memory.begin(key, fingerprint, &incoming.credentials, self.rules.ttl)
    }

    /// Returns the key and the fingerprint of a request that the gate applies to, or else the decision on it.
    fn look_at(&self, incoming: &Incoming<'_>) -> Result<(Key, [u8; 32]), Passage> {
        let value = incoming.header_value.ok_or(Passage::Free)?;
        if !self.rules.apply_to(incoming.method) || (self.shows_secrets)(incoming.path_and_query) {
            return Err(Passage::Free);
        }
        check_header_value(value).map_err(Passage::Refused)?;
        let Incoming { method, host, path_and_query, credentials, content_type, body, .. } = *incoming;
        let key = derive_key(method, host, path_and_query, credentials.caller(), value);
        Ok((key, fingerprint(value, content_type, body)))
    }

    /// Ends an executed request in memory, without waiting. It stores the answer if that may be stored, and else lets
    /// the next request with the key run. The host calls it before it answers, so that a client with the answer can get
    /// it again.
    ///
    /// # Errors
    /// The shared store must still be written. Call [`Gate::complete`] with the returned answer, or [`Gate::abandon`]
    /// if there is none.
    pub fn end_now(
        &self,
        key: &Key,
        ticket: Ticket,
        response: Option<StoredResponse>,
    ) -> Result<(), Option<StoredResponse>> {
        let kept = response.filter(|answer| may_store(answer.status, &answer.headers, &answer.body));
        let own = ticket & !SHARED;
        match (kept, self.shared_for(ticket)) {
            (Some(response), None) => self.memory.complete(key, own, response),
            (None, None) => self.memory.abandon(key, own),
            (kept, Some(_)) => {
                match &kept {
                    Some(response) => self.memory.complete(key, own, response.clone()),
                    None => self.memory.abandon(key, own),
                }
                return Err(kept);
            }
        }
        Ok(())
    }

    /// Stores the answer of an executed request if it may be stored, and else lets the next request with the key run.
    pub async fn complete(&self, key: &Key, ticket: Ticket, response: StoredResponse) {
        match (self.end_now(key, ticket, Some(response)), self.shared_for(ticket)) {
            (Err(Some(response)), Some(shared)) => shared.complete(key, ticket, self.rules.ttl, &response).await,
            (Err(None), Some(shared)) => shared.abandon(key, ticket).await,
            _ => {}
        }
    }

    /// Ends a request without an answer, so that the next request with the key runs.
    pub async fn abandon(&self, key: &Key, ticket: Ticket) {
        if let (Err(_), Some(shared)) = (self.end_now(key, ticket, None), self.shared_for(ticket)) {
            shared.abandon(key, ticket).await;
        }
    }

    fn shared_for(&self, ticket: Ticket) -> Option<&dyn SharedIdempotency> {
        self.shared.as_deref().filter(|_| ticket & SHARED != 0)
    }
}

fn passage(key: Key, begin: Begin) -> Passage {
    match begin {
        Begin::Execute(ticket) => Passage::Execute(key, ticket),
        Begin::Replay(mut response) => {
            response.headers.push(("Idempotency-Replayed".to_owned(), "true".to_owned()));
            Passage::Replay(response)
        }
        Begin::InProgress { retry_after } => {
            Passage::Refused(Error::from(ErrorCode::IdempotencyInProgress).with_retry_after(retry_after))
        }
        Begin::Mismatch => Passage::Refused(ErrorCode::IdempotencyMismatch.into()),
    }
}
