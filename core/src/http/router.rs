//! Finds the endpoint of a request.

pub use super::endpoint::ROUTES;
pub use super::endpoint::value::{Access, Endpoint};
use crate::web::query;

/// Returns the endpoint of a request and the decoded value of its one parameter, if it has one. `HEAD` goes where `GET`
/// goes.
#[must_use]
pub fn find(method: &str, path: &str) -> Option<(&'static Endpoint, Option<String>)> {
    let method = if method == "HEAD" { "GET" } else { method };
    let path = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
    ROUTES.iter().copied().filter(|route| route.method == method).find_map(|route| {
        let parameter = match_path(route.pattern, path)?;
        Some((route, parameter))
    })
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

/// The decoded value of a parameter. An undecodable value is taken unchanged, as an id without a row, so that the
/// answer is the endpoint's own and not the framework's for an unknown path.
fn read_parameter(value: &str) -> Option<String> {
    let plain = || (!value.is_empty() && !value.contains(char::is_control)).then(|| value.to_owned());
    query::decode(value).or_else(plain)
}
