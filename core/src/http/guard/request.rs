//! The part of a request that `protect()` reads.

use serde::Deserialize;

/// The parts of a request that `protect()` reads, by header.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
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
