//! Verifies access tokens by the key set of a remote issuer. Attempts to fetch the set run one at a time.

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::{Clock, Millis};
use crate::config::ClientConfig;
use crate::epoch::Epoch;
use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName};
use crate::key_source::{FetchError, KeySource};
use crate::sync::{Handle, Mutex};
use crate::token::jwks::JwkSet;
use crate::token::remote::{FetchFailure, KeyDecision, RemoteSet};
use crate::token::{AccessClaims, TokenError};

/// A verified access token.
#[derive(Debug)]
pub struct VerifiedToken {
    /// The claims of the token.
    pub claims: AccessClaims,
    /// The time until which a cache may repeat the verdict under the same epoch.
    pub fresh_until: Millis,
}

/// The refusal of an access token.
#[derive(Debug)]
pub struct Refused {
    /// The error to answer with.
    pub error: Error,
    /// The fault of the token, for the log alone; `None` if the keys to tell it are not there.
    pub reason: Option<&'static str>,
}

impl From<TokenError> for Refused {
    fn from(error: TokenError) -> Self {
        Self { error: error.into(), reason: Some(error.reason()) }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, reason: None }
    }
}

/// The verdict on a token that is reached without waiting.
#[expect(clippy::large_enum_variant, reason = "it is looked at once, and a box would cost every request")]
enum Verdict {
    Done(Result<VerifiedToken, Refused>),
    /// A key set must be fetched first.
    Fetch,
}

/// The remote key set of a client. Clones share the set and are cheap.
#[derive(Clone)]
pub struct RemoteKeys(Arc<Inner>);

struct Inner {
    source: Arc<dyn KeySource>,
    clock: Arc<dyn Clock>,
    set: Mutex<RemoteSet>,
    /// Grows with every change of the set.
    epoch: Epoch,
    /// Changes when an attempt to fetch is over.
    over: watch::Sender<()>,
    /// The cause of the last failed attempt, until a request logs it.
    trouble: Mutex<Option<String>>,
}

impl RemoteKeys {
    /// Makes an empty key set. The first token that needs a key fetches it.
    #[must_use]
    pub fn new(source: Arc<dyn KeySource>, clock: Arc<dyn Clock>, max_age: Millis) -> Self {
        Self(Arc::new(Inner {
            source,
            clock,
            set: Mutex::new(RemoteSet::new(max_age)),
            epoch: Epoch::default(),
            over: watch::Sender::new(()),
            trouble: Mutex::new(None),
        }))
    }

