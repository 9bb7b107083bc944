//! Protection against cross-site request forgery: decides whether a request that a cookie authenticates comes from a
//! permitted origin.

use std::net::Ipv6Addr;

use serde_json::Value;

use crate::error::Error;

/// An origin (RFC 6454, 4). The port is set if the scheme has a default port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// Reads `scheme://host[:port]`. A path, a user, a wildcard or `null` is refused.
    ///
    /// # Errors
    /// A sentence on the fault, to follow the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains('*') {
            return Err("must not hold a wildcard: list every origin");
        }
        let (scheme, rest) =
            text.split_once("://").ok_or("must begin with a scheme, as in 'https://app.example.com'")?;
        let scheme = scheme.to_ascii_lowercase();
        let is_scheme_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !scheme.starts_with(|c: char| c.is_ascii_lowercase()) || !scheme.bytes().all(is_scheme_byte) {
            return Err("has a malformed scheme");
        }
        if rest.contains(['/', '?', '#', '@', '\\']) {
            return Err("must be scheme, host and port alone, without a path or a slash at the end");
        }
        if !rest.is_ascii() {
            return Err("must be ASCII: write the domain in its 'xn--' form");
        }
        let (host, port) = split_port(rest).ok_or("has a malformed host or port")?;
        let port = port.or_else(|| default_port(&scheme));
        Ok(Self { scheme, host, port })
    }

    /// Whether a `Host` header names the same host and port. The header has no scheme, so without a port it means the
    /// default port of this origin's scheme.
    fn is_at(&self, host_header: &str) -> bool {
        split_port(host_header)
            .is_some_and(|(host, port)| host == self.host && port.or_else(|| default_port(&self.scheme)) == self.port)
    }
}

/// The parts of a request that show which page has sent it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Provenance<'a> {
    /// `Sec-Fetch-Site`
    pub sec_fetch_site: Option<&'a str>,
    /// `Origin`
    pub origin: Option<&'a str>,
    /// `Host`
    pub host: Option<&'a str>,
    /// The scheme by which the request came, as its framework knows it.
    pub scheme: Option<&'a str>,
}

impl Provenance<'_> {
    /// Whether the request is known to have come by TLS. A framework that says `http` may be behind a proxy that ends
    /// TLS and that it does not trust, so `http` proves nothing.
    fn is_secure(&self) -> bool {
        self.scheme.is_some_and(|scheme| ["https", "wss"].iter().any(|secure| scheme.eq_ignore_ascii_case(secure)))
    }
}

/// Reads the `trustedOrigins` option. If it is absent or null, there are none.
///
/// # Errors
/// `CONFIGURATION_ERROR` naming the entry.
pub fn trusted_origins(option: Option<&Value>) -> Result<Vec<Origin>, Error> {
    let entries = match option {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            return Err(Error::configuration("trustedOrigins must be a list such as ['https://app.example.com']"));
        }
    };
    let read = |entry: &Value| {
        let text = entry.as_str().ok_or_else(|| Error::configuration("trustedOrigins must hold strings"))?;
        Origin::parse(text).map_err(|why| Error::configuration(format!("trustedOrigins: '{text}' {why}")))
    };
    entries.iter().map(read).collect()
}

/// Whether the method is safe (RFC 9110, 9.2.1). A safe request changes nothing, so to forge it gains nothing.
#[must_use]
pub fn is_safe(method: &str) -> bool {
    ["GET", "HEAD", "OPTIONS", "TRACE"].iter().any(|safe| method.eq_ignore_ascii_case(safe))
}

/// Whether an `Upgrade` header asks for a WebSocket (RFC 6455, 4.2.1). The header lists protocols, in any case and each
/// perhaps with a version behind a slash (RFC 9110, 7.8).
#[must_use]
pub fn opens_websocket(upgrade: Option<&str>) -> bool {
    let is_websocket = |protocol: &str| {
        let name = protocol.split_once('/').map_or(protocol, |(name, _)| name);
        name.trim_matches([' ', '\t']).eq_ignore_ascii_case("websocket")
    };
    upgrade.is_some_and(|protocols| protocols.split(',').any(is_websocket))
}

/// Whether a request that a cookie authenticates may be served. It may if its method is safe, or if it [proves its
/// origin](proves_origin). The handshake of a WebSocket is a GET, but counts as `CONNECT` (RFC 8441), which is not
/// safe: any page can open the socket with its visitor's cookies, and read what comes out of it.
#[must_use]
pub fn same_origin(method: &str, upgrade: Option<&str>, provenance: Provenance<'_>, trusted: &[Origin]) -> bool {
    (is_safe(method) && !opens_websocket(upgrade)) || proves_origin(provenance, trusted)
}

/// Whether the headers prove that a page of an own or trusted origin, or no page at all, sent the request. The first of
/// these rules that applies decides:
/// 1. With an `Origin` that is trusted, they do.
/// 2. With `Sec-Fetch-Site`, which no page can forge, they do for `same-origin` and `none` alone.
/// 3. With an `Origin`, they do if it is that of the host. If the request is known to have come by `https`, the origin
///    must have that scheme, since any machine on the network can serve an `http` page of the host. `null` and
///    malformed text prove nothing.
/// 4. With neither header, they do, since the client is no browser and its request can't be forged by a page.
#[must_use]
pub fn proves_origin(provenance: Provenance<'_>, trusted: &[Origin]) -> bool {
    let Provenance { sec_fetch_site, origin, host, scheme: _ } = provenance;
    let parsed = origin.map(Origin::parse);
    if let Some(Ok(origin)) = &parsed
        && trusted.contains(origin)
    {
        return true;
    }
    match (sec_fetch_site, parsed) {
        (Some(site), _) => matches!(site.trim(), "same-origin" | "none"),
        (None, Some(Ok(origin))) => {
            host.is_some_and(|host| origin.is_at(host)) && (!provenance.is_secure() || origin.scheme == "https")
        }
        (None, Some(Err(_))) => false,
        (None, None) => true,
    }
}

/// Reads `host`, `host:port`, `[v6]` or `[v6]:port`, and returns the host in lower case and the port.
fn split_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let address = address.parse::<Ipv6Addr>().ok()?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
            (format!("[{address}]"), port)
        }
        None => {
            let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            let is_host_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            if host.is_empty() || !host.bytes().all(is_host_byte) {
                return None;
            }
            (host.to_ascii_lowercase(), port)
        }
    };
    let port = match port {
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse::<u16>().ok()?),
        Some(_) => return None,
        None => None,
    };
    Some((host, port))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}
