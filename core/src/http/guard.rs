//! `protect()`: who makes this request? Answered from memory where that is possible, with I/O where it is not.

use std::sync::Arc;

use serde_json::json;

use super::cookie::{CookieRules, Found};
use super::several::{self, Candidate, Choice};
use super::{Response, credential};
use crate::clock::Millis;
use crate::config::SessionCheck;
use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventName};
use crate::failure::Failure;
use crate::service::presented::{self, Presented};
use crate::service::refresh::check_host_revocation;
use crate::service::revocation::{Refusal, ended};
use crate::service::{Realm, Trail, keys, refresh, sessions};
use crate::session::{Liveness, RefreshVerdict, judge_refresh, liveness};
use crate::store::model::SessionState;
use crate::telemetry::Telemetry;
use crate::token::TokenError;
use crate::token::claims::AccessClaims;

/// What `protect()` looks at, by header.
#[derive(Clone, Default)]
pub struct GuardRequest {
    /// Upper case.
    pub method: String,
    /// `Authorization`
    pub authorization: Option<String>,
    /// `Cookie`; several headers joined by `; `.
    pub cookie: Option<String>,
    /// `Origin`
    pub origin: Option<String>,
    /// `Sec-Fetch-Site`
    pub sec_fetch_site: Option<String>,
    /// `Host`
    pub host: Option<String>,
    /// The scheme by which the request came, as the framework knows it.
    pub scheme: Option<String>,
    /// Client address as the framework knows it.
    pub client_ip: Option<String>,
    /// `User-Agent`
    pub user_agent: Option<String>,
    /// `Access-Control-Request-Method`; read of `OPTIONS` alone.
    pub access_control_request_method: Option<String>,
    /// `Access-Control-Request-Headers`; the same.
    pub access_control_request_headers: Option<String>,
}

/// The maker of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// User id.
    pub id: String,
    /// The user's roles: the present ones where the session was looked at, else those of the token.
    pub roles: Vec<String>,
    /// Session id, unless the token was signed without one.
    pub session_id: Option<String>,
    /// The access token, or the one minted in its place.
    pub token: String,
    /// The time at which it expires.
    pub exp: Millis,
}

/// The result of `protect()`.
#[derive(Clone)]
pub struct Guarded {
    /// The principal, or why there is none.
    pub result: Result<Principal, Error>,
    /// The whole response to a request that ends here, a CORS preflight. `result` is an error then, so that a host that does
    /// not look here lets nobody in.
    pub answer: Option<Response>,
    /// To be set on the response: `Set-Cookie` or `X-Access-Token` of a silent refresh.
    pub headers: Vec<(String, String)>,
    /// To be logged.
    pub events: Vec<Event>,
    /// Until when the same bearer token may be answered from a cache of the caller's, under the same epoch;
    /// 0: never.
    pub fresh_until: Millis,
}

impl Guarded {
    /// A request that may go on. `mode` is that of the events.
    pub(super) fn passed(mode: &'static str, telemetry: &Telemetry, principal: Principal, fresh_until: Millis) -> Self {
        let user_id = principal.id.as_str();
        let event = telemetry.event(EventName::ProtectSuccess, |e| e.with("userId", user_id).with("mode", mode));
        let events = event.into_iter().collect();
        Self { result: Ok(principal), answer: None, headers: Vec::new(), events, fresh_until }
    }

    /// One that may not.
    pub(super) fn refused(mode: &'static str, telemetry: &Telemetry, error: Error) -> Self {
        let event = telemetry.event(EventName::ProtectFailure, |event| failure(event, mode, &error));
        let events = event.into_iter().collect();
        Self { result: Err(error), answer: None, headers: Vec::new(), events, fresh_until: 0 }
    }

    /// One of a session that is over, or that nobody can vouch for.
    pub(super) fn revoked(mode: &'static str, telemetry: &Telemetry, user_id: &str, error: Error) -> Self {
        let event = telemetry.event(EventName::ProtectTokenRevoked, |e| e.with("userId", user_id).with("mode", mode));
        let events = event.into_iter().collect();
        Self { result: Err(error), answer: None, headers: Vec::new(), events, fresh_until: 0 }
    }

    /// The same, with an event of what stood in the way.
    pub(super) fn because(mut self, telemetry: &Telemetry, event: Option<Event>) -> Self {
        self.events.extend(event.and_then(|event| telemetry.counted(event)));
        self
    }
}

