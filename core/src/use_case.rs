//! Use cases as types. Their input and output are values. JSON is read and written only in `http`, in programmatic
//! calls, and for the host's overrides.
//!
//! [`run`] runs a use case by the host's override if there is one, else by the built-in. Afterwards the output of
//! either gives the facts for the event and the notice for the host's hooks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::hook::{HookContext, Notice, Operation};
use crate::service::story::{Facts, Story};
use crate::service::{Caller, InFlight, Realm, Trail};

/// The context of a use case.
pub struct Context<'a> {
    /// Users, sessions, keys and options.
    pub realm: &'a Arc<Realm>,
    /// The caller.
    pub caller: &'a Caller,
    /// Events and notices beside the result.
    pub trail: &'a mut Trail,
}

/// A use case.
pub trait UseCase {
    /// The name by which the option `router` overrides it. `None`: it can't be overridden.
    const NAME: Option<Operation>;
    /// The events of its success and its failure.
    const STORY: Story;
    /// The checked input.
    type Input: Input;
    /// The result.
    type Output: Output;

    /// Runs the built-in.
    ///
    /// # Errors
    /// The refusals of the use case, or an error of the store.
    fn run(context: &mut Context<'_>, input: Self::Input)
    -> impl Future<Output = Result<Self::Output, Failure>> + Send;

    /// Returns the notice for the host's hooks. `subject` is the value of the input's member [`Input::SUBJECT`].
    #[must_use]
    fn notice(_subject: Option<String>, _end: Result<&Self::Output, &Error>, _context: HookContext) -> Option<Notice> {
        None
    }
}

/// The input of a use case.
pub trait Input: Sized + Send {
    /// The member of the input that a notice names, after a success and after a failure.
    const SUBJECT: Option<&'static str> = None;

    /// Reads the input from JSON. Unknown members are ignored.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names the member.
    fn read(value: &Value) -> Result<Self, Error>;
}

/// Input that the core makes itself, and writes as JSON only for an override.
pub trait WrittenInput: Input {
    /// Writes the input as JSON, as an override gets it.
    fn write(&self) -> Value;
}

/// The result of a use case. Its JSON is the result of `next()` and of a programmatic call, and for most endpoints the
/// `data` of the answer.
pub trait Output: Serialize + Sized + Send + Sync {
    /// A description of the JSON to which an override must resolve.
    const SHAPE: &'static str;

    /// Reads the result of an override. `None`: it has another shape.
    fn read(value: &Value) -> Option<Self>;

    /// Writes the result as JSON.
    fn write(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Adds the facts for the event.
    fn tell(&self, _facts: &mut Facts) {}
}

/// The output of a use case without a result.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Done;

impl Output for Done {
    const SHAPE: &'static str = "anything";

    fn read(_value: &Value) -> Option<Self> {
        Some(Self)
    }
}

/// Runs a use case, by the host's override if there is one, else by the built-in. An override gets the input as it
/// came.
///
/// # Errors
/// The refusals of the use case or the override; `CONFIGURATION_ERROR` if the override's result has the wrong shape.
pub async fn run<U: UseCase>(context: &mut Context<'_>, input: Value) -> Result<U::Output, Failure> {
    let realm = context.realm;
    let overridden = U::NAME.and_then(|name| Some((realm.overrides.as_ref().filter(|all| all.has(name))?, name)));
    let Some((overrides, name)) = overridden else { return run_builtin::<U>(context, &input).await };
    let call = realm.next_call.fetch_add(1, Ordering::Relaxed);
    realm.in_flight.lock().insert(call, InFlight::new(&realm.telemetry, context.caller, &context.trail.author));
    let subject = subject::<U>(&input);
    let result = overrides.call(name, input, context.caller.to_json(call)).await;
    let inner = realm.in_flight.lock().remove(&call);
    let result = result.and_then(|value| U::Output::read(&value).ok_or_else(|| wrong_shape::<U>(name)));
    // An override leaves the same notice as the built-in, unless the built-in, called by `next()`, has left it.
    let has_notice = inner.as_ref().is_some_and(|inner| !inner.trail.notices.is_empty());
    if let Some(inner) = inner {
        context.trail.absorb(inner.trail);
    }
    tell::<U>(context, subject, &result, has_notice);
    result
}

/// Runs the built-in, and leaves the facts for its event and its notice.
///
/// # Errors
/// The refusals of the use case.
pub async fn run_builtin<U: UseCase>(context: &mut Context<'_>, input: &Value) -> Result<U::Output, Failure> {
    let read = U::Input::read(input)?;
    let subject = subject::<U>(input);
    run_typed::<U>(context, read, subject).await
}

/// Runs the built-in on input that is read already, for use cases that can't be overridden, and for calls that ignore
/// overrides.
///
/// # Errors
/// The refusals of the use case.
pub async fn run_read<U: UseCase>(context: &mut Context<'_>, input: U::Input) -> Result<U::Output, Failure> {
    const { assert!(U::Input::SUBJECT.is_none(), "its notice has a subject, which is read from JSON") }
    run_typed::<U>(context, input, None).await
}

/// Runs a use case as [`run`] does, on input that the core has made. Without an override the input is never written as
/// JSON.
///
/// # Errors
/// As [`run`].
pub async fn run_checked<U>(context: &mut Context<'_>, input: U::Input) -> Result<U::Output, Failure>
where
    U: UseCase,
    U::Input: WrittenInput,
{
    let overrides = context.realm.overrides.as_ref();
    if U::NAME.is_some_and(|name| overrides.is_some_and(|all| all.has(name))) {
        return run::<U>(context, input.write()).await;
    }
    let subject = U::Input::SUBJECT.and_then(|_| subject::<U>(&input.write()));
    run_typed::<U>(context, input, subject).await
}

async fn run_typed<U: UseCase>(
    context: &mut Context<'_>,
    input: U::Input,
    subject: Option<String>,
) -> Result<U::Output, Failure> {
    let result = U::run(context, input).await;
    tell::<U>(context, subject, &result, false);
    result
}

fn subject<U: UseCase>(input: &Value) -> Option<String> {
    input.get(U::Input::SUBJECT?)?.as_str().map(str::to_owned)
}

fn tell<U: UseCase>(
    context: &mut Context<'_>,
    subject: Option<String>,
    result: &Result<U::Output, Failure>,
    has_notice: bool,
) {
    let end = match result {
        Ok(output) => {
            output.tell(&mut context.trail.facts);
            Ok(output)
        }
        Err(Failure::Refused(error)) => Err(error),
        Err(_) => return,
    };
    if !has_notice {
        context.trail.notices.extend(U::notice(subject, end, context.caller.hook_context()));
    }
}

/// Returns the error for a result of an override that has another shape than the built-in's.
fn wrong_shape<U: UseCase>(name: Operation) -> Failure {
    let message = format!("router.{} must resolve to {}", name.as_str(), U::Output::SHAPE);
    Error::new(ErrorCode::ConfigurationError, message).into()
}
