//! Settings for display. Secrets are hidden, and a mark shows whether two values are the same.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::given::Setting;
use crate::config::table::OptionRow;
use crate::crypto;

const HIDDEN: &str = "***";

/// Returns `{name, value, from, hot, mark}` of each setting.
pub(super) fn settings(chosen: &[Setting]) -> Vec<Value> {
    let of = |Setting { row, value, from }: &Setting| {
        json!({
            "name": row.key(), "value": shown(row, value), "from": from.place(), "hot": row.hot,
            "mark": mark(value),
        })
    };
    chosen.iter().map(of).collect()
}

/// Returns a digest of the value under a random key of this process, so that it reveals nothing about a secret outside.
fn mark(value: &Value) -> String {
    static KEY: LazyLock<[u8; 32]> = LazyLock::new(crypto::make_random);
    crypto::to_base64url(&crypto::hmac_sha256(&*KEY, value.to_string().as_bytes()))
}

/// Returns a value for display. A secret is hidden completely, and of a URL its user, password and query.
fn shown(row: &OptionRow, value: &Value) -> Value {
    match value {
        Value::String(text) if matches!(row.name, "db" | "redisUrl") => json!(url(text)),
        Value::String(_) | Value::Array(_) if row.secret => json!(HIDDEN),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| member(name, value)).collect::<Map<_, _>>())
        }
        plain => plain.clone(),
    }
}

/// Returns a member of `db` for display. Members that are not known to be harmless are hidden.
fn member(name: &str, value: &Value) -> (String, Value) {
    let shown = match name {
        "type" | "host" | "port" | "database" | "user" | "max" | "schema" | "filename" => value.clone(),
        "connectionString" => value.as_str().map_or_else(|| json!(HIDDEN), |text| json!(url(text))),
        _ => json!(HIDDEN),
    };
    (name.to_owned(), shown)
}

/// Returns the part of a URL that may be printed. Any other text is hidden.
fn url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once(':') else { return HIDDEN.to_owned() };
    if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte)) {
        return HIDDEN.to_owned();
    }
    if scheme == "sqlite" || scheme == "file" {
        let (path, query) = rest.split_once('?').map_or((rest, ""), |(path, _)| (path, "?***"));
        return format!("{scheme}:{path}{query}");
    }
    let Some(rest) = rest.strip_prefix("//") else { return HIDDEN.to_owned() };
    // The question mark may be part of a password.
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    if query.contains('@') {
        return format!("{scheme}://{HIDDEN}");
    }
    let host = base.rsplit_once('@').map_or_else(|| base.to_owned(), |(_, host)| format!("{HIDDEN}@{host}"));
    format!("{scheme}://{host}{}", if query.is_empty() { "" } else { "?***" })
}
