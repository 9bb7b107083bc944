//! Runs an endpoint: checks access, collects events, and turns failures into answers with the headers that every answer
//! has.

use std::sync::Arc;
use std::time::Instant;

use super::call::Call;
use super::credential::wrong_key;
use super::decision::{Admitted, authorize};
use super::envelope::error_response;
use super::guard::{self, GuardRequest};
use super::router::{self, Access, Endpoint, ROUTES};
use super::{Handled, Request, Response, body};
use crate::audit::{Actor, AuditLevel, Author};
use crate::error::Error;
use crate::event::Event;
use crate::failure::Failure;
use crate::service::story::Ending;
use crate::service::{Caller, Realm, Trail, api_key, keys, maintenance};
use crate::web::{client_ip, cookie, origin};

/// Serves a request. `None`: no endpoint serves this method and path.
pub async fn handle(realm: &Arc<Realm>, request: &Request) -> Option<Handled> {
    let (endpoint, mut call) = open(realm, request)?;
    maintenance::start_if_due(realm);
    keys::catch_up(realm).await;
    let started = Instant::now();
    let result = serve(endpoint, &mut call).await;
    let pace = call.pace.take().filter(|pace| pace.holds(&result));
    let handled = finish(endpoint, call, result, started);
    if let Some(pace) = pace {
        pace.end().await;
    }
    Some(handled)
}

/// Answers a request with `error` while requests can't be served, and logs it as a failure of the endpoint.
pub fn refuse(realm: &Arc<Realm>, request: &Request, error: Error) -> Handled {
    match open(realm, request) {
        Some((endpoint, call)) => finish(endpoint, call, Err(error.into()), Instant::now()),
        None => Handled { response: error_response(&error), ..Handled::default() },
    }
}

fn open<'a>(realm: &'a Arc<Realm>, request: &'a Request) -> Option<(&'static Endpoint, Call<'a>)> {
    let (endpoint, parameter) = router::find(&request.method, &request.path)?;
    if !endpoint.needs.is_met(&realm.config) {
        return None;
    }
    let caller = caller(realm, request);
    let author = author(realm, &caller);
    let mut call = Call {
        realm,
        request,
        parameter: parameter.unwrap_or_default(),
        caller,
        principal: None,
        trail: Trail::new(&realm.telemetry).by(author),
        headers: Vec::new(),
        pace: None,
    };
    // A parameter of the path is the user whom an admin's request is about.
    if !call.parameter.is_empty() {
        call.trail.facts.user_id = Some(call.parameter.clone());
    }
    Some((endpoint, call))
}

/// Returns the author of a request's changes for the audit, or an empty author if the audit is off.
fn author(realm: &Realm, caller: &Caller) -> Author {
    if realm.audit_level() == AuditLevel::Off {
        return Author::default();
    }
    Author { ip: caller.ip.clone(), request_id: caller.request_id.clone(), ..Author::default() }
}

async fn serve(endpoint: &Endpoint, call: &mut Call<'_>) -> Result<Response, Failure> {
    // The key is read at every endpoint, since a right key makes a difference at public endpoints too.
    let key = call.request.header("x-api-key");
    call.caller.trusted = api_key::accept(call.realm, key, &call.caller, &mut call.trail).await?;
    if call.caller.trusted {
        call.trail.author.actor = Actor::ApiKey;
    }
    admit(endpoint, call).await?;
    (endpoint.serve)(call).await
}

/// Admits a caller that the endpoint is for, or fails.
async fn admit(endpoint: &Endpoint, call: &mut Call<'_>) -> Result<(), Failure> {
    let realm = call.realm;
    match endpoint.access {
        Access::Public => return Ok(()),
        Access::Admin if call.caller.trusted => return Ok(()),
        Access::Admin if realm.config.api_keys.is_some() && call.request.header("x-api-key").is_some() => {
            return Err(wrong_key().into());
        }
        Access::Admin | Access::User => {}
    }
    let guarded = guard::guard(realm, &GuardRequest::of(call.request)).await;
    call.trail.events.extend(guarded.events);
    call.headers.extend(guarded.headers);
    let mut principal = guarded.result?;
    // An admin sets passwords and roles. Without these checks a stolen admin token would get around all other checks of
    // a fresh login, and a token that outlives its session or its roles could restore them.
    let administers = endpoint.access == Access::Admin && !origin::is_safe(endpoint.method);
    if administers {
        guard::bring_up_to_date(realm, &mut principal).await?;
    }
    if endpoint.access == Access::Admin {
        let (config, user) = (&realm.config, Some(Admitted::from(&principal)));
        let decision = authorize(user, &config.roles.admin, "server", &realm.telemetry, config.production);
        call.trail.events.extend(decision.event);
        if let Some(refusal) = decision.error {
            return Err(refusal.into());
        }
    }
    if call.trail.facts.user_id.is_none() {
        call.trail.facts.user_id = Some(principal.id.clone());
    }
    call.trail.author.actor = Actor::User(principal.id.clone());
    call.trail.author.session.clone_from(&principal.session_id);
    call.principal = Some(principal);
    if administers {
        call.require_recent().await?;
    }
    Ok(())
}

