//! Cookies of the same name for several domains and paths. A browser keeps them apart and sends all that fit a request,
//! so a cookie of an earlier configuration stays beside that of the present one.

use super::{CookieRules, CookieValues, has_prefix};

impl CookieRules {
    /// Returns the `Set-Cookie` values that delete cookies of this name at other places: for the host alone and for the
    /// configured domain, at `/`, at the mount point of the endpoints and at the configured path. They must come before
    /// the line that sets the cookie, so that a client that compares names alone keeps it.
    ///
    /// The list is empty with the prefix `__Host-`, which allows no such cookie. It is also empty without a `domain`,
    /// unless the request brought several values, or `is_login` and it brought any, since that is of an earlier session
    /// and perhaps of another user.
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

/// Returns name, domain and path of a `Set-Cookie` value, by which browsers identify a cookie.
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
