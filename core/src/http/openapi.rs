//! Writes the endpoints as an OpenAPI 3.1 document.

use serde_json::{Map, Value, json};

use super::endpoint::ROUTES;
use super::endpoint::description::Description;
use super::endpoint::schema::{self, text};
use super::endpoint::value::{Access, Endpoint, Shows};
use crate::error::{ErrorCode, NOT_FOUND};

/// Returns the OpenAPI document. Its paths are relative to the mount point, which `servers` names.
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

/// Writes a pattern such as `/users/:userId` as `/users/{userId}`, and returns the names of its parameters too.
fn path_template(pattern: &str) -> (String, Vec<&str>) {
    let parameters: Vec<&str> = pattern.split('/').filter_map(|segment| segment.strip_prefix(':')).collect();
    let segments = pattern.split('/').map(|segment| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    });
    (segments.collect::<Vec<_>>().join("/"), parameters)
}

fn operation(endpoint: &Endpoint, parameters: &[&str]) -> Value {
    let description = (endpoint.describe)();
    let path = parameters.iter().map(|name| json!({ "name": name, "in": "path", "required": true, "schema": text() }));
    let query = description.query.iter().map(
        |(name, schema, meaning)| json!({ "name": name, "in": "query", "description": meaning, "schema": schema }),
    );
    let mut operation = json!({ "operationId": endpoint.name, "summary": description.summary,
        "security": security(endpoint, &description) });
    let parameters: Vec<Value> = path.chain(query).collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some((schema, required)) = &description.body {
        operation["requestBody"] =
            json!({ "required": required, "content": { "application/json": { "schema": schema } } });
    }
    operation["responses"] = responses(endpoint, description);
    operation
}

/// The credentials that an endpoint accepts, as alternatives. `{}` means no credential.
fn security(endpoint: &Endpoint, description: &Description) -> Value {
    match endpoint.access {
        Access::Public => description.credentials.clone(),
        Access::User => json!([{ "accessToken": [] }]),
        Access::Admin => json!([{ "accessToken": [] }, { "apiKey": [] }]),
    }
}

fn responses(endpoint: &Endpoint, description: Description) -> Value {
    use ErrorCode as E;
    let Description { body, checks_body, status, message, data, accepted, is_bare, may_be_missing, errors, .. } =
        description;
    let schema = if is_bare { data } else { schema::success(status, message, data) };
    let mut success = json!({ "description": message, "content": { "application/json": { "schema": schema } } });
    if endpoint.shows == Shows::Tokens {
        success["headers"] = json!({ "Set-Cookie": { "schema": text() } });
    }
    let mut all = Map::from_iter([(status.to_string(), success)]);
    if let Some((message, data)) = accepted {
        let schema = schema::success(202, message, data);
        let accepted = json!({ "description": message, "content": { "application/json": { "schema": schema } } });
        all.insert("202".to_owned(), accepted);
    }
    let mut codes = errors;
    match endpoint.access {
        Access::Public => {}
        Access::User | Access::Admin => codes.extend([E::Unauthorized, E::TokenExpired, E::TokenInvalid, E::Forbidden]),
    }
    if endpoint.access == Access::Admin {
        // Wrong API keys are limited, and the admin role may be withheld until a second factor is presented.
        codes.extend([E::RateLimitExceeded, E::StepUpRequired]);
    }
    if body.is_some() && checks_body {
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
    if may_be_missing {
        let mut missing = schema::refusal(404);
        schema::add_code(&mut missing, NOT_FOUND);
        all.insert("404".to_owned(), missing);
    }
    Value::Object(all)
}