fn finish(endpoint: &Endpoint, call: Call<'_>, result: Result<Response, Failure>, started: Instant) -> Handled {
    let Call { realm, request, caller, mut trail, headers, .. } = call;
    let (mut response, error, cause) = match result {
        Ok(response) => (response, None, None),
        Err(failure) => {
            let (error, cause) = failure.into_public();
            (error_response(&error), Some(error), cause)
        }
    };
    let took = started.elapsed();
    let number = ROUTES.iter().position(|one| std::ptr::eq(*one, endpoint)).unwrap_or(ROUTES.len());
    realm.telemetry.answered(number, response.status, took);
    let ending = Ending { error: error.as_ref(), cause: cause.as_deref(), took };
    let ended = trail.story(endpoint.story, &ending);
    let mut events = realm.take_background_events();
    events.extend(trail.events);
    events.extend(ended);
    trail.events = events;
    trail.events.extend(address_warning(realm, request, &caller));
    // The `Cache-Control` of a silent refresh is left out, since every response has this header already.
    response.headers.extend(headers.into_iter().filter(|(name, _)| name != "Cache-Control"));
    if error.is_some_and(|error| body::is_about_encoding(&error)) {
        response.headers.push(("Accept-Encoding".to_owned(), "identity".to_owned()));
    }
    keep_last_cookies(&mut response.headers);
    Handled { response, events: trail.events, notices: trail.notices, messages: trail.messages }
}

/// Of several `Set-Cookie` lines for the same name, domain and path keeps only the last (RFC 6265, 4.1.1). So if a
/// request ends its session, the token that a silent refresh minted for it is not set as a cookie.
fn keep_last_cookies(headers: &mut Vec<(String, String)>) {
    let is_cookie = |(name, _): &(String, String)| name == "Set-Cookie";
    let lines: Vec<String> = headers.iter().filter(|header| is_cookie(header)).map(|(_, line)| line.clone()).collect();
    let places: Vec<_> = lines.iter().map(|line| cookie::place_of(line)).collect();
    let mut at = 0;
    headers.retain(|header| {
        if !is_cookie(header) {
            return true;
        }
        at += 1;
        !places[at..].contains(&places[at - 1])
    });
}

/// Returns the warning that limits count this client together with others, unless it was given before.
fn address_warning(realm: &Realm, request: &Request, caller: &Caller) -> Option<Event> {
    if caller.address.is_none() {
        return realm.warned.unknown_address(&realm.config, &realm.telemetry);
    }
    let peer = request.client_ip.as_deref().filter(|_| realm.config.rate_limits.is_some())?;
    let forwarded = request.header_values("x-forwarded-for");
    let is_undeclared = client_ip::is_undeclared_proxy(peer, forwarded, &realm.config.trust_proxy);
    is_undeclared.then(|| realm.warned.undeclared_proxy(peer, &realm.telemetry)).flatten()
}

/// The most characters of a user agent that are kept.
const MAX_USER_AGENT: usize = 512;

fn caller(realm: &Realm, request: &Request) -> Caller {
    let config = &realm.config;
    let forwarded: Vec<&str> = request.header_values("x-forwarded-for").collect();
    let ip = client_ip::client(request.client_ip.as_deref(), forwarded.into_iter(), &config.trust_proxy);
    let user_agent = request.header("user-agent").map(|text| text.chars().take(MAX_USER_AGENT).collect());
    Caller {
        ip: ip.map(|ip| ip.to_string()),
        address: ip.map(client_ip::bucket),
        user_agent,
        request_id: request.request_id.clone(),
        host_context: request.host_context,
        transaction: None,
        trusted: false,
        devices: Vec::new(),
    }
}
