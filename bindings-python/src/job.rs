//! Work on the runtime, and the calls of host functions that the work needs while the host waits for it.

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
    /// The channel by which the running job asks the host to run its functions.
    static QUESTIONS: Arc<Questions>;
}

/// A step of a job: its end, or a function that the host must run.
#[derive(uniffi::Enum)]
pub enum Step {
    /// The job is over.
    Done {
        /// JSON text, as the method that started the job describes it. `{"error", "cause"}` if the job panicked.
        result: String,
    },
    /// The host must run a function, and then call [`Job::answer`] with its outcome.
    Ask {
        /// The number of the question, for [`Job::answer`].
        number: u64,
        /// The name of an overridden operation, or `isTokenRevoked`.
        function: String,
        /// JSON text.
        input: String,
        /// JSON text; empty for `isTokenRevoked`.
        context: String,
    },
}

/// Work that runs by itself. The host takes steps, awaited or blocking, until the work is done. A host that stops
/// taking steps gets no result, but the work goes on to its end.
#[derive(uniffi::Object)]
pub struct Job {
    steps: Mutex<mpsc::UnboundedReceiver<Step>>,
    questions: Arc<Questions>,
}

#[uniffi::export]
impl Job {
    /// Returns the next step. The host's event loop only polls a channel meanwhile.
    pub async fn next(&self) -> Step {
        self.steps.lock().await.recv().await.unwrap_or_else(ended)
    }

    /// Waits for the next step, at most for so many milliseconds, and returns nothing if there is none by then. So a
    /// host that must look at its signals can do so and ask again.
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
        // No answer can come any more.
        self.questions.open().clear();
    }
}

/// Whether the host shuts down. A step wakes the host code that awaits it, by a call into the host from a thread of
/// ours. An interpreter that has begun to shut down would end that thread in the middle of the call, and the process
/// with it.
static CLOSED: RwLock<bool> = RwLock::new(false);

/// Lets no step through from now on, and waits up to a second for steps that are on their way. The host must call it
/// before its interpreter shuts down.
#[uniffi::export]
pub fn let_go() {
    // The wait is bounded, since in a forked child the holder of the lock may be gone.
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

/// Returns a job that is over at once, with this error.
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

    /// Asks the host to run a function, and waits for its outcome. Fails if the host no longer awaits the job.
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
    /// Returns overrides for the operations among the names of the host's functions, if there are any.
    pub fn overrides(names: &[String]) -> Option<Arc<dyn Overrides>> {
        let operations: Vec<_> = names.iter().filter_map(|name| Operation::from_name(name)).collect();
        if operations.is_empty() { None } else { Some(Arc::new(Self { operations })) }
    }

    /// Returns the check of `isTokenRevoked`, if it is among the names of the host's functions.
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
