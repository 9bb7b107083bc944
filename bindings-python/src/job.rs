//! Work on the runtime, and its conversation with the host that waits for it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use sentri_core::failure::Failure;
use sentri_core::hook::{Operation, Overrides, RevocationCheck};
use sentri_core::{Error, ErrorCode, wire};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinError;

use crate::runtime;

tokio::task_local! {
    /// The channel by which the running job asks for the host's functions.
    static QUESTIONS: Arc<Questions>;
}

/// The news of a job.
#[derive(uniffi::Enum)]
pub enum Step {
    /// It is over; the result as JSON text.
    Done {
        /// See the method that started the job. `{"error", "cause"}` if it panicked.
        result: String,
    },
    /// A function of the host is to be run, and [`Job::answer`] called with its outcome.
    Ask {
        /// Comes back with the answer.
        number: u64,
        /// Name of an overridden operation, or `isTokenRevoked`.
        function: String,
        /// JSON text.
        input: String,
        /// JSON text; empty for `isTokenRevoked`.
        context: String,
    },
}

/// Work that goes on by itself. Take steps, awaited or blocking, until it is done. Who stops asking gets no result, but
/// the work is finished.
#[derive(uniffi::Object)]
pub struct Job {
    steps: Mutex<mpsc::UnboundedReceiver<Step>>,
    questions: Arc<Questions>,
}

#[uniffi::export]
impl Job {
    /// The next step, awaited: only a channel is polled on the host's event loop.
    pub async fn next(&self) -> Step {
        self.steps.lock().await.recv().await.unwrap_or_else(ended)
    }

    /// The next step, or nothing within so many milliseconds: a host that must look at its signals asks again.
    pub fn wait(&self, milliseconds: u32) -> Option<Step> {
        let Ok(runtime) = runtime::handle() else { return Some(ended()) };
        let limit = Duration::from_millis(milliseconds.into());
        runtime.block_on(async { tokio::time::timeout(limit, self.next()).await.ok() })
    }

    /// Answers a question with `{"value"}` or `{"error"}`. An answer to an abandoned question is dropped.
    pub fn answer(&self, number: u64, outcome: String) {
        if let Some(waiting) = self.questions.open().remove(&number) {
            let _ = waiting.send(outcome);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // No answer will come any more.
        self.questions.open().clear();
    }
}

/// Whether the host shuts down. A step wakes the host code that awaits it, by a call into the host from one of our
/// threads. An interpreter that has begun to end would end that thread in the middle of it, and with it the process.
static CLOSED: RwLock<bool> = RwLock::new(false);

/// Lets no step through from now on, and waits for those that are on their way. To be called before the host's
/// interpreter goes down.
#[uniffi::export]
pub fn let_go() {
    // Not for ever: in a forked child the holder of the lock may be gone.
    for _ in 0..100 {
        match CLOSED.try_write() {
            Ok(mut closed) => return *closed = true,
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn tell(steps: &mpsc::UnboundedSender<Step>, step: Step) -> bool {
    let closed = CLOSED.read().unwrap_or_else(PoisonError::into_inner);
    !*closed && steps.send(step).is_ok()
}

fn is_closed() -> bool {
    *CLOSED.read().unwrap_or_else(PoisonError::into_inner)
}

fn ended() -> Step {
    Step::Done { result: wire::outcome(Err(ErrorCode::InternalError.into())) }
}

/// Starts work that answers JSON text.
pub fn start(work: impl Future<Output = String> + Send + 'static) -> Arc<Job> {
    let (steps, receiver) = mpsc::unbounded_channel();
    let questions = Arc::new(Questions { steps: steps.clone(), open: std::sync::Mutex::default() });
    match runtime::handle() {
        Ok(_) if is_closed() => _ = steps.send(ended()),
        Ok(runtime) => {
            let work = runtime.spawn(QUESTIONS.scope(Arc::clone(&questions), work));
            runtime.spawn(async move {
                let result = work.await.unwrap_or_else(panicked);
                tell(&steps, Step::Done { result });
            });
        }
        Err(error) => _ = steps.send(Step::Done { result: wire::outcome(Err(error)) }),
    }
    Arc::new(Job { steps: Mutex::new(receiver), questions })
}

/// A job that is over before it began.
pub fn refuse(error: Error) -> Arc<Job> {
    start(std::future::ready(wire::outcome(Err(error))))
}

fn panicked(error: JoinError) -> String {
    let error_value = wire::error_value(&ErrorCode::InternalError.into());
    let cause = error.try_into_panic().map_or_else(|error| error.to_string(), |panic| words(&*panic));
    json!({ "error": error_value, "cause": cause }).to_string()
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".to_owned())
}

struct Questions {
    steps: mpsc::UnboundedSender<Step>,
    open: std::sync::Mutex<HashMap<u64, oneshot::Sender<String>>>,
}

impl Questions {
    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<String>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the host to run a function. Fails if the job is no longer awaited.
    async fn ask(&self, function: &str, input: String, context: String) -> Result<Value, Failure> {
        let (sender, answer) = oneshot::channel();
        let number = {
            let mut open = self.open();
            let number = open.keys().max().map_or(1, |last| last + 1);
            open.insert(number, sender);
            number
        };
        let step = Step::Ask { number, function: function.to_owned(), input, context };
        let gone = || Failure::Internal("nobody waits for the call any more".to_owned());
        if !tell(&self.steps, step) {
            return Err(gone());
        }
        wire::read_outcome(&answer.await.map_err(|_| gone())?)
    }
}

/// The host's functions, as the core's ports.
pub struct HostFunctions {
    operations: Vec<Operation>,
}

impl HostFunctions {
    /// The operations among the names of the host's functions.
    pub fn overrides(names: &[String]) -> Option<Arc<dyn Overrides>> {
        let operations: Vec<_> = names.iter().filter_map(|name| Operation::from_name(name)).collect();
        if operations.is_empty() { None } else { Some(Arc::new(Self { operations })) }
    }

    /// `isTokenRevoked`, if it is among the names of the host's functions.
    pub fn revocation(names: &[String]) -> Option<Arc<dyn RevocationCheck>> {
        if !names.iter().any(|name| name == REVOCATION) {
            return None;
        }
        Some(Arc::new(Self { operations: Vec::new() }))
    }
}

const REVOCATION: &str = "isTokenRevoked";

async fn ask(function: &str, input: String, context: String) -> Result<Value, Failure> {
    let questions = QUESTIONS.try_with(Arc::clone).map_err(|error| Failure::Internal(error.to_string()))?;
    questions.ask(function, input, context).await
}

#[async_trait]
impl Overrides for HostFunctions {
    fn has(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
    }

    async fn call(&self, operation: Operation, input: Value, context: Value) -> Result<Value, Failure> {
        ask(operation.as_str(), input.to_string(), context.to_string()).await
    }
}

#[async_trait]
impl RevocationCheck for HostFunctions {
    async fn is_revoked(&self, session_id: &str) -> Result<bool, Failure> {
        let verdict = ask(REVOCATION, Value::from(session_id).to_string(), String::new()).await?;
        Ok(verdict != Value::Bool(false))
    }
}
