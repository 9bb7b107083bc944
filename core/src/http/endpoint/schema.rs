//! Schemas of the OpenAPI document, in JSON Schema 2020-12 as OpenAPI 3.1 uses it.

use serde_json::{Value, json};

use crate::error::ErrorCode;

/// A string that is not empty.
pub(in crate::http) fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

/// A list of at least `least` items.
pub(in crate::http) fn list(item: Value, least: usize) -> Value {
    json!({ "type": "array", "items": item, "minItems": least })
}

/// A value of any of these types.
pub(in crate::http) fn one_of_types(types: &[&str]) -> Value {
    json!({ "type": types })
}

/// An object with these members, which may have others too.
pub(in crate::http) fn object(members: &[(&str, Value)]) -> Value {
    partial(members, &[])
}

/// An object with required and optional members.
pub(in crate::http) fn partial(required: &[(&str, Value)], optional: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = required.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> =
        required.iter().chain(optional).map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": names, "properties": properties })
}

/// A reference to a schema of [`components`].
pub(in crate::http) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The name and the expiry of a flow that was begun.
pub(in crate::http) fn asked() -> Value {
    let instant = json!({ "type": "string", "format": "date-time" });
    object(&[("flow", text()), ("expiresAt", instant)])
}

/// A success in the envelope.
pub(in crate::http) fn success(status: u16, message: &str, data: Value) -> Value {
    let data = if data.is_null() { json!({ "type": "null" }) } else { data };
    let mut envelope = object(&[
        ("error", json!({ "const": false })),
        ("statusCode", json!({ "const": status })),
        ("message", json!({ "const": message })),
        ("data", data),
    ]);
    envelope["additionalProperties"] = false.into();
    envelope
}

/// A response with an error status. [`add_code`] adds its codes.
pub(in crate::http) fn refusal(status: u16) -> Value {
    let headers = match status {
        401 => json!({ "WWW-Authenticate": { "schema": { "type": "string", "pattern": "^Bearer" } } }),
        429 | 503 => json!({ "Retry-After": { "description": "In seconds", "schema": { "type": "integer" } } }),
        _ => json!({}),
    };
    let properties = json!({ "statusCode": { "const": status }, "code": { "enum": [] } });
    let schema = json!({ "allOf": [reference("Error"), { "properties": properties }] });
    json!({ "description": "", "headers": headers, "content": { "application/json": { "schema": schema } } })
}

/// Adds a code to a [`refusal`].
pub(in crate::http) fn add_code(response: &mut Value, code: &str) {
    let before = response["description"].as_str().unwrap_or_default();
    let glue = if before.is_empty() { "" } else { ", " };
    response["description"] = format!("{before}{glue}{code}").into();
    let codes = &mut response["content"]["application/json"]["schema"]["allOf"][1]["properties"]["code"]["enum"];
    if let Some(codes) = codes.as_array_mut() {
        codes.push(code.into());
    }
}

/// The schemas that have names.
pub(in crate::http) fn components() -> Value {
    let instant = || json!({ "type": "string", "format": "date-time" });
    let or_null = || one_of_types(&["string", "null"]);
    let roles = || ("roles", list(text(), 0));
    let mut error = object(&[
        ("error", json!({ "const": true })),
        ("statusCode", json!({ "type": "integer", "minimum": 400, "maximum": 599 })),
        ("code", text()),
        ("message", text()),
        ("data", one_of_types(&["object", "null"])),
    ]);
    error["description"] = format!(
        "The envelope of every error; `data` is there with {} alone",
        ErrorCode::WITH_DATA.map(ErrorCode::as_str).join(", ")
    )
    .into();
    let mut change = partial(&[("value", text())], &[("id", text()), ("type", text())]);
    change["anyOf"] = json!([{ "required": ["id"] }, { "required": ["type"] }]);
    change["description"] = "By `id`; or by `type`, where the user has at most one of it".into();
    let pending = object(&[("type", text()), ("value", text()), ("flow", text()), ("expiresAt", instant())]);
    let key = object(&[("kty", text()), ("kid", text()), ("alg", text()), ("use", text())]);
    json!({
        "Error": error,
        "Identifier": partial(
            &[("id", text()), ("type", text()), ("value", text())],
            &[("verifiedAt", instant()), ("pending", pending)],
        ),
        "NewIdentifier": object(&[("type", text()), ("value", text())]),
        "IdentifierChange": change,
        "User": partial(
            &[("id", text()), roles(), ("identifiers", list(reference("Identifier"), 0))],
            &[("disabled", disabling())],
        ),
        "Session": object(&[
            ("id", text()),
            ("createdAt", instant()),
            ("lastUsedAt", instant()),
            ("expiresAt", instant()),
            ("ip", or_null()),
            ("userAgent", or_null()),
            ("current", one_of_types(&["boolean"])),
        ]),
        "Factor": object(&[
            ("id", text()),
            ("kind", text()),
            ("label", or_null()),
            ("createdAt", instant()),
            ("lastUsedAt", json!({ "type": ["string", "null"], "format": "date-time" })),
        ]),
        "Account": account(),
        "Tokens": partial(
            &[("accessToken", text()), ("user", object(&[("id", text()), roles()]))],
            &[("refreshToken", text())],
        ),
        "JwkSet": object(&[("keys", list(key, 1))]),
    })
}

/// The schema of a user's `disabled`: since when, until when and why the user is disabled.
fn disabling() -> Value {
    let instant = || json!({ "type": "string", "format": "date-time" });
    let mut disabling = partial(&[("at", instant())], &[("until", instant()), ("reason", text())]);
    disabling["description"] = "Of a user who is disabled, for admins".into();
    disabling
}

/// The schema of all that is stored about a user.
fn account() -> Value {
    let instant = || json!({ "type": "string", "format": "date-time" });
    let maybe = || json!({ "type": ["string", "null"], "format": "date-time" });
    let or_null = || one_of_types(&["string", "null"]);
    let user = partial(
        &[("id", text()), ("roles", list(text(), 0)), ("createdAt", instant()), ("updatedAt", maybe())],
        &[("disabled", disabling())],
    );
    let identifier = object(&[
        ("id", text()),
        ("type", text()),
        ("value", text()),
        ("createdAt", instant()),
        ("verifiedAt", maybe()),
    ]);
    let session = object(&[
        ("id", text()),
        ("createdAt", instant()),
        ("lastUsedAt", maybe()),
        ("expiresAt", instant()),
        ("endedAt", maybe()),
        ("ip", or_null()),
        ("userAgent", or_null()),
        ("methods", json!({ "type": ["array", "null"], "items": text() })),
        ("authenticatedAt", maybe()),
    ]);
    let factor = object(&[
        ("id", text()),
        ("kind", text()),
        ("label", or_null()),
        ("createdAt", instant()),
        ("confirmedAt", maybe()),
        ("lastUsedAt", maybe()),
    ]);
    let mut pending = object(&[("identifier", text()), ("type", text()), ("value", text())]);
    pending["type"] = json!(["object", "null"]);
    let flow = object(&[
        ("purpose", text()),
        ("createdAt", instant()),
        ("expiresAt", instant()),
        ("endedAt", maybe()),
        ("pending", pending),
    ]);
    object(&[
        ("user", user),
        ("identifiers", list(identifier, 0)),
        ("sessions", list(session, 0)),
        ("factors", list(factor, 0)),
        ("recoveryCodesLeft", one_of_types(&["integer"])),
        ("flows", list(flow, 0)),
    ])
}
