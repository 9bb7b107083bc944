//! The address of a key set (`keyUri` option), checked.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;

/// An `https` address. An `http` address is accepted on this machine, and elsewhere only with `allowInsecure`. Its
/// `Debug` shows the host alone, since paths and queries may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyUri {
    uri: Uri,
    host: String,
    port: u16,
    tls: bool,
}

impl KeyUri {
    /// Reads an absolute address without user and password.
    ///
    /// # Errors
    /// A sentence to follow the option's name, with the fault and the cure.
    pub fn parse(text: &str, allow_insecure: bool) -> Result<Self, &'static str> {
        const MALFORMED: &str = "must be an address such as 'https://auth.example.com/auth/keys'";
        if !text.is_ascii() {
            return Err("must be ASCII: write the domain in its 'xn--' form and the path percent-encoded");
        }
        let uri: Uri = text.parse().map_err(|_| MALFORMED)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(MALFORMED) };
        if authority.as_str().contains('@') {
            return Err("must hold no user and password: they would end up in logs");
        }
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(MALFORMED),
        };
        // The parser ignores a malformed port, so it is checked here.
        let port = match authority.as_str()[authority.host().len()..].strip_prefix(':').map(str::parse::<u16>) {
            None if tls => 443,
            None => 80,
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return Err(MALFORMED),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(MALFORMED);
        }
        if !tls && !allow_insecure && !is_loopback(&host) {
            return Err("must begin with https: whoever is on the way could put in keys of their own; \
                        allowInsecure: true allows http in a network that you trust");
        }
        Ok(Self { uri, host, port, tls })
    }

    /// Host name or address, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port, the scheme's default if none is given.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is `https`.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// The value of `Host`.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    /// Path and query, for the request line.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }
}

impl fmt::Debug for KeyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyUri").field(&self.host).finish()
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
