//! Where a request with cookies comes from: the defence against cross-site request forgery.

/// An origin (RFC 6454): scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    authority: String,
}

impl Origin {
    /// Reads `scheme://host[:port]`, and nothing more.
    ///
    /// # Errors
    /// A sentence to follow the option's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("has '{text}', which is not an origin such as https://app.example.com");
        let (scheme, authority) = text.split_once("://").ok_or_else(wrong)?;
        let scheme = scheme.to_ascii_lowercase();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if scheme.is_empty()
            || !scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            || authority.is_empty()
            || !authority.chars().all(allowed)
        {
            return Err(wrong());
        }
        let authority = without_default_port(&scheme, &authority.to_ascii_lowercase());
        Ok(Self { scheme, authority })
    }

    /// Whether the origin is the host that the request was sent to. The scheme is left out: behind a proxy that ends
    /// TLS the server does not know it.
    fn is_host(&self, host: &str) -> bool {
        self.authority == without_default_port(&self.scheme, &host.to_ascii_lowercase())
    }
}

fn without_default_port(scheme: &str, authority: &str) -> String {
    let default = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return authority.to_owned(),
    };
    authority.strip_suffix(default).unwrap_or(authority).to_owned()
}

/// Whether a request that is authenticated by a cookie may be acted on.
///
/// A safe method may (RFC 9110, 9.2.1). An unsafe one needs the browser's word that it is from the same origin, or an
/// origin that is the host or trusted. When both headers are absent no browser sent it.
#[must_use]
pub fn same_origin(
    method: &str,
    sec_fetch_site: Option<&str>,
    origin: Option<&str>,
    host: Option<&str>,
    trusted: &[Origin],
) -> bool {
    if matches!(method, "GET" | "HEAD" | "OPTIONS") {
        return true;
    }
    if matches!(sec_fetch_site, Some("same-origin" | "none")) {
        return true;
    }
    match origin {
        None => sec_fetch_site.is_none(),
        Some(text) => match Origin::parse(text) {
            Ok(origin) if trusted.contains(&origin) => true,
            // The browser's own verdict outweighs a look at names.
            Ok(origin) => sec_fetch_site.is_none() && host.is_some_and(|host| origin.is_host(host)),
            Err(_) => false,
        },
    }
}
