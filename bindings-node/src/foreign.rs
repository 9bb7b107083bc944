//! The host's functions that the core calls while it works: overridden use cases, `isTokenRevoked`, and batches of
//! statements for a database that the host accesses.
//!
//! The core holds the functions by weak references, so they keep no process alive. A thrown error crosses as data,
//! since JavaScript wraps each function so that it always resolves to JSON text.

use std::sync::Arc;

use async_trait::async_trait;
use napi::Status;
use napi::bindgen_prelude::{FnArgs, Function, Promise};
use napi::threadsafe_function::ThreadsafeFunction;
use napi_derive::napi;
use sentri_core::Host;
use sentri_core::failure::Failure;
use sentri_core::hook::{Operation, Overrides, RevocationCheck};
use sentri_core::store::foreign::ForeignDatabase;
use serde_json::Value;

use crate::outcome::read_outcome;

type OverrideFunction<'a> = Function<'a, FnArgs<(String, String, String)>, Promise<String>>;
type Override = ThreadsafeFunction<
    FnArgs<(String, String, String)>,
    Promise<String>,
    FnArgs<(String, String, String)>,
    Status,
    false,
    true,
>;
type TextFunction<'a> = Function<'a, FnArgs<(String,)>, Promise<String>>;
type Text = ThreadsafeFunction<FnArgs<(String,)>, Promise<String>, FnArgs<(String,)>, Status, false, true>;
type RevocationArgs = FnArgs<(String, Option<u32>)>;
type RevocationFunction<'a> = Function<'a, RevocationArgs, Promise<String>>;
type Revocation = ThreadsafeFunction<RevocationArgs, Promise<String>, RevocationArgs, Status, false, true>;

tokio::task_local! {
    /// The host's number for the request that a task serves. The host runs its functions in the context of that
    /// request.
    static HOST_CONTEXT: Option<u32>;
}

/// Runs `serve` for the request that the host knows by this number.
pub fn in_context<F: Future>(number: Option<u32>, serve: F) -> impl Future<Output = F::Output> {
    HOST_CONTEXT.scope(number, serve)
}

/// The host's functions that the core calls.
#[napi(object, object_to_js = false)]
pub struct NativeCallbacks<'a> {
    /// Names of the operations that are overridden.
    pub overridden: Vec<String>,
    /// Runs an overridden operation: `(operation, inputJson, contextJson) => Promise<outcomeJson>`
    #[napi(ts_type = "(operation: string, input: string, context: string) => Promise<string>")]
    pub operate: Option<OverrideFunction<'a>>,
    /// Decides whether a session is revoked: `(sessionId, hostContext) => Promise<outcomeJson>`
    #[napi(ts_type = "(sessionId: string, hostContext?: number) => Promise<string>")]
    pub is_token_revoked: Option<RevocationFunction<'a>>,
    /// Runs a batch of statements: `(batchJson) => Promise<outcomeJson>`, see the core's `store::foreign`.
    #[napi(ts_type = "(batch: string) => Promise<string>")]
    pub run_batch: Option<TextFunction<'a>>,
    /// Closes the connections that `runBatch` uses: `(text) => Promise<text>`, where both texts are empty.
    #[napi(ts_type = "(nothing: string) => Promise<string>")]
    pub close_database: Option<TextFunction<'a>>,
}

impl NativeCallbacks<'_> {
    /// Adds these functions to `host`, as the ports that the core calls.
    pub fn into_host(self, mut host: Host) -> napi::Result<Host> {
        let Self { overridden, operate, is_token_revoked, run_batch, close_database } = self;
        host.revocation = revocation(is_token_revoked)?;
        if let (Some(run), Some(close)) = (run_batch, close_database) {
            host.database = Some(Arc::new(HostDatabase { run: weak(run)?, close: weak(close)? }));
        }
        if let Some(function) = operate {
            let operations = overridden.iter().filter_map(|name| Operation::from_name(name)).collect();
            let function = function.build_threadsafe_function().weak::<true>().build()?;
            host.overrides = Some(Arc::new(HostOverrides { operations, function }));
        }
        Ok(host)
    }

    /// Returns `isTokenRevoked`, the only function that client mode calls.
    pub fn into_revocation(self) -> napi::Result<Option<Arc<dyn RevocationCheck>>> {
        revocation(self.is_token_revoked)
    }
}

fn revocation(function: Option<RevocationFunction<'_>>) -> napi::Result<Option<Arc<dyn RevocationCheck>>> {
    let Some(function) = function else { return Ok(None) };
    let function = function.build_threadsafe_function().weak::<true>().build()?;
    Ok(Some(Arc::new(HostRevocation(function))))
}

fn weak(function: TextFunction<'_>) -> napi::Result<Text> {
    function.build_threadsafe_function().weak::<true>().build()
}

struct HostDatabase {
    run: Text,
    close: Text,
}

#[async_trait]
impl ForeignDatabase for HostDatabase {
    async fn run(&self, batch: String) -> Result<String, String> {
        async { self.run.call_async_catch((batch,).into()).await?.await }
            .await
            .map_err(|error| error.reason.to_string())
    }

    async fn close(&self) {
        // A failure to close a pool is ignored, since no caller is left to report it to.
        let _ = async { self.close.call_async_catch((String::new(),).into()).await?.await }.await;
    }
}

struct HostOverrides {
    operations: Vec<Operation>,
    function: Override,
}

#[async_trait]
impl Overrides for HostOverrides {
    fn has(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
    }

    async fn call(&self, operation: Operation, input: Value, context: Value) -> Result<Value, Failure> {
        let args = (operation.as_str().to_owned(), input.to_string(), context.to_string());
        answer(async { self.function.call_async_catch(args.into()).await?.await }.await)
    }
}

struct HostRevocation(Revocation);

#[async_trait]
impl RevocationCheck for HostRevocation {
    async fn is_revoked(&self, session_id: &str) -> Result<bool, Failure> {
        let args = (session_id.to_owned(), HOST_CONTEXT.try_with(|number| *number).unwrap_or(None));
        let answer = answer(async { self.0.call_async_catch(args.into()).await?.await }.await)?;
        Ok(answer != Value::Bool(false))
    }
}

/// Reads `{"value": ...}` or `{"error": ...}`.
fn answer(result: napi::Result<String>) -> Result<Value, Failure> {
    read_outcome(&result.map_err(|error| Failure::Internal(error.reason.to_string()))?)
}
