//! `protect()`, `authorize()` and `permit()` of a client, as an adapter calls them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sentri_core::failure::Failure;
use sentri_core::hook::RevocationCheck;
use sentri_core::http::decision::{Admitted, PermitVerdict};
use sentri_core::http::guard::GuardRequest;
use sentri_core::token::{AccessClaims, Algorithm};
use sentri_core::{ClientHost, ErrorCode};
use serde_json::{Value, json};

use super::issuer::{Client, Issuer, causes, long_lived, stranger, token, verdict};
use crate::fixtures::{NOW, ring};
use crate::support::bearer;

async fn client(more: Value) -> (Client, Issuer) {
    let issuer = Issuer::publishing(&ring(Algorithm::Es256)).await;
    (Client::new(&issuer.uri(), more), issuer)
}

fn with_cookie(method: &str, cookie: &str) -> GuardRequest {
    GuardRequest { method: method.to_owned(), cookie: Some(cookie.to_owned()), ..GuardRequest::default() }
}

#[tokio::test]
async fn a_good_token_gives_its_user() {
    let (client, _issuer) = client(json!({})).await;
    let good = token(Algorithm::Es256);
    let guarded = client.guard(&good).await;
    let principal = guarded.result.unwrap();
    let claims = long_lived();
    assert_eq!((principal.id, principal.roles), (claims.id.clone(), claims.roles));
    assert_eq!((principal.session_id, principal.token), (claims.session_id, good.clone()));
    assert_eq!(guarded.headers, []);
    let (level, entry) = client.auth.log_entry(&guarded.events[0], Some("r1"));
    assert_eq!(level.as_str(), "info");
    let expected = json!({ "service": "sentri", "event": "auth.protect.success", "userId": claims.id, "mode": "client", "requestId": "r1" });
    assert_eq!(entry, expected);
    let failed = client.guard(&stranger("x")).await;
    let (level, entry) = client.auth.log_entry(&failed.events[0], None);
    assert_eq!(level.as_str(), "warn");
    let expected = json!({ "service": "sentri", "event": "auth.protect.failure", "errorCode": "TOKEN_INVALID", "mode": "client", "reason": "unknown_key" });
    assert_eq!(entry, expected);
    let verified = client.auth.verify_access_token_now(&good).unwrap().unwrap();
    assert_eq!((verified.id, verified.exp), (claims.id, claims.exp));
}

#[tokio::test]
async fn without_a_logger_nothing_is_told() {
    let (client, _issuer) = client(json!({ "logger": null })).await;
    assert!(client.guard(&token(Algorithm::Es256)).await.events.is_empty());
    assert!(client.auth.authorize(None, &["user".to_owned()]).event.is_none());
}

/// P41: the header first, and never the cookie behind a bad one; of several cookies of one name those that verify
/// count, and only where they are of one user.
#[tokio::test]
async fn tokens_are_looked_for_in_one_place() {
    let (client, _issuer) = client(json!({})).await;
    let good = token(Algorithm::Es256);
    let cookie = format!("access_token={good}");
    let get = |authorization: Option<&str>, cookie: Option<&str>| GuardRequest {
        method: "GET".to_owned(),
        authorization: authorization.map(str::to_owned),
        cookie: cookie.map(str::to_owned),
        ..GuardRequest::default()
    };
    let (bearer, twice) = (format!("Bearer {good}"), format!("{cookie}; access_token=x"));
    let other = AccessClaims { id: "somebody else".to_owned(), ..long_lived() };
    let other = ring(Algorithm::Es256).sign_access(&other, NOW).unwrap();
    let expired = AccessClaims { id: "somebody else".to_owned(), exp: NOW / 1000 - 60, ..long_lived() };
    let expired = ring(Algorithm::Es256).sign_access(&expired, NOW).unwrap();
    let many: String = (0..8).map(|n| format!("access_token={n}; ")).collect();
    for (authorization, cookie, expected) in [
        (Some(bearer.as_str()), None, "ok"),
        (None, Some(cookie.as_str()), "ok"),
        (Some(&format!("bearer  {good}")), None, "ok"),
        (None, None, "UNAUTHORIZED"),
        (None, Some("access_token="), "UNAUTHORIZED"),
        (None, Some(&format!("other={good}")), "UNAUTHORIZED"),
        (None, Some(&twice), "ok"),
        (None, Some(&format!("{twice}; access_token={other}")), "UNAUTHORIZED"),
        (None, Some(&format!("access_token={expired}; {twice}")), "ok"),
        (None, Some(&format!("access_token=x; access_token={expired}")), "TOKEN_EXPIRED"),
        (None, Some("access_token=x; access_token=y"), "TOKEN_INVALID"),
        (None, Some(&format!("{many}{cookie}")), "UNAUTHORIZED"),
        (None, Some(&format!("{cookie}; {cookie}")), "ok"),
        (Some(&bearer), Some(&twice), "ok"),
        (Some("Bearer"), Some(&cookie), "UNAUTHORIZED"),
        (Some(""), Some(&cookie), "ok"),
        (Some(""), None, "UNAUTHORIZED"),
        (Some("Bearer x"), Some(&cookie), "TOKEN_INVALID"),
        (Some("Basic YTpi"), Some(&cookie), "ok"),
        (Some("Basic YTpi"), None, "UNAUTHORIZED"),
        (Some("Basic YTpi, Bearer"), Some(&cookie), "UNAUTHORIZED"),
        (Some(&format!("Bearer {good} {good}")), Some(&cookie), "UNAUTHORIZED"),
        (Some(&format!("Bearer {good}, Bearer {good}")), None, "UNAUTHORIZED"),
        (Some("\u{0}\u{ffff}"), Some("\u{0};=;;"), "UNAUTHORIZED"),
    ] {
        let guarded = client.protect(&get(authorization, cookie)).await;
        assert_eq!(verdict(&guarded), expected, "{authorization:?} {cookie:?}");
        let status = guarded.result.map_or_else(|error| error.status, |_| 200);
        assert_eq!(status, if expected == "ok" { 200 } else { 401 });
    }
    assert_eq!(client.auth.access_token_of(Some(&bearer), None).as_deref(), Some(good.as_str()));
    assert_eq!(client.auth.access_token_of(None, Some(&cookie)).as_deref(), Some(good.as_str()));
    assert_eq!(client.auth.access_token_of(None, Some(&twice)), None);
}

