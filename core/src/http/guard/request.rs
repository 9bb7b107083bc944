//! The parts of a request that `protect()` reads.

use serde::Deserialize;

use crate::http::Request;

/// The parts of a request that `protect()` reads, by header.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GuardRequest {
    /// HTTP method in upper case.
    pub method: String,
    /// `Authorization`
    pub authorization: Option<String>,
    /// `Cookie`. Several headers are joined by `; `.
    pub cookie: Option<String>,
    /// `Origin`
    pub origin: Option<String>,
    /// `Sec-Fetch-Site`
    pub sec_fetch_site: Option<String>,
    /// `Host`
    pub host: Option<String>,
    /// `Upgrade`, by which the handshake of a WebSocket differs from other GETs.
    pub upgrade: Option<String>,
    /// The scheme by which the request came, as the framework knows it.
    pub scheme: Option<String>,
    /// Client address as the framework knows it.
    pub client_ip: Option<String>,
    /// `User-Agent`
    pub user_agent: Option<String>,
    /// `Access-Control-Request-Method`, which is read for `OPTIONS` alone.
    pub access_control_request_method: Option<String>,
    /// `Access-Control-Request-Headers`, which is read for `OPTIONS` alone.
    pub access_control_request_headers: Option<String>,
}

impl GuardRequest {
    /// Takes the parts that `protect()` reads from a request to an endpoint.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let header = |name: &str| request.header(name).map(str::to_owned);
        let cookies: Vec<&str> = request.header_values("cookie").collect();
        Self {
            method: request.method.clone(),
            authorization: header("authorization"),
            cookie: (!cookies.is_empty()).then(|| cookies.join("; ")),
            origin: header("origin"),
            sec_fetch_site: header("sec-fetch-site"),
            host: header("host"),
            upgrade: header("upgrade"),
            scheme: request.scheme.clone(),
            client_ip: request.client_ip.clone(),
            user_agent: header("user-agent"),
            ..Self::default()
        }
    }
}
