//! The endpoints: each reads its input, calls one use case and words the answer. The frame around them (access,
//! events, errors) is here.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::decision::authorize_fields;
use super::envelope::{Reply, error_response};
use super::guard::{self, GuardRequest, Principal};
use super::router::{self, Access, ROUTES, Route};
use super::{Handled, Request, body, client_ip, cookie};
use crate::access;
use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName};
use crate::failure::Failure;
use crate::hook::Operation;
use crate::service::{self, Caller, Realm, Trail, api_key, keys, maintenance};

mod account;
mod admin;
mod device;
mod outcome;
mod token;

use outcome::Outcome;

/// The endpoint behind a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its route in the table")]
pub enum Endpoint {
    Register,
    Login,
    Refresh,
    Logout,
    LogoutAll,
    Me,
    ListSessions,
    RevokeSession,
    CreateIdentifiers,
    UpdateIdentifiers,
    DeleteIdentifiers,
    ChangePassword,
    ListUsers,
    GetUser,
    DeleteUser,
    AssignRoles,
    SetPassword,
    SetIdentifiers,
    Keys,
}

/// The longest user agent that is kept.
const MAX_USER_AGENT: usize = 512;

/// One request on its way through an endpoint.
pub(super) struct Call<'a> {
    pub realm: &'a Arc<Realm>,
    pub request: &'a Request,
    pub parameter: String,
    pub caller: Caller,
    pub principal: Option<Principal>,
    pub trail: Trail,
    /// Set on the response whether it is a success or not.
    pub headers: Vec<(String, String)>,
}

impl Call<'_> {
    /// The body as JSON, with a member set by us; what the client sent under that name does not count.
    pub fn input(&self, ours: &[(&str, &str)]) -> Result<Value, Failure> {
        let mut input = body::read(&self.request.body, self.request.header("content-encoding"))?;
        let Some(map) = input.as_object_mut() else {
            return Err(Error::new(ErrorCode::ValidationError, "The request body must be a JSON object").into());
        };
        for (name, value) in ours {
            map.insert((*name).to_owned(), (*value).into());
        }
        Ok(input)
    }

    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<String> {
        router::query_value(self.request.query.as_deref(), name)
    }

    /// The number of items that a page of a list shall have.
    pub fn query_limit(&self) -> Result<Option<u32>, Error> {
        let whole = |text: String| text.parse().map_err(|_| Error::validation("limit", "limit must be a whole number"));
        self.query("limit").map(whole).transpose()
    }

    /// Runs a use case, the host's or ours.
    pub async fn run(&mut self, operation: Operation, input: Value) -> Result<Value, Failure> {
        service::run(self.realm, operation, input, &self.caller, &mut self.trail).await
    }

    /// The user behind the request; every route but the public ones has one, or a valid API key.
    pub fn user(&self) -> Result<&Principal, Failure> {
        self.principal.as_ref().ok_or_else(|| ErrorCode::Unauthorized.into())
    }
}

/// Serves one request. `None`: no such endpoint.
pub async fn handle(realm: &Arc<Realm>, request: &Request) -> Option<Handled> {
    let (route, mut call) = open(realm, request)?;
    maintenance::start_if_due(realm);
    keys::catch_up(realm).await;
    let started = Instant::now();
    let result = serve(route, &mut call).await;
    Some(finish(route, call, result, started))
}

/// The answer while nothing can be served, logged as what it is for the endpoint.
pub fn refuse(realm: &Arc<Realm>, request: &Request, error: Error) -> Handled {
    match open(realm, request) {
        Some((route, call)) => finish(route, call, Err(error.into()), Instant::now()),
        None => Handled { response: error_response(&error), ..Handled::default() },
    }
}

fn open<'a>(realm: &'a Arc<Realm>, request: &'a Request) -> Option<(&'static Route, Call<'a>)> {
    let (route, parameter) = router::find(&request.method, &request.path)?;
    let call = Call {
        realm,
        request,
        parameter: parameter.unwrap_or_default(),
        caller: caller(realm, request),
        principal: None,
        trail: Trail::new(&realm.telemetry),
        headers: Vec::new(),
    };
    Some((route, call))
}

async fn serve(route: &Route, call: &mut Call<'_>) -> Result<super::Response, Failure> {
    // Everywhere, since a right key makes a difference at public endpoints too.
    let key = call.request.header("x-api-key");
    call.caller.trusted = api_key::accept(call.realm, key, &call.caller, &mut call.trail).await?;
    admit(route, call).await?;
    if route.endpoint == Endpoint::Keys {
        return token::keys(call);
    }
    let reply = match route.endpoint {
        Endpoint::Register => account::register(call).await,
        Endpoint::Login => token::login(call).await,
        Endpoint::Refresh => token::refresh(call).await,
        Endpoint::Logout => token::logout(call).await,
        Endpoint::LogoutAll => token::logout_all(call).await,
        Endpoint::Me => account::me(call).await,
        Endpoint::ListSessions => account::list_sessions(call).await,
        Endpoint::RevokeSession => account::revoke_session(call).await,
        Endpoint::CreateIdentifiers => account::create_identifiers(call).await,
        Endpoint::UpdateIdentifiers => account::update_identifiers(call).await,
        Endpoint::DeleteIdentifiers => account::delete_identifiers(call).await,
        Endpoint::ChangePassword => account::change_password(call).await,
        Endpoint::ListUsers => admin::list_users(call).await,
        Endpoint::GetUser => admin::get_user(call).await,
        Endpoint::DeleteUser => admin::delete_user(call).await,
        Endpoint::AssignRoles => admin::assign_roles(call).await,
        Endpoint::SetPassword => admin::set_password(call).await,
        Endpoint::SetIdentifiers => admin::set_identifiers(call).await,
        Endpoint::Keys => Err(Failure::Internal("served above".to_owned())),
    };
    reply.map(Reply::into_response)
}