    /// Returns the epoch, which grows with every change of the set. A verdict under another epoch may rest on a
    /// withdrawn key.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.0.epoch.now()
    }

    /// Returns the counter of epochs.
    #[must_use]
    pub fn epochs(&self) -> &Epoch {
        &self.0.epoch
    }

    /// Returns the event of the last failed attempt, once.
    #[must_use]
    pub fn take_trouble(&self) -> Option<Event> {
        let cause = self.0.trouble.lock().take()?;
        Some(Event::new(EventName::HookFailure).with("hook", "keyUri").with("cause", cause))
    }

    /// Verifies a token without waiting, or returns `None` if a key set must be fetched first.
    #[must_use]
    pub fn verify_now(&self, token: &str, config: &ClientConfig) -> Option<Result<VerifiedToken, Refused>> {
        match self.judge(token, config, true) {
            Verdict::Done(result) => Some(result),
            Verdict::Fetch => None,
        }
    }

    /// Verifies a token, after an attempt to fetch a key set if that is needed.
    ///
    /// # Errors
    /// `TOKEN_INVALID`, `TOKEN_EXPIRED`; `SERVICE_UNAVAILABLE` if the issuer can't be reached and the present set does
    /// not decide.
    pub async fn verify(&self, token: &str, config: &ClientConfig) -> Result<VerifiedToken, Refused> {
        if let Verdict::Done(result) = self.judge(token, config, true) {
            return result;
        }
        self.fetched().await;
        match self.judge(token, config, false) {
            Verdict::Done(result) => result,
            Verdict::Fetch => Err(self.unavailable().into()),
        }
    }

    fn judge(&self, token: &str, config: &ClientConfig, may_wait: bool) -> Verdict {
        // The loop runs again only if another request's attempt brought a new set meanwhile, at most once in 30 s.
        loop {
            if let Some(verdict) = self.judge_by_present_set(token, config, may_wait) {
                return verdict;
            }
        }
    }

    /// Judges a token by the present set. Returns `None` if the set was replaced meanwhile by a set that may hold the
    /// token's key.
    fn judge_by_present_set(&self, token: &str, config: &ClientConfig, may_wait: bool) -> Option<Verdict> {
        let now = self.0.clock.now();
        let decision = self.0.set.lock().decide(now);
        let set = match decision {
            KeyDecision::Use(set) => set,
            KeyDecision::UseAndFetch(set) => {
                self.fetch_in_background();
                set
            }
            KeyDecision::Fetch => return Some(Verdict::Fetch),
            KeyDecision::Refuse => return Some(Verdict::Done(Err(self.unavailable().into()))),
        };
        Some(Verdict::Done(match set.verify_access(token, &config.algorithms, &config.claims, now) {
            Ok(claims) => Ok(self.verified(claims, config, now)),
            Err(error @ TokenError::Invalid(_)) if set.may_miss_key_of(token, &config.algorithms) => {
                let remote = self.0.set.lock();
                if !remote.is_at(&set) {
                    return None;
                }
                if may_wait && remote.may_know_more(now) {
                    return Some(Verdict::Fetch);
                }
                let failing = remote.is_failing();
                drop(remote);
                // During an outage the token's key may be newer than the set, so the token can't be called invalid.
                Err(if failing { self.unavailable().into() } else { error.into() })
            }
            Err(error) => Err(error.into()),
        }))
    }

    fn verified(&self, claims: AccessClaims, config: &ClientConfig, now: Millis) -> VerifiedToken {
        let expires_at = claims.exp.saturating_add(config.claims.leeway_seconds).saturating_mul(1000);
        let fresh_until = self.0.set.lock().fresh_until(now).min(expires_at);
        VerifiedToken { claims, fresh_until }
    }

    fn unavailable(&self) -> Error {
        let wait = self.0.set.lock().retry_after(self.0.clock.now());
        Error::new(ErrorCode::ServiceUnavailable, "The keys of the auth server are temporarily unavailable")
            .with_retry_after(std::time::Duration::from_millis(wait.unsigned_abs()))
    }

    /// Begins an attempt to fetch, unless another is in flight or was made recently. Outside a runtime this is left to
    /// the next request that waits.
    fn fetch_in_background(&self) {
        if let Ok(runtime) = Handle::try_current() {
            self.begin(&runtime);
        }
    }

    /// Waits for the attempt in flight, or begins an attempt if that is allowed now, and waits for it.
    async fn fetched(&self) {
        // The subscription comes before the look at the state, so that the end of an attempt in between is not missed.
        let mut over = self.0.over.subscribe();
        if self.begin(&Handle::current()) || self.0.set.lock().is_in_flight() {
            // This can't fail, since `self` holds the sender.
            let _ = over.changed().await;
        }
    }

    /// Begins an attempt as a task of its own, so that it goes on if the request that began it is dropped. Returns
    /// whether it began.
    fn begin(&self, runtime: &Handle) -> bool {
        let now = self.0.clock.now();
        if !self.0.set.lock().begin(now) {
            return false;
        }
        let mut running = Running { keys: self.clone(), began_at: now, ended: false };
        runtime.spawn(async move {
            let fetched = running.keys.0.source.fetch().await;
            running.end(fetched);
        });
        true
    }
}

/// An attempt in flight. If it is dropped before its end, by a panic or with its runtime, it counts as failed.
struct Running {
    keys: RemoteKeys,
    began_at: Millis,
    ended: bool,
}

impl Running {
    fn end(&mut self, fetched: Result<Vec<u8>, FetchError>) {
        self.ended = true;
        let read = fetched
            .and_then(|bytes| JwkSet::from_remote_json(&bytes).map_err(|error| FetchError::refused(error.message)));
        let inner = &self.keys.0;
        let mut set = inner.set.lock();
        match read {
            Ok(read) => {
                if set.succeed(Arc::new(read), self.began_at) {
                    inner.epoch.advance();
                }
                *inner.trouble.lock() = None;
            }
            Err(FetchError { failure, cause }) => {
                set.fail(failure, inner.clock.now());
                *inner.trouble.lock() = Some(cause);
            }
        }
        drop(set);
        inner.over.send_replace(());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Err(FetchError {
                failure: FetchFailure::Unreachable,
                cause: "the attempt was broken off".to_owned(),
            }));
        }
    }
}