/// The fields of a request that was not let in.
pub(super) fn failure(event: Event, mode: &'static str, error: &Error) -> Event {
    event.with("errorCode", error.code.as_ref()).with("mode", mode)
}

/// The answer, or what it takes to find it.
enum Step {
    Done(Box<Guarded>),
    /// The signature is good; the session must be looked at.
    Session(Box<Verified>),
    /// The signature is good and there is no session; the user must not have been deleted.
    User(Box<AccessClaims>, String),
    /// Several cookies hold good tokens of one user, and their sessions say which of them counts.
    Several(Vec<Candidate>),
    /// No good access token, but a refresh cookie.
    Silent(Box<Silent>),
}

struct Silent {
    /// Several, where several cookies have the name.
    refresh_tokens: Vec<String>,
    /// The answer if the refresh cookie is no good.
    otherwise: Error,
    sessions: Expired,
}

/// The sessions of the expired access tokens, if the request brings any. No other session may take their place.
type Expired = Option<Vec<Option<String>>>;

struct Verified {
    claims: AccessClaims,
    token: String,
    session_id: String,
}

/// Answers without waiting, or `None` when it takes I/O to answer.
#[must_use]
pub fn guard_now(realm: &Arc<Realm>, request: &GuardRequest) -> Option<Guarded> {
    realm.keys.get()?;
    if keys::are_behind(realm) {
        return None;
    }
    keys::reload_if_old(realm);
    match first_step(realm, request) {
        Step::Done(guarded) => Some(*guarded),
        Step::Silent(_) | Step::Several(_) => None,
        Step::User(claims, token) => {
            let read_at = standing_in_memory(realm, &claims.id)?;
            Some(passed_without_session(realm, *claims, token, read_at))
        }
        Step::Session(verified) => {
            if realm.revocation.is_some() {
                return None;
            }
            let (state, read_at) = session_in_memory(realm, &verified.session_id).or_else(|| {
                let (epoch, now) = (realm.freshness.epoch(), realm.now());
                let state = realm.store.find_session_now(&verified.session_id)?.ok()??;
                realm.freshness.put(state.clone(), now, epoch);
                Some((state, now))
            })?;
            Some(judge_session(realm, *verified, Some(&state), read_at))
        }
    }
}

/// Answers, reading the session's row when what is known of it is too old.
pub async fn guard(realm: &Arc<Realm>, request: &GuardRequest) -> Guarded {
    keys::catch_up(realm).await;
    finish(realm, first_step(realm, request)).await
}

async fn finish(realm: &Arc<Realm>, step: Step) -> Guarded {
    match step {
        Step::Done(guarded) => *guarded,
        Step::Several(candidates) => check_several(realm, candidates).await,
        Step::Silent(silent) => match silent_refresh(realm, &silent).await {
            Ok(Some(guarded)) => guarded,
            Ok(None) => refused(realm, silent.otherwise),
            Err(failure) => refused(realm, failure.into_public().0),
        },
        Step::Session(verified) => check_session(realm, *verified).await,
        Step::User(claims, token) => check_user(realm, *claims, token).await,
    }
}