/// Lets in whom the route is for.
async fn admit(route: &Route, call: &mut Call<'_>) -> Result<(), Failure> {
    let realm = call.realm;
    match route.access {
        Access::Public => return Ok(()),
        Access::Admin if call.caller.trusted => return Ok(()),
        Access::Admin if realm.config.api_keys.is_some() && call.request.header("x-api-key").is_some() => {
            return Err(account::wrong_key().into());
        }
        Access::Admin | Access::User => {}
    }
    let guarded = guard::guard(realm, &guard_request(call.request)).await;
    call.trail.events.extend(guarded.events);
    call.headers.extend(guarded.headers);
    let principal = guarded.result?;
    let admitted = route.access == Access::User || access::authorize(&principal.roles, &realm.config.roles.admin);
    if route.access == Access::Admin {
        let name = if admitted { EventName::AuthorizePassed } else { EventName::AuthorizeDenied };
        let user = Some((principal.id.as_str(), principal.roles.as_slice()));
        call.trail.note(name, |event| authorize_fields(event, user, &realm.config.roles.admin));
    }
    if !admitted {
        return Err(ErrorCode::Forbidden.into());
    }
    call.principal = Some(principal);
    Ok(())
}

fn finish(route: &Route, call: Call<'_>, result: Result<super::Response, Failure>, started: Instant) -> Handled {
    let Call { realm, request, caller, principal, mut trail, headers, parameter, .. } = call;
    let (response, error, cause) = match result {
        Ok(response) => (response, None, None),
        Err(failure) => {
            let (error, cause) = failure.into_public();
            (error_response(&error), Some(error), cause)
        }
    };
    let took = started.elapsed();
    let number = ROUTES.iter().position(|one| std::ptr::eq(one, route)).unwrap_or(ROUTES.len());
    realm.telemetry.answered(number, response.status, took);
    let outcome = Outcome {
        endpoint: route.endpoint,
        body: &response.body,
        error: error.as_ref(),
        cause,
        user_id: principal.as_ref().map(|p| p.id.as_str()),
        target_id: &parameter,
        took,
    };
    let told = match outcome.name() {
        Some(name) => realm.telemetry.event(name, |event| outcome.fill(event)),
        None => outcome.defect().and_then(|event| realm.telemetry.counted(event)),
    };
    let mut events = realm.take_background_events();
    events.extend(trail.events);
    events.extend(told);
    trail.events = events;
    trail.events.extend(address_warning(realm, request, &caller));
    let mut response = response;
    // A silent refresh says that it is for no cache, and so does every response of ours.
    response.headers.extend(headers.into_iter().filter(|(name, _)| name != "Cache-Control"));
    if error.is_some_and(|error| body::is_about_encoding(&error)) {
        response.headers.push(("Accept-Encoding".to_owned(), "identity".to_owned()));
    }
    keep_last_cookies(&mut response.headers);
    Handled { response, events: trail.events, effects: trail.effects }
}

/// A token that was minted for a request that then ends its session is no cookie any more: of one name at one place the last
/// word counts, and is said alone (RFC 6265, 4.1.1).
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

/// The warning that limits count this client together with others, unless it was given.
fn address_warning(realm: &Realm, request: &Request, caller: &Caller) -> Option<Event> {
    if caller.address.is_none() {
        return realm.unknown_address();
    }
    let peer = request.client_ip.as_deref().filter(|_| realm.config.rate_limits.is_some())?;
    let forwarded = request.header_values("x-forwarded-for");
    let is_undeclared = client_ip::is_undeclared_proxy(peer, forwarded, &realm.config.trust_proxy);
    is_undeclared.then(|| realm.undeclared_proxy(peer)).flatten()
}

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

/// The part of a request that `protect()` needs.
pub(super) fn guard_request(request: &Request) -> GuardRequest {
    let header = |name: &str| request.header(name).map(str::to_owned);
    let cookies: Vec<&str> = request.header_values("cookie").collect();
    GuardRequest {
        method: request.method.clone(),
        authorization: header("authorization"),
        cookie: (!cookies.is_empty()).then(|| cookies.join("; ")),
        origin: header("origin"),
        sec_fetch_site: header("sec-fetch-site"),
        host: header("host"),
        scheme: request.scheme.clone(),
        client_ip: request.client_ip.clone(),
        user_agent: header("user-agent"),
        ..GuardRequest::default()
    }
}
