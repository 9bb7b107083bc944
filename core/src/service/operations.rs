//! Finds the built-in use cases by the names of the option `router`, for an override's `next()`.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Caller, Realm, Trail, identifier_update, identifiers, login, logout, password, refresh, register, reset, roles,
};
use crate::failure::Failure;
use crate::hook::Operation;
use crate::hook::rows::each_operation;
use crate::use_case::{Context, Output as _, UseCase, run_builtin};

/// Runs a built-in use case for an override's `next()`. Its events join those of the request that the override serves.
///
/// # Errors
/// The refusals of the built-in use case.
pub async fn run_next(
    realm: &Arc<Realm>,
    operation: Operation,
    input: &Value,
    context: &Value,
) -> Result<Value, Failure> {
    let mut trail = Trail::new(&realm.telemetry);
    let call = context.get("callId").and_then(Value::as_u64);
    let mut caller = Caller::from_json(context);
    let outer = call.and_then(|call| {
        let flying = realm.in_flight.lock();
        flying.get(&call).map(|outer| (outer.devices.clone(), outer.trail.author.clone()))
    });
    if let Some((devices, author)) = outer {
        caller.devices = devices;
        trail.author = author;
    }
    let result = by_name(operation, &mut Context { realm, caller: &caller, trail: &mut trail }, input).await;
    if let Some(call) = call
        && let Some(outer) = realm.in_flight.lock().get_mut(&call)
    {
        outer.trail.absorb(trail);
    }
    result
}

macro_rules! by_name {
    (
        ($operation:ident, $context:ident, $input:ident)
        $($variant:ident($name:literal, $($case:ident)::+), $sentence:literal, $of:literal => $result:literal;)*
    ) => {
        match $operation {
            $(Operation::$variant => {
                const { assert!(matches!(<$($case)::+ as UseCase>::NAME, Some(Operation::$variant)), "another name") }
                written::<$($case)::+>($context, $input).await
            })*
        }
    };
}

async fn by_name(operation: Operation, context: &mut Context<'_>, input: &Value) -> Result<Value, Failure> {
    each_operation!(by_name operation, context, input)
}

async fn written<U: UseCase>(context: &mut Context<'_>, input: &Value) -> Result<Value, Failure> {
    run_builtin::<U>(context, input).await.map(|output| output.write())
}