/// Whom a request's tokens name, by their signatures alone: what stays the same when a token is renewed or a cookie is changed.
/// Where sessions are looked at, `protect()` sees to it that one is its user's; elsewhere the user is named too, and for a
/// token without a session the roles that it was given. Empty: nobody. `None`: it takes I/O to answer.
#[must_use]
pub fn identify_now(realm: &Realm, request: &GuardRequest) -> Option<String> {
    let ring = realm.keys.get()?;
    if keys::are_behind(realm) {
        return None;
    }
    let now = realm.now();
    let cookie_name = |rules: &Option<CookieRules>| rules.as_ref().map(|rules| rules.name.clone());
    let access_name = cookie_name(&realm.config.access_cookie);
    let Ok(found) = credential::read(request, access_name.as_deref(), &realm.config.trusted_origins) else {
        return Some(String::new());
    };
    let read = |token: &str| ring.verify_access_ignoring_expiry(token, &realm.config.claims, now);
    let (claims, expired): (Option<AccessClaims>, Expired) = match found {
        Found::None => (None, None),
        Found::One(token) => match read(&token) {
            Ok((claims, false)) => (Some(claims), None),
            Ok((claims, true)) => (None, Some(vec![claims.session_id])),
            Err(_) => return Some(String::new()),
        },
        Found::Several(tokens) => match several::choose(tokens, read) {
            Choice::Good(mut candidates) => (Some(candidates.swap_remove(0).claims), None),
            Choice::Expired(candidates) => (None, Some(sessions_of(candidates))),
            Choice::Bad(_) | Choice::Conflict => return Some(String::new()),
        },
        Found::TooMany(_) => return Some(String::new()),
    };
    if let Some(AccessClaims { id, mut roles, session_id, .. }) = claims {
        roles.sort_unstable();
        return Some(match session_id {
            None => json!({ "user": id, "roles": roles }).to_string(),
            Some(session) if realm.config.session_check == SessionCheck::Off => {
                json!({ "user": id, "session": session }).to_string()
            }
            Some(session) => json!({ "session": session }).to_string(),
        });
    }
    // Those whom a silent refresh will let in.
    let refresh_name = cookie_name(&realm.config.cookie).filter(|_| realm.config.silent_refresh);
    let Some(name) = refresh_name else { return Some(String::new()) };
    let tokens = match credential::read_cookie(request, &name, &realm.config.trusted_origins) {
        Ok(Found::One(token)) => vec![token],
        Ok(Found::Several(tokens)) => tokens,
        Ok(Found::None | Found::TooMany(_)) | Err(_) => return Some(String::new()),
    };
    let claims = tokens.iter().filter_map(|token| ring.verify_refresh(token, now).ok());
    let mut sessions: Vec<String> = claims.map(|claims| claims.session_id).collect();
    sessions.retain(|session| is_of_session(expired.as_ref(), session));
    sessions.sort_unstable();
    sessions.dedup();
    Some(match &sessions[..] {
        [] => String::new(),
        [session] => json!({ "session": session }).to_string(),
        // Which of them is live takes I/O to say; together they are one caller too.
        _ => json!({ "sessions": sessions }).to_string(),
    })
}

fn sessions_of(candidates: Vec<Candidate>) -> Vec<Option<String>> {
    candidates.into_iter().map(|candidate| candidate.claims.session_id).collect()
}

/// [`identify_now`], waiting for keys.
pub async fn identify(realm: &Arc<Realm>, request: &GuardRequest) -> String {
    keys::catch_up(realm).await;
    identify_now(realm, request).unwrap_or_default()
}

fn first_step(realm: &Realm, request: &GuardRequest) -> Step {
    let done = |error: Error| Step::Done(Box::new(refused(realm, error)));
    let cookie_name = realm.config.access_cookie.as_ref().map(|rules| rules.name.as_str());
    let token = match credential::read(request, cookie_name, &realm.config.trusted_origins) {
        Ok(Found::One(token)) => token,
        Ok(Found::None) => return silent_step(realm, request, credential::missing(), None),
        Ok(Found::Several(tokens)) => return several_step(realm, request, tokens),
        Ok(Found::TooMany(_)) => return Step::Done(Box::new(conflict(realm, Cookie::Access))),
        Err(error) => return done(error),
    };
    let now = realm.now();
    let ring = match realm.keys.require() {
        Ok(ring) => ring,
        Err(error) => return done(error),
    };
    match ring.verify_access(&token, &realm.config.claims, now) {
        Ok(claims) => with_claims(realm, claims, token),
        Err(TokenError::Expired) => {
            let claims = ring.verify_access_ignoring_expiry(&token, &realm.config.claims, now);
            let session = claims.ok().and_then(|(claims, _)| claims.session_id);
            silent_step(realm, request, ErrorCode::TokenExpired.into(), Some(vec![session]))
        }
        Err(error) => done(error.into()),
    }
}

/// Several cookies of one name: those that verify count, if they are of one user.
fn several_step(realm: &Realm, request: &GuardRequest, tokens: Vec<String>) -> Step {
    let ring = match realm.keys.require() {
        Ok(ring) => ring,
        Err(error) => return Step::Done(Box::new(refused(realm, error))),
    };
    let now = realm.now();
    let read = |token: &str| ring.verify_access_ignoring_expiry(token, &realm.config.claims, now);
    match several::choose(tokens, read) {
        Choice::Good(candidates) => Step::Several(candidates),
        Choice::Expired(candidates) => {
            silent_step(realm, request, ErrorCode::TokenExpired.into(), Some(sessions_of(candidates)))
        }
        Choice::Conflict => Step::Done(Box::new(conflict(realm, Cookie::Access))),
        Choice::Bad(error) => Step::Done(Box::new(refused(realm, error.into()))),
    }
}

