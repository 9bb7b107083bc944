//! Logout, of one session and of all.

use std::sync::Arc;

use serde_json::Value;

use super::input::Input;
use super::{Caller, Realm, Trail, sessions};
use crate::failure::Failure;
use crate::hook::Effect;

/// `{sessionId?, userId?}` in, `{userId?}` out. Ending a session that is over is no error.
///
/// # Errors
/// The store's.
pub async fn logout(realm: &Arc<Realm>, input: &Value, caller: &Caller, trail: &mut Trail) -> Result<Value, Failure> {
    let Some(session_id) = Input::new(input)?.optional_text("sessionId")? else { return Ok(serde_json::json!({})) };
    let Some(state) = realm.store.find_session(session_id).await? else { return Ok(serde_json::json!({})) };
    let user_id = state.session.user_id;
    if sessions::revoke(realm, session_id, Some(&user_id), trail).await? {
        tell(&user_id, Some(session_id), caller, trail);
    }
    Ok(serde_json::json!({ "userId": user_id }))
}

/// `{userId}` in; every session of the user ends.
///
/// # Errors
/// The store's.
pub async fn logout_all(
    realm: &Arc<Realm>,
    input: &Value,
    caller: &Caller,
    trail: &mut Trail,
) -> Result<Value, Failure> {
    let user_id = Input::new(input)?.text("userId")?;
    sessions::revoke_all(realm, user_id, trail).await?;
    tell(user_id, None, caller, trail);
    Ok(Value::Null)
}

fn tell(user_id: &str, session_id: Option<&str>, caller: &Caller, trail: &mut Trail) {
    let mut context = caller.hook_context();
    context.session_id = session_id.map(str::to_owned);
    trail.tell(Effect::Logout { user_id: user_id.to_owned(), context });
}
