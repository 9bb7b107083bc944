//! The endpoints as an OpenAPI 3.1 document. What is not in the table of routes is not in here, and a new endpoint does
//! not compile before it is described.

use serde_json::{Map, Value, json};

use super::endpoint::Endpoint;
use super::router::{Access, ROUTES, Route};
use crate::error::ErrorCode;

mod schema;

use schema::{list, object, one_of_types, partial, reference, text};

/// The document; paths are those below the mount point, for `servers` to say where that is.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let (path, parameters) = path_template(route.pattern);
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[route.method.to_lowercase()] = operation(route, &parameters);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "sentri",
            "summary": "Registration, login, tokens, sessions and roles",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "ISC", "identifier": "ISC" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schema::components(), "securitySchemes": {
            "accessToken": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            "apiKey": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
            "refreshCookie": { "type": "apiKey", "in": "cookie", "name": "refresh_token" },
        } },
    })
}

/// `/users/:userId` as `/users/{userId}`, and the names of its parameters.
fn path_template(pattern: &str) -> (String, Vec<&str>) {
    let parameters: Vec<&str> = pattern.split('/').filter_map(|segment| segment.strip_prefix(':')).collect();
    let segments = pattern.split('/').map(|segment| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    });
    (segments.collect::<Vec<_>>().join("/"), parameters)
}

/// The input and the answers of an endpoint.
struct Description {
    summary: &'static str,
    /// Schema of the body, and whether it must be there.
    body: Option<(Value, bool)>,
    /// Name, schema and meaning of query parameters.
    query: Vec<(&'static str, Value, &'static str)>,
    status: u16,
    message: &'static str,
    data: Value,
    sets_cookies: bool,
    errors: Vec<ErrorCode>,
}

fn answers(summary: &'static str, status: u16, message: &'static str, data: Value) -> Description {
    let (query, errors) = (Vec::new(), Vec::new());
    Description { summary, body: None, query, status, message, data, sets_cookies: false, errors }
}

impl Description {
    fn takes(self, body: Value) -> Self {
        Self { body: Some((body, true)), ..self }
    }

    fn may_take(self, body: Value) -> Self {
        Self { body: Some((body, false)), ..self }
    }

    fn sets_cookies(self) -> Self {
        Self { sets_cookies: true, ..self }
    }

    fn or(self, errors: &[ErrorCode]) -> Self {
        Self { errors: errors.to_vec(), ..self }
    }
}

fn describe(endpoint: Endpoint) -> Description {
    use ErrorCode as E;
    let user = || object(&[("user", reference("User"))]);
    let identifiers = |item: &str| object(&[("identifiers", list(reference(item), 1))]);
    let roles = || object(&[("user", object(&[("id", text()), ("roles", list(text(), 0))]))]);
    match endpoint {
        Endpoint::Register => answers("Register a user", 201, "User registered successfully", user())
            .takes(partial(
                &[("identifiers", list(reference("NewIdentifier"), 1)), ("password", text())],
                &[("roles", list(text(), 0))],
            ))
            .or(&[E::InvalidRole, E::Unauthorized, E::Forbidden, E::UserAlreadyExists, E::RateLimitExceeded]),
        Endpoint::Login => answers("Log in by any identifier", 200, "Login successful", reference("Tokens"))
            .takes(object(&[("identifier", text()), ("password", text())]))
            .sets_cookies()
            .or(&[E::InvalidCredentials, E::Forbidden, E::RateLimitExceeded]),
        Endpoint::Refresh => answers("Renew the tokens of a session", 200, "Token refreshed", reference("Tokens"))
            .may_take(partial(&[], &[("refreshToken", text())]))
            .sets_cookies()
            .or(&[E::Unauthorized, E::TokenExpired, E::TokenInvalid, E::Forbidden]),
        Endpoint::Logout => answers("End a session", 200, "Logged out", Value::Null)
            .may_take(partial(
                &[],
                &[("refreshToken", json!({ "description": "A token; anything else is passed over" }))],
            ))
            .sets_cookies()
            .or(&[E::Forbidden]),
        Endpoint::LogoutAll => {
            answers("End every session of the user", 200, "Logged out from all sessions", Value::Null).sets_cookies()
        }
        Endpoint::Me => answers("The user", 200, "OK", reference("User")).or(&[E::UserNotFound]),
        Endpoint::ListSessions => {
            let sessions = ("sessions", list(reference("Session"), 0));
            let next = ("nextCursor", one_of_types(&["string", "null"]));
            let summary = "The live sessions of the user, newest first; in pages when a parameter asks for them";
            Description { query: paging(), ..answers(summary, 200, "OK", partial(&[sessions], &[next])) }
                .or(&[E::ValidationError])
        }
        Endpoint::RevokeSession => {
            answers("End one session of the user", 200, "Session revoked", Value::Null).or(&[E::SessionNotFound])
        }
        Endpoint::CreateIdentifiers => {
            answers("Add identifiers, all or none", 201, "Identifiers created", identifiers("Identifier"))
                .takes(identifiers("NewIdentifier"))
                .or(&[E::IdentifierAlreadyExists, E::UserNotFound, E::RateLimitExceeded])
        }
        Endpoint::UpdateIdentifiers => {
            answers("Change identifiers, all or none", 200, "Identifiers updated", identifiers("Identifier"))
                .takes(identifiers("IdentifierChange"))
                .or(&[E::IdentifierNotFound, E::IdentifierAlreadyExists, E::UserNotFound, E::RateLimitExceeded])
        }
        Endpoint::DeleteIdentifiers => {
            answers("Delete identifiers, all or none; one must stay", 200, "Identifiers deleted", Value::Null)
                .takes(object(&[("ids", list(text(), 1))]))
                .or(&[E::IdentifierNotFound, E::UserNotFound])
        }
        Endpoint::ChangePassword => {
            answers("Change the password; every session ends", 200, "Password changed", Value::Null)
                .takes(object(&[("currentPassword", text()), ("newPassword", text())]))
                .sets_cookies()
                .or(&[E::InvalidCredentials, E::UserNotFound, E::RateLimitExceeded])
        }
        Endpoint::ListUsers => {
            let next = ("nextCursor", one_of_types(&["string", "null"]));
            let page = object(&[("users", list(reference("User"), 0)), next]);
            let mut query = paging();
            query.push(("identifier", text(), "Only the owner of this identifier"));
            Description { query, ..answers("Users, oldest first, in pages", 200, "OK", page) }.or(&[E::ValidationError])
        }
        Endpoint::GetUser => answers("A user", 200, "OK", reference("User")).or(&[E::UserNotFound]),
        Endpoint::DeleteUser => {
            answers("Delete a user with all sessions and identifiers", 200, "User deleted", Value::Null)
                .or(&[E::UserNotFound])
        }
        Endpoint::AssignRoles => answers("Replace the roles of a user", 200, "Roles assigned", roles())
            .takes(object(&[("roles", list(text(), 0))]))
            .or(&[E::InvalidRole, E::UserNotFound]),
        Endpoint::SetPassword => {
            answers("Set the password of a user; every session ends", 200, "Password changed", Value::Null)
                .takes(object(&[("newPassword", text())]))
                .or(&[E::UserNotFound])
        }
        Endpoint::SetIdentifiers => {
            answers("Change identifiers of a user, all or none", 200, "Identifiers updated", identifiers("Identifier"))
                .takes(identifiers("IdentifierChange"))
                .or(&[E::IdentifierNotFound, E::IdentifierAlreadyExists, E::UserNotFound])
        }
        Endpoint::Keys => answers("The public keys (RFC 7517)", 200, "", reference("JwkSet")),
    }
}