fn with_claims(realm: &Realm, claims: AccessClaims, token: String) -> Step {
    let Some(session_id) = claims.session_id.clone() else {
        if realm.config.require_session {
            let error = Error::new(ErrorCode::Unauthorized, "The access token belongs to no session");
            return Step::Done(Box::new(refused(realm, error)));
        }
        return match realm.config.session_check {
            SessionCheck::Off => Step::Done(Box::new(passed_on_signature(realm, claims, token))),
            SessionCheck::MaxAge(_) => Step::User(Box::new(claims), token),
        };
    };
    if realm.config.session_check == SessionCheck::Off && realm.revocation.is_none() {
        return Step::Done(Box::new(passed_on_signature(realm, claims, token)));
    }
    Step::Session(Box::new(Verified { claims, token, session_id }))
}

fn passed_on_signature(realm: &Realm, claims: AccessClaims, token: String) -> Guarded {
    let exp = claims.exp.saturating_mul(1000);
    let principal = Principal { id: claims.id, roles: claims.roles, session_id: claims.session_id, token, exp };
    passed(realm, principal, exp)
}

fn silent_step(realm: &Realm, request: &GuardRequest, otherwise: Error, sessions: Expired) -> Step {
    let refused_with = |error: Error| Step::Done(Box::new(refused(realm, error)));
    let (true, Some(rules)) = (realm.config.silent_refresh, &realm.config.cookie) else {
        return refused_with(otherwise);
    };
    match credential::read_cookie(request, &rules.name, &realm.config.trusted_origins) {
        Ok(Found::One(token)) => Step::Silent(Box::new(Silent { refresh_tokens: vec![token], otherwise, sessions })),
        Ok(Found::Several(refresh_tokens)) => Step::Silent(Box::new(Silent { refresh_tokens, otherwise, sessions })),
        Ok(Found::TooMany(_)) => Step::Done(Box::new(conflict(realm, Cookie::Refresh))),
        Ok(Found::None) => refused_with(otherwise),
        Err(error) => refused_with(error),
    }
}

fn session_in_memory(realm: &Realm, session_id: &str) -> Option<(SessionState, Millis)> {
    let SessionCheck::MaxAge(max_age) = realm.config.session_check else { return None };
    if max_age == 0 {
        return None;
    }
    let now = realm.now();
    let known = realm.freshness.get(session_id, now - max_age..=now)?;
    Some((known.state, known.read_at))
}

fn standing_in_memory(realm: &Realm, user_id: &str) -> Option<Millis> {
    let SessionCheck::MaxAge(max_age @ 1..) = realm.config.session_check else { return None };
    realm.freshness.standing_at(user_id, realm.now() - max_age)
}

/// A token without a session lives until it expires, but not for a user who was deleted. Ids that no table knows are
/// the host's own business.
async fn check_user(realm: &Realm, claims: AccessClaims, token: String) -> Guarded {
    if let Some(read_at) = standing_in_memory(realm, &claims.id) {
        return passed_without_session(realm, claims, token, read_at);
    }
    let (epoch, now) = (realm.freshness.epoch(), realm.now());
    match realm.store.is_deleted(&claims.id).await {
        Ok(false) => {
            realm.freshness.put_standing(&claims.id, now, epoch);
            passed_without_session(realm, claims, token, now)
        }
        Ok(true) => {
            let error = Error::new(ErrorCode::Unauthorized, "The user of this token has been deleted");
            revoked(realm, &claims.id, error)
        }
        Err(error) => refused(realm, Failure::from(error).into_public().0),
    }
}

fn passed_without_session(realm: &Realm, claims: AccessClaims, token: String, read_at: Millis) -> Guarded {
    let guarded = passed_on_signature(realm, claims, token);
    let fresh_until = match realm.config.session_check {
        SessionCheck::MaxAge(max_age) if max_age > 0 => (read_at + max_age).min(guarded.fresh_until),
        _ => 0,
    };
    Guarded { fresh_until, ..guarded }
}

/// The first token whose session is live. An outage says nothing about the session, so it ends the search.
async fn check_several(realm: &Arc<Realm>, candidates: Vec<Candidate>) -> Guarded {
    let mut first = None;
    for Candidate { claims, token } in candidates {
        let guarded = match with_claims(realm, claims, token) {
            Step::Session(verified) => check_session(realm, *verified).await,
            Step::User(claims, token) => check_user(realm, *claims, token).await,
            Step::Done(guarded) => *guarded,
            Step::Several(_) | Step::Silent(_) => continue,
        };
        match &guarded.result {
            Err(error) if error.status < 500 => first = first.or(Some(guarded)),
            _ => return guarded,
        }
    }
    first.unwrap_or_else(|| refused(realm, credential::missing()))
}

