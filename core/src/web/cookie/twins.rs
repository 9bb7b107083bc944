//! Cookies of one name at several places. A browser separates them by domain and path and sends all that fit, so a
//! cookie of an earlier configuration stays beside that of the present configuration.

use super::{CookieRules, CookieValues, has_prefix};

impl CookieRules {
    /// The `Set-Cookie` values that delete cookies of this name elsewhere: for the host alone and for the configured
    /// domain, at `/`, at the mount point of the endpoints and at the configured path. They come before the line that
    /// sets the cookie, so that a client that looks at names alone keeps it.
    ///
    /// Empty if there can be no such cookie: under the prefix `__Host-`, or without a `domain` when the request brought
    /// no other value. `is_login`: the cookie that a login brings is of an earlier session, maybe another user's.
    #[must_use]
    pub fn twins(&self, mount: Option<&str>, brought: &CookieValues, is_login: bool) -> Vec<String> {
        let expected = match brought {
            CookieValues::Several(_) | CookieValues::TooMany(_) => true,
            CookieValues::One(_) => is_login || self.domain.is_some(),
            CookieValues::None => self.domain.is_some(),
        };
        if expected { self.clear_elsewhere(mount) } else { Vec::new() }
    }

    fn clear_elsewhere(&self, mount: Option<&str>) -> Vec<String> {
        if has_prefix(&self.name, "__Host-") {
            return Vec::new();
        }
        let mut domains = vec![None];
        domains.extend(self.domain.clone().map(Some));
        let mut paths = vec!["/"];
        for path in mount.into_iter().chain([self.path.as_str()]) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        let places = domains.iter().flat_map(|domain| paths.iter().map(move |path| (domain, *path)));
        let others = places.filter(|(domain, path)| (*domain, *path) != (&self.domain, self.path.as_str()));
        others
            .map(|(domain, path)| Self { domain: domain.clone(), path: path.to_owned(), ..self.clone() }.clear())
            .collect()
    }
}

/// Name, domain and path of a `Set-Cookie` value, by which a browser identifies a cookie.
#[must_use]
pub fn place_of(set_cookie: &str) -> (&str, Option<&str>, Option<&str>) {
    let mut parts = set_cookie.split("; ");
    let name = parts.next().and_then(|pair| pair.split('=').next()).unwrap_or_default();
    let (mut domain, mut path) = (None, None);
    for part in parts {
        if let Some(value) = part.strip_prefix("Domain=") {
            domain = Some(value);
        } else if let Some(value) = part.strip_prefix("Path=") {
            path = Some(value);
        }
    }
    (name, domain, path)
}
