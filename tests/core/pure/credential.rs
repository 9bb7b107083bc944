use sentri_core::http::Request;
use sentri_core::http::credential::{read, unverified};
use sentri_core::http::guard::GuardRequest;
use sentri_core::web::cookie::CookieValues;
use sentri_core::web::origin::{Origin, trusted_origins};
use serde_json::json;

const NAME: &str = "access_token";

fn trusted() -> Vec<Origin> {
    trusted_origins(Some(&json!(["https://app.example.net"]))).unwrap()
}

/// A request without a sign of where it comes from.
fn asked(authorization: Option<&str>, cookie: Option<&str>) -> GuardRequest {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    GuardRequest {
        method: "POST".to_owned(),
        authorization: owned(authorization),
        cookie: owned(cookie),
        ..GuardRequest::default()
    }
}

/// The same request from a page of another site.
fn from_elsewhere(request: GuardRequest) -> GuardRequest {
    GuardRequest { sec_fetch_site: Some("cross-site".to_owned()), ..request }
}

fn code(request: &GuardRequest) -> String {
    read(request, Some(NAME), &trusted()).unwrap_err().code.into_owned()
}

#[test]
fn the_header_comes_before_the_cookie() {
    let one = |token: &str| CookieValues::One(token.to_owned());
    let found = |request: &GuardRequest, name| read(request, name, &trusted()).unwrap();
    let both = asked(Some("Bearer head"), Some("access_token=kept"));
    assert_eq!(found(&both, Some(NAME)), one("head"));
    assert_eq!(found(&from_elsewhere(both), Some(NAME)), one("head"), "no site can send another's header");
    let cookie = asked(None, Some("access_token=kept; other=x"));
    assert_eq!(found(&cookie, Some(NAME)), one("kept"));
    assert_eq!(found(&cookie, None), CookieValues::None, "no cookie is read where none is configured");
    assert_eq!(found(&asked(Some("Basic eDp5"), Some("access_token=kept")), Some(NAME)), one("kept"));
    assert_eq!(found(&asked(None, None), Some(NAME)), CookieValues::None);
    assert_eq!(found(&asked(None, Some("other=x")), Some(NAME)), CookieValues::None);
    assert_eq!(
        found(&from_elsewhere(asked(None, Some("other=x"))), Some(NAME)),
        CookieValues::None,
        "it proves nothing"
    );
    let malformed = asked(Some("Bearer a b"), Some("access_token=kept"));
    assert_eq!(code(&malformed), "UNAUTHORIZED", "a bad header is no reason to look at the cookie");
}

#[test]
fn a_cookie_counts_from_permitted_origins_alone() {
    let cookie = || asked(None, Some("access_token=kept"));
    let kept = CookieValues::One("kept".to_owned());
    let owned = |text: &str| Some(text.to_owned());
    let at = |origin: &str, scheme: Option<&str>| GuardRequest {
        origin: owned(origin),
        host: owned("example.com"),
        scheme: scheme.map(str::to_owned),
        ..cookie()
    };
    for (name, request) in [
        ("no browser", cookie()),
        (
            "by its fetch metadata",
            GuardRequest { sec_fetch_site: owned("same-origin"), ..at("https://evil.example", None) },
        ),
        ("by its host", at("https://example.com", Some("https"))),
        ("a trusted one", from_elsewhere(at("https://app.example.net", None))),
        ("a method that changes nothing", GuardRequest { method: "GET".to_owned(), ..from_elsewhere(cookie()) }),
    ] {
        assert_eq!(read(&request, Some(NAME), &trusted()).unwrap(), kept, "{name}");
    }
    for (name, request) in [
        ("by its fetch metadata", from_elsewhere(at("https://example.com", None))),
        ("by its host", at("https://evil.example", None)),
        ("by its scheme", at("http://example.com", Some("https"))),
        ("with several values", from_elsewhere(asked(None, Some("access_token=a; access_token=b")))),
        (
            "a WebSocket, although it begins with a GET",
            GuardRequest { method: "GET".to_owned(), upgrade: owned("websocket"), ..from_elsewhere(cookie()) },
        ),
    ] {
        assert_eq!(code(&request), "FORBIDDEN", "{name}");
    }
    let empty = from_elsewhere(asked(None, Some("access_token=")));
    assert_eq!(read(&empty, Some(NAME), &trusted()).unwrap(), CookieValues::None, "an empty one is none");
    let several = asked(None, Some("access_token=a; access_token=b"));
    let all = CookieValues::Several(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(read(&several, Some(NAME), &trusted()).unwrap(), all);
}

#[test]
fn an_unverified_token_is_that_of_the_header_or_the_only_one_of_the_cookie() {
    let kept = Some("access_token=kept");
    let several = Some("access_token=a; access_token=b");
    for (header, cookies, name, token) in [
        (Some("Bearer head"), kept, Some(NAME), Some("head")),
        (Some("Bearer a b"), kept, Some(NAME), None),
        (Some("Basic eDp5"), kept, Some(NAME), Some("kept")),
        (None, kept, Some(NAME), Some("kept")),
        (None, kept, None, None),
        (None, several, Some(NAME), None),
        (None, None, Some(NAME), None),
    ] {
        assert_eq!(unverified(header, cookies, name).as_deref(), token, "{header:?} {cookies:?} {name:?}");
    }
}

#[test]
fn a_request_to_an_endpoint_is_guarded_by_its_own_headers() {
    let headers = [
        ("authorization", "Bearer head"),
        ("cookie", "a=1"),
        ("origin", "https://app.example.net"),
        ("cookie", "b=2"),
        ("sec-fetch-site", "same-site"),
        ("host", "example.com"),
        ("upgrade", "websocket"),
        ("user-agent", "a browser"),
    ];
    let request = Request {
        method: "DELETE".to_owned(),
        scheme: Some("https".to_owned()),
        client_ip: Some("203.0.113.7".to_owned()),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..Request::default()
    };
    let read = GuardRequest::of(&request);
    assert_eq!(read.method, "DELETE");
    for (name, value, expected) in [
        ("authorization", &read.authorization, "Bearer head"),
        ("cookie", &read.cookie, "a=1; b=2"),
        ("origin", &read.origin, "https://app.example.net"),
        ("sec-fetch-site", &read.sec_fetch_site, "same-site"),
        ("host", &read.host, "example.com"),
        ("upgrade", &read.upgrade, "websocket"),
        ("scheme", &read.scheme, "https"),
        ("client", &read.client_ip, "203.0.113.7"),
        ("user-agent", &read.user_agent, "a browser"),
    ] {
        assert_eq!(value.as_deref(), Some(expected), "{name}");
    }
    let none = GuardRequest::of(&Request::default());
    assert_eq!((none.cookie, none.authorization, none.origin), (None, None, None));
}
