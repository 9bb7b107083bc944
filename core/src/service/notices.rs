//! Notices for hooks about what an override did in the place of a built-in: hooks are told the same of both.

use serde_json::Value;

use super::{Caller, Trail};
use crate::error::ErrorCode;
use crate::failure::Failure;
use crate::hook::{Effect, HookContext, Operation};

/// The part of an override's input that is kept until it has answered: the identifier of a login, the user of a logout.
pub(super) fn subject(operation: Operation, input: &Value) -> Option<String> {
    let member = match operation {
        Operation::Login => "identifier",
        Operation::LogoutAll => "userId",
        _ => return None,
    };
    input.get(member)?.as_str().map(str::to_owned)
}

/// Adds the notice of an operation, unless the built-in left it already, called by `next()`.
pub(super) fn complete(
    operation: Operation,
    subject: Option<String>,
    result: &Result<Value, Failure>,
    caller: &Caller,
    trail: &mut Trail,
) {
    if trail.effects.is_empty()
        && let Some(effect) = effect(operation, subject, result, caller.hook_context())
    {
        trail.tell(effect);
    }
}

fn effect(
    operation: Operation,
    subject: Option<String>,
    result: &Result<Value, Failure>,
    mut context: HookContext,
) -> Option<Effect> {
    match (operation, result) {
        (Operation::Login, Ok(issued)) => {
            let user = issued.get("user")?;
            let roles = user.get("roles")?.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            Some(Effect::Login { user_id: user.get("id")?.as_str()?.to_owned(), roles, context })
        }
        (Operation::Login, Err(Failure::Refused(error))) if error.is(ErrorCode::InvalidCredentials) => {
            context.error_code = Some(error.code.to_string());
            Some(Effect::FailedLogin { identifier: subject?, context })
        }
        (Operation::Logout, Ok(done)) => {
            Some(Effect::Logout { user_id: done.get("userId")?.as_str()?.to_owned(), context })
        }
        (Operation::LogoutAll, Ok(_)) => Some(Effect::Logout { user_id: subject?, context }),
        _ => None,
    }
}