fn operation(route: &Route, parameters: &[&str]) -> Value {
    let description = describe(route.endpoint);
    let mut id = format!("{:?}", route.endpoint);
    id[..1].make_ascii_lowercase();
    let path = parameters.iter().map(|name| json!({ "name": name, "in": "path", "required": true, "schema": text() }));
    let query = description.query.iter().map(
        |(name, schema, meaning)| json!({ "name": name, "in": "query", "description": meaning, "schema": schema }),
    );
    let mut operation = json!({ "operationId": id, "summary": description.summary, "security": security(route) });
    let parameters: Vec<Value> = path.chain(query).collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some((schema, required)) = &description.body {
        operation["requestBody"] =
            json!({ "required": required, "content": { "application/json": { "schema": schema } } });
    }
    operation["responses"] = responses(route, description);
    operation
}

/// The parameters of a list in pages.
fn paging() -> Vec<(&'static str, Value, &'static str)> {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 50 });
    vec![("limit", limit, "How many at most"), ("cursor", text(), "`nextCursor` of the page before")]
}

/// The credentials that it takes, as alternatives; `{}` is anybody.
fn security(route: &Route) -> Value {
    match (route.access, route.endpoint) {
        (Access::Public, Endpoint::Register) => json!([{}, { "apiKey": [] }]),
        (Access::Public, Endpoint::Refresh | Endpoint::Logout) => json!([{ "refreshCookie": [] }, {}]),
        (Access::Public, _) => json!([]),
        (Access::User, _) => json!([{ "accessToken": [] }]),
        (Access::Admin, _) => json!([{ "accessToken": [] }, { "apiKey": [] }]),
    }
}

fn responses(route: &Route, description: Description) -> Value {
    use ErrorCode as E;
    let Description { body, status, message, data, sets_cookies, errors, .. } = description;
    let (schema, what) = match route.endpoint {
        Endpoint::Keys => (data, "The key set"),
        _ => (schema::success(status, message, data), message),
    };
    let mut success = json!({ "description": what, "content": { "application/json": { "schema": schema } } });
    if sets_cookies {
        success["headers"] = json!({ "Set-Cookie": { "schema": text() } });
    }
    let mut all = Map::from_iter([(status.to_string(), success)]);
    let mut codes = errors;
    match route.access {
        Access::Public => {}
        Access::User | Access::Admin => codes.extend([E::Unauthorized, E::TokenExpired, E::TokenInvalid, E::Forbidden]),
    }
    if route.access == Access::Admin {
        // Guesses at the API key have a limit.
        codes.push(E::RateLimitExceeded);
    }
    if body.is_some() && route.endpoint != Endpoint::Logout {
        codes.push(E::ValidationError);
        let mut encoded = schema::refusal(415);
        schema::add_code(&mut encoded, E::ValidationError.as_str());
        all.insert("415".to_owned(), encoded);
    }
    codes.extend([E::ServiceUnavailable, E::InternalError]);
    for code in ErrorCode::ALL.into_iter().filter(|code| codes.contains(code)) {
        let response = all.entry(code.status().to_string()).or_insert_with(|| schema::refusal(code.status()));
        schema::add_code(response, code.as_str());
    }
    if route.endpoint == Endpoint::Keys {
        let mut symmetric = schema::refusal(404);
        schema::add_code(&mut symmetric, "NOT_FOUND");
        all.insert("404".to_owned(), symmetric);
    }
    Value::Object(all)
}
