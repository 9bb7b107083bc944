//! The gate before a route: what becomes of a request that carries an idempotency key.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Begin, Caller, IdempotencyRules, Key, MemoryIdempotency, StoredResponse, Ticket, check_header_value, derive_key,
    fingerprint, may_store,
};
use crate::clock::Clock;
use crate::error::{Error, ErrorCode};

/// A request as the gate sees it.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Path and query as the client sent them.
    pub path_and_query: &'a str,
    /// Value of the configured header.
    pub header_value: Option<&'a str>,
    /// The `Authorization` header, else the `Cookie` header.
    pub credential: Option<&'a str>,
    /// Client address.
    pub address: Option<&'a str>,
    /// The body, or what stands for it.
    pub body: &'a [u8],
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Passage {
    /// The gate has nothing to do with it.
    Free,
    /// Run it, then [`Gate::complete`] or [`Gate::abandon`] it.
    Execute(Key, Ticket),
    /// Answer with this.
    Replay(StoredResponse),
    /// Answer with this error.
    Refused(Error),
}

/// One middleware's rules and memory.
#[derive(Debug)]
pub struct Gate {
    rules: IdempotencyRules,
    memory: MemoryIdempotency,
}

impl Gate {
    /// Reads the options of the middleware.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option.
    pub fn new(options: Option<&Value>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        if options.is_some_and(|options| options.get("redisUrl").is_some_and(|url| !url.is_null())) {
            let message = "redisUrl is not supported by this version yet: leave it out; answers are kept per process";
            return Err(Error::configuration(message));
        }
        let rules = IdempotencyRules::from_options(options)?;
        let memory = MemoryIdempotency::new(clock, rules.max_size);
        Ok(Self { rules, memory })
    }

    /// The header that holds the key.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.rules.header
    }

    /// Judges a request. Of any number of equal ones at once, one executes.
    #[must_use]
    pub fn pass(&self, incoming: &Incoming<'_>) -> Passage {
        let Some(value) = incoming.header_value else { return Passage::Free };
        if !self.rules.apply_to(incoming.method, incoming.path_and_query) {
            return Passage::Free;
        }
        if let Err(error) = check_header_value(value) {
            return Passage::Refused(error);
        }
        let caller = match (incoming.credential, incoming.address) {
            (Some(credential), _) => Caller::Credential(credential),
            (None, address) => Caller::Address(address.unwrap_or("unknown")),
        };
        let key = derive_key(incoming.method, incoming.path_and_query, caller, value);
        match self.memory.begin(key, fingerprint(incoming.body), self.rules.ttl) {
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

    /// Keeps the answer of an executed request, if it may be kept.
    pub fn complete(&self, key: &Key, ticket: Ticket, response: StoredResponse) {
        if may_store(response.status, &response.headers, &response.body) {
            self.memory.complete(key, ticket, response);
        } else {
            self.abandon(key, ticket);
        }
    }

    /// Lets the next request with the key run.
    pub fn abandon(&self, key: &Key, ticket: Ticket) {
        self.memory.abandon(key, ticket);
    }
}
