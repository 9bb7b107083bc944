//! The device cookie: reads the users for whom the browser of a request is known, and sets the cookie after a completed
//! login.

use crate::event::EventName;
use crate::http::call::Call;
use crate::service::device::issue;
use crate::token::device::{DeviceUser, merge};
use crate::web::cookie;

/// The most cookies of the name that are read. Every cookie that verifies counts, so that cookies which a neighbouring
/// site has planted do not make the browser unknown.
const MAX_COOKIES: usize = 50;

/// Returns the users for whom the browser is known, or none if `knownDevices` is off. A cookie that does not verify is
/// ignored.
pub(super) fn presented(call: &Call<'_>) -> Vec<DeviceUser> {
    let (Some(rules), Some(ring)) = (&call.realm.config.known_devices, call.realm.keys.get()) else {
        return Vec::new();
    };
    let (issuer, now) = (call.realm.config.claims.issuer.as_deref(), call.realm.now());
    let values = cookie::values(call.request.header_values("cookie"), &rules.name).take(MAX_COOKIES);
    merge(values.filter_map(|value| ring.verify_device(value, issuer, now).ok()))
}

/// Makes the browser known for the user whose login has completed. A failure is only logged, since the session exists
/// already; the next login then makes the browser known.
pub(super) async fn remember(call: &mut Call<'_>, user_id: &str) {
    let realm = call.realm;
    let Some(rules) = &realm.config.known_devices else { return };
    match issue(realm, &call.caller, user_id).await {
        Ok(Some((token, max_age))) => call.headers.push(("Set-Cookie".to_owned(), rules.write(&token, max_age))),
        Ok(None) => {}
        Err(error) => call.trail.note(EventName::HookFailure, |event| {
            event.with("hook", "knownDevices").with("cause", format!("no device could be made known: {error}"))
        }),
    }
}