async fn check_session(realm: &Arc<Realm>, verified: Verified) -> Guarded {
    if let Err(Refusal { error, event }) = check_host_revocation(realm, &verified.session_id).await {
        return revoked(realm, &verified.claims.id, error).because(&realm.telemetry, event);
    }
    if realm.config.session_check == SessionCheck::Off {
        return Guarded { fresh_until: 0, ..passed_on_signature(realm, verified.claims, verified.token) };
    }
    if let Some((state, read_at)) = session_in_memory(realm, &verified.session_id) {
        return judge_session(realm, verified, Some(&state), read_at);
    }
    let (epoch, now) = (realm.freshness.epoch(), realm.now());
    match realm.store.find_session(&verified.session_id).await {
        Ok(state) => {
            if let Some(state) = &state {
                realm.freshness.put(state.clone(), now, epoch);
            }
            judge_session(realm, verified, state.as_ref(), now)
        }
        // An outage says nothing about the session: 503, never 401.
        Err(error) => refused(realm, Failure::from(error).into_public().0),
    }
}

fn judge_session(realm: &Realm, verified: Verified, state: Option<&SessionState>, read_at: Millis) -> Guarded {
    let Verified { claims, token, session_id } = verified;
    let live = state.filter(|state| {
        liveness(&state.session, &realm.config.session, realm.now()) == Liveness::Live
            && state.session.user_id == claims.id
    });
    let Some(state) = live else { return revoked(realm, &claims.id, ended()) };
    let exp = claims.exp.saturating_mul(1000);
    let fresh_until = match (realm.config.session_check, &realm.revocation) {
        (SessionCheck::MaxAge(max_age), None) if max_age > 0 => {
            (read_at + max_age).min(exp).min(state.session.expires_at)
        }
        _ => 0,
    };
    let principal = Principal { id: claims.id, roles: state.roles.clone(), session_id: Some(session_id), token, exp };
    passed(realm, principal, fresh_until)
}

/// A new access token for a good refresh cookie. Nothing is rotated, so requests in parallel can't trip over each
/// other. `None`: the cookie is no good either.
async fn silent_refresh(realm: &Arc<Realm>, silent: &Silent) -> Result<Option<Guarded>, Failure> {
    let now = realm.now();
    let fits = |session_id: &str| is_of_session(silent.sessions.as_ref(), session_id);
    let claims = match presented::choose(realm, &silent.refresh_tokens, fits).await? {
        Presented::One(_, claims) if fits(&claims.session_id) => claims,
        Presented::One(..) | Presented::None(_) => return Ok(None),
        Presented::Conflict => return Ok(Some(conflict(realm, Cookie::Refresh))),
    };
    if let Err(Refusal { error, event }) = check_host_revocation(realm, &claims.session_id).await {
        return Ok(Some(refused(realm, error).because(&realm.telemetry, event)));
    }
    let epoch = realm.freshness.epoch();
    let Some(state) = realm.store.find_session(&claims.session_id).await? else { return Ok(None) };
    let verdict = judge_refresh(&state.session, claims.generation, claims.iat, &realm.config.session, now);
    match verdict {
        RefreshVerdict::Rotate | RefreshVerdict::Reissue => {}
        RefreshVerdict::Reuse => return end_reused_silently(realm, &state).await.map(Some),
        RefreshVerdict::Revoked | RefreshVerdict::Expired => return Ok(None),
    }
    if verdict == RefreshVerdict::Rotate && wants_touch(&state, now) {
        realm.store.touch_session(&claims.session_id, claims.generation, now).await?;
    }
    let token = sessions::issue_access(realm, &state.session, &state.roles, now)?;
    realm.freshness.put(state.clone(), now, epoch);
    let ends_at = realm.config.session.ends_at(state.session.created_at);
    let exp = (now + realm.config.access_ttl).min(ends_at);
    let mut oversize = None;
    let header = match &realm.config.access_cookie {
        Some(rules) => {
            let (line, size) = rules.write_if_it_fits(&token, whole_seconds(exp - now));
            oversize = size.map(|size| (size, rules.name.as_str()));
            ("Set-Cookie".to_owned(), line)
        }
        None => ("X-Access-Token".to_owned(), token.clone()),
    };
    let principal = Principal {
        id: state.session.user_id.clone(),
        roles: state.roles.clone(),
        session_id: Some(claims.session_id),
        token,
        exp,
    };
    let mut guarded = passed(realm, principal, 0);
    guarded.headers = vec![header, ("Cache-Control".to_owned(), "no-store".to_owned())];
    let user_id = state.session.user_id.as_str();
    let event =
        realm.telemetry.event(EventName::ProtectAutoRefresh, |e| e.with("userId", user_id).with("mode", "server"));
    guarded.events.splice(0..0, event);
    if let Some((size, name)) = oversize {
        let fill = |event| credential::oversized(event, "accessCookie", name, size);
        guarded.events.extend(realm.telemetry.event(EventName::HookFailure, fill));
    }
    Ok(Some(guarded))
}

