//! Finds the endpoint of a request, and tells from a path whether its answers show secrets.

pub use super::endpoint::ROUTES;
pub use super::endpoint::value::{Access, Endpoint, Shows};
use crate::web::query;

/// Returns the endpoint of a request and the decoded value of its parameter, if it has one. `HEAD` finds the endpoint
/// of `GET`.
#[must_use]
pub fn find(method: &str, path: &str) -> Option<(&'static Endpoint, Option<String>)> {
    let method = if method == "HEAD" { "GET" } else { method };
    let path = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
    ROUTES.iter().copied().filter(|route| route.method == method).find_map(|route| {
        let parameter = match_path(route.pattern, path)?;
        Some((route, parameter))
    })
}

/// Whether a path, with or without a query, ends like the path of an endpoint whose answers show secrets. Only the end
/// is compared, since the endpoints may be mounted anywhere. The comparison ignores case and a slash at the end, as
/// frameworks do when they route.
#[must_use]
pub fn shows_secrets(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    ROUTES.iter().any(|route| route.shows != Shows::Nothing && ends_like(path, route.pattern))
}

/// Whether the last segments of a path match a pattern, in which `:name` matches any segment that is not empty.
fn ends_like(path: &str, pattern: &str) -> bool {
    let mut given = path.rsplit('/');
    let is_end = pattern.trim_start_matches('/').rsplit('/').all(|wanted| {
        let segment = given.next();
        segment.is_some_and(|it| it.eq_ignore_ascii_case(wanted) || (wanted.starts_with(':') && !it.is_empty()))
    });
    // A slash must stand before the first of these segments.
    is_end && given.next().is_some()
}

/// Returns the names of the endpoints in metrics, such as `POST /login`, in the order of [`ROUTES`].
#[must_use]
pub fn names() -> Vec<String> {
    ROUTES.iter().map(|route| format!("{} {}", route.method, route.pattern)).collect()
}

#[expect(clippy::option_option, reason = "no match, a match without a parameter, a match with one")]
fn match_path(pattern: &str, path: &str) -> Option<Option<String>> {
    let mut parameter = None;
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parameter),
            (Some(segment), Some(value)) if segment.starts_with(':') => parameter = Some(read_parameter(value)?),
            (Some(segment), Some(value)) if segment == value => {}
            _ => return None,
        }
    }
}

/// Decodes the value of a parameter. A value that can't be decoded is kept as it is. No row has such an id, so the
/// endpoint answers, and not the framework as for an unknown path.
fn read_parameter(value: &str) -> Option<String> {
    let plain = || (!value.is_empty() && !value.contains(char::is_control)).then(|| value.to_owned());
    query::decode(value).or_else(plain)
}
