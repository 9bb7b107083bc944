//! The table of endpoints.

use super::endpoint::Endpoint;

/// The callers that an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever `protect()` lets pass.
    User,
    /// A user with an admin role, or the bearer of an API key.
    Admin,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path below the mount point; `:name` stands for one segment.
    pub pattern: &'static str,
    /// The callers that it is for.
    pub access: Access,
    /// The endpoint behind it.
    pub endpoint: Endpoint,
}

const fn route(method: &'static str, pattern: &'static str, access: Access, endpoint: Endpoint) -> Route {
    Route { method, pattern, access, endpoint }
}

/// Every endpoint.
pub static ROUTES: &[Route] = &[
    route("POST", "/register", Access::Public, Endpoint::Register),
    route("POST", "/login", Access::Public, Endpoint::Login),
    route("POST", "/refresh", Access::Public, Endpoint::Refresh),
    route("POST", "/logout", Access::Public, Endpoint::Logout),
    route("POST", "/logout-all", Access::User, Endpoint::LogoutAll),
    route("GET", "/me", Access::User, Endpoint::Me),
    route("GET", "/me/sessions", Access::User, Endpoint::ListSessions),
    route("DELETE", "/me/sessions/:id", Access::User, Endpoint::RevokeSession),
    route("POST", "/me/identifiers", Access::User, Endpoint::CreateIdentifiers),
    route("PUT", "/me/identifiers", Access::User, Endpoint::UpdateIdentifiers),
    route("DELETE", "/me/identifiers", Access::User, Endpoint::DeleteIdentifiers),
    route("PATCH", "/me/password", Access::User, Endpoint::ChangePassword),
    route("GET", "/users", Access::Admin, Endpoint::ListUsers),
    route("GET", "/users/:userId", Access::Admin, Endpoint::GetUser),
    route("DELETE", "/users/:userId", Access::Admin, Endpoint::DeleteUser),
    route("POST", "/users/:userId/roles", Access::Admin, Endpoint::AssignRoles),
    route("PATCH", "/users/:userId/password", Access::Admin, Endpoint::SetPassword),
    route("PATCH", "/users/:userId/identifiers", Access::Admin, Endpoint::SetIdentifiers),
    route("GET", "/keys", Access::Public, Endpoint::Keys),
];

/// The route of a request and the decoded value of its one parameter, if it has one. `HEAD` goes where `GET` goes.
#[must_use]
pub fn find(method: &str, path: &str) -> Option<(&'static Route, Option<String>)> {
    let method = if method == "HEAD" { "GET" } else { method };
    let path = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
    ROUTES.iter().filter(|route| route.method == method).find_map(|route| {
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

/// The decoded value of a parameter. One that can't be decoded is taken as it stands: an id that nobody has, so that
/// the answer is the endpoint's own and not the framework's for an unknown path.
fn read_parameter(value: &str) -> Option<String> {
    let plain = || (!value.is_empty() && !value.contains(char::is_control)).then(|| value.to_owned());
    decode(value).or_else(plain)
}

/// Percent-decodes a segment or a query value (RFC 3986, 2.1). `None`: not well-formed, empty, or
/// with control characters, which no id and no identifier has.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let decoded = String::from_utf8(bytes).ok()?;
    (!decoded.is_empty() && !decoded.contains(char::is_control)).then_some(decoded)
}

/// The first value of a query parameter, decoded, `+` meaning a space.
#[must_use]
pub fn query_value(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(key, _)| *key == name)?;
    decode(&value.replace('+', " "))
}