#[tokio::test]
async fn the_cookie_has_the_name_that_is_configured() {
    let good = token(Algorithm::Es256);
    for (option, name, expected) in [
        (json!({}), "access_token", "ok"),
        (json!({ "accessCookie": true }), "access_token", "ok"),
        (json!({ "accessCookie": false }), "access_token", "UNAUTHORIZED"),
        (json!({ "accessCookie": { "name": "shop" } }), "shop", "ok"),
        (json!({ "accessCookie": { "name": "shop" } }), "access_token", "UNAUTHORIZED"),
        (json!({ "accessCookie": { "name": "t", "prefix": "__Host-" } }), "__Host-t", "ok"),
    ] {
        let (client, _issuer) = client(option.clone()).await;
        let guarded = client.protect(&with_cookie("GET", &format!("{name}={good}"))).await;
        assert_eq!(verdict(&guarded), expected, "{option} {name}");
    }
}

/// P40: an unsafe request that a cookie authenticates must prove where it comes from; a bearer token needs no proof.
#[tokio::test]
async fn unsafe_requests_by_cookie_prove_their_origin() {
    let (client, _issuer) = client(json!({ "trustedOrigins": ["https://app.example"] })).await;
    let good = token(Algorithm::Es256);
    let none = None::<&str>;
    for (method, origin, site, expected) in [
        ("GET", Some("https://evil.example"), Some("cross-site"), "ok"),
        ("HEAD", none, Some("cross-site"), "ok"),
        ("POST", none, none, "ok"),
        ("POST", Some("https://shop.example"), none, "ok"),
        ("POST", Some("https://app.example"), Some("same-site"), "ok"),
        ("POST", none, Some("same-origin"), "ok"),
        ("POST", Some("https://evil.example"), none, "FORBIDDEN"),
        ("DELETE", none, Some("cross-site"), "FORBIDDEN"),
        ("PATCH", none, Some("same-site"), "FORBIDDEN"),
        ("PUT", Some("null"), none, "FORBIDDEN"),
        ("ODD", Some("https://shop.example.evil.example"), none, "FORBIDDEN"),
    ] {
        let mut request = with_cookie(method, &format!("access_token={good}"));
        request.origin = origin.map(str::to_owned);
        request.sec_fetch_site = site.map(str::to_owned);
        request.host = Some("shop.example".to_owned());
        assert_eq!(verdict(&client.protect(&request).await), expected, "{method} {origin:?} {site:?}");
        let mut request = GuardRequest { method: method.to_owned(), cookie: None, ..request };
        request.authorization = Some(format!("Bearer {good}"));
        assert_eq!(verdict(&client.protect(&request).await), "ok", "{method} with a bearer token");
    }
    for (upgrade, site, expected) in [
        ("websocket", "cross-site", "FORBIDDEN"),
        ("h2c, WebSocket", "same-site", "FORBIDDEN"),
        ("websocket", "same-origin", "ok"),
        ("h2c", "cross-site", "ok"),
    ] {
        let mut request = with_cookie("GET", &format!("access_token={good}"));
        (request.upgrade, request.sec_fetch_site) = (Some(upgrade.to_owned()), Some(site.to_owned()));
        assert_eq!(verdict(&client.protect(&request).await), expected, "{upgrade} {site}");
    }
}