/// Whether a refresh token of `session_id` may stand in for expired access tokens of the sessions `expired`; without such
/// tokens, any may.
fn is_of_session(expired: Option<&Vec<Option<String>>>, session_id: &str) -> bool {
    expired.is_none_or(|sessions| sessions.iter().any(|session| session.as_deref() == Some(session_id)))
}

/// Which cookie there are several of.
#[derive(Clone, Copy)]
enum Cookie {
    Access,
    Refresh,
}

/// Cookies that are good for different users: nobody is let in, and all of them go, as far as they can be reached from here. With
/// the refresh cookie goes what was made of it.
fn conflict(realm: &Realm, which: Cookie) -> Guarded {
    let (refresh, access) = (realm.config.cookie.as_ref(), realm.config.access_cookie.as_ref());
    let (option, several, gone) = match which {
        Cookie::Access => ("accessCookie", access, [access, None]),
        Cookie::Refresh => ("cookie", refresh, [refresh, access]),
    };
    let name = several.map_or("", |rules| &rules.name);
    let mut guarded = refused(realm, credential::conflict(name));
    let event = |event| credential::several(event, option, name);
    guarded.events.extend(realm.telemetry.event(EventName::HookFailure, event));
    for rules in gone.into_iter().flatten() {
        let lines = rules.twins(None, &Found::TooMany(Vec::new()), false).into_iter().chain([rules.clear()]);
        guarded.headers.extend(lines.map(|line| ("Set-Cookie".to_owned(), line)));
    }
    guarded.headers.push(("Cache-Control".to_owned(), "no-store".to_owned()));
    guarded
}

/// The same as at `/refresh`: the session ends for both who hold its chain of tokens, and so do its cookies.
async fn end_reused_silently(realm: &Arc<Realm>, state: &SessionState) -> Result<Guarded, Failure> {
    let mut trail = Trail::new(&realm.telemetry);
    let failure = refresh::end_reused(realm, state, &mut trail).await?;
    let mut guarded = revoked(realm, &state.session.user_id, failure.into_public().0);
    guarded.events.splice(0..0, trail.events);
    let cookies = [&realm.config.cookie, &realm.config.access_cookie].into_iter().flatten();
    guarded.headers = cookies.map(|rules| ("Set-Cookie".to_owned(), rules.clear())).collect();
    guarded.headers.push(("Cache-Control".to_owned(), "no-store".to_owned()));
    Ok(guarded)
}

/// A length of time in whole seconds, none for a negative one.
pub(super) fn whole_seconds(length: Millis) -> u64 {
    u64::try_from(length.div_euclid(1000)).unwrap_or(0)
}

/// The first use of a generation must be written down, because it ends its predecessor's life; later ones only now
/// and then, for the list of sessions.
fn wants_touch(state: &SessionState, now: Millis) -> bool {
    let used = state.session.last_used_at.unwrap_or(0);
    used <= state.session.rotated_at.unwrap_or(0) || now - used >= 60_000
}

fn passed(realm: &Realm, principal: Principal, fresh_until: Millis) -> Guarded {
    Guarded::passed("server", &realm.telemetry, principal, fresh_until)
}

pub(crate) fn refused(realm: &Realm, error: Error) -> Guarded {
    Guarded::refused("server", &realm.telemetry, error)
}

fn revoked(realm: &Realm, user_id: &str, error: Error) -> Guarded {
    Guarded::revoked("server", &realm.telemetry, user_id, error)
}
