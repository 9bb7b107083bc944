//! Sets and deletes the cookies of tokens in an answer.

use crate::event::EventName;
use crate::http::call::Call;
use crate::http::credential::{oversized, several};
use crate::web::cookie::{self, CookieRules, CookieValues};

/// Sets a cookie. `option` is the option that holds the cookie's name.
pub(super) fn set_cookie(call: &mut Call<'_>, option: &'static str, rules: &CookieRules, value: &str, max_age: u64) {
    let (line, oversize) = rules.write_if_it_fits(value, max_age);
    if let Some(size) = oversize {
        call.trail.note(EventName::HookFailure, |event| oversized(event, option, &rules.name, size));
    }
    call.headers.push(("Set-Cookie".to_owned(), line));
}

/// Deletes the cookies of a session that is over.
pub(super) fn clear_cookies(call: &mut Call<'_>) {
    let config = &call.realm.config;
    for (option, rules) in [("cookie", &config.cookie), ("accessCookie", &config.access_cookie)] {
        let Some(rules) = rules else { continue };
        clear_twins(call, option, rules, false);
        call.headers.push(("Set-Cookie".to_owned(), rules.clear()));
    }
}

/// Deletes cookies of this name at other paths and domains. `option` is the option that holds the cookie's name.
pub(super) fn clear_twins(call: &mut Call<'_>, option: &'static str, rules: &CookieRules, is_login: bool) {
    let brought = cookie::read(call.request.header_values("cookie"), &rules.name);
    if matches!(brought, CookieValues::Several(_) | CookieValues::TooMany(_)) {
        call.trail.note(EventName::HookFailure, |event| several(event, option, &rules.name));
    }
    let lines = rules.twins(call.request.mount(), &brought, is_login);
    call.headers.extend(lines.into_iter().map(|line| ("Set-Cookie".to_owned(), line)));
}