#[tokio::test]
async fn roles_are_checked_at_the_call_and_at_the_request() {
    let roles = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let (open, _issuer) = client(json!({})).await;
    let (listed, _issuer) = client(json!({ "validRoles": ["user", "admin"] })).await;
    assert!(open.auth.check_roles(&roles(&["whatever they call it"])).is_ok());
    assert!(listed.auth.check_roles(&roles(&["user", "admin"])).is_ok());
    for (client, wrong) in [(&open, &[][..]), (&open, &[""]), (&listed, &[]), (&listed, &["user", "editor"])] {
        let error = client.auth.check_roles(&roles(wrong)).unwrap_err();
        assert!(error.is(ErrorCode::ConfigurationError) && error.message.contains("authorize()"), "{error}");
    }
    let (user, waiting) = (roles(&["user"]), roles(&["admin", "editor"]));
    let rizz = Some(Admitted { id: "rizz", roles: &user, withheld: &[] });
    let alfa = Some(Admitted { id: "alfa", roles: &user, withheld: &waiting });
    for (who, required, code, event) in [
        (rizz, &["admin", "user"][..], None, "auth.authorize.passed"),
        (rizz, &["admin"], Some("FORBIDDEN"), "auth.authorize.denied"),
        (alfa, &["admin", "user"], None, "auth.authorize.passed"),
        (alfa, &["admin"], Some("STEP_UP_REQUIRED"), "auth.step_up.required"),
        (alfa, &["owner"], Some("FORBIDDEN"), "auth.authorize.denied"),
        (None, &["user"], Some("UNAUTHORIZED"), "auth.authorize.unauthenticated"),
    ] {
        let decision = open.auth.authorize(who, &roles(required));
        assert_eq!(decision.error.map(|error| error.code.to_string()).as_deref(), code);
        assert_eq!(decision.event.unwrap().name.as_str(), event);
    }
    for (who, outcome, code, event) in [
        (rizz, PermitVerdict::Passed, None, "auth.permit.passed"),
        (rizz, PermitVerdict::Denied, Some("FORBIDDEN"), "auth.permit.denied"),
        (alfa, PermitVerdict::Withheld, Some("STEP_UP_REQUIRED"), "auth.step_up.required"),
        (None, PermitVerdict::Withheld, Some("UNAUTHORIZED"), "auth.permit.unauthenticated"),
        (rizz, PermitVerdict::Bypass("user".to_owned()), None, "auth.permit.role_bypass"),
        (None, PermitVerdict::Passed, Some("UNAUTHORIZED"), "auth.permit.unauthenticated"),
    ] {
        let decision = open.auth.permit(who, &outcome);
        assert_eq!(decision.error.map(|error| error.code.to_string()).as_deref(), code, "{outcome:?}");
        assert_eq!(decision.event.unwrap().name.as_str(), event);
    }
}

/// A host whose answers are scripted by session id, and counted.
struct Script(AtomicUsize);

#[async_trait]
impl RevocationCheck for Script {
    async fn is_revoked(&self, session_id: &str) -> Result<bool, Failure> {
        self.0.fetch_add(1, Ordering::SeqCst);
        match session_id {
            "over" => Ok(true),
            "throws" => Err(Failure::Internal("redis is away".to_owned())),
            "hangs" => std::future::pending().await,
            _ => Ok(false),
        }
    }
}

/// P49 in client mode: what can't be decided is refused.
#[tokio::test]
async fn the_host_may_revoke_sessions() {
    let issuer = Issuer::publishing(&ring(Algorithm::Es256)).await;
    let script = Arc::new(Script(AtomicUsize::new(0)));
    let host = ClientHost { revocation: Some(Arc::<Script>::clone(&script)), ..ClientHost::default() };
    let client = Client::with_host(&issuer.uri(), json!({ "isTokenRevoked": "[function]" }), host);
    let sign = |session: Option<&str>| {
        let mut claims = long_lived();
        claims.session_id = session.map(str::to_owned);
        ring(Algorithm::Es256).sign_access(&claims, NOW).unwrap()
    };
    let started = Instant::now();
    for (session, expected, told) in [
        (Some("live"), "ok", &["auth.protect.success"][..]),
        (Some("over"), "UNAUTHORIZED", &["auth.protect.token_revoked"]),
        (Some("throws"), "UNAUTHORIZED", &["auth.protect.token_revoked", "redis is away"]),
        (Some("hangs"), "UNAUTHORIZED", &["auth.protect.token_revoked", "no answer within 2 s"]),
        (None, "ok", &["auth.protect.success"]),
    ] {
        let guarded = client.guard(&sign(session)).await;
        assert_eq!(verdict(&guarded), expected, "{session:?}");
        assert_eq!(causes(&guarded), told, "{session:?}");
        assert!(session.is_none() || guarded.fresh_until == 0, "the host is asked each time");
    }
    assert!(started.elapsed() < Duration::from_secs(6));
    assert_eq!(script.0.load(Ordering::SeqCst), 4, "tokens without a session have nothing to revoke");
    assert!(client.auth.guard_now(&bearer(&sign(Some("live")))).is_none(), "the host is asked off the request's way");
    assert_eq!(client.verdict(&stranger("x")).await, "TOKEN_INVALID");
    assert_eq!(script.0.load(Ordering::SeqCst), 4, "nobody is asked about a bad token");
}
