//! Expectations: JSON in which strings may stand for kinds of values and remember what they met.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sentri_core::factor::{base32, recovery, totp};
use serde_json::{Map, Value};

/// The values that a conversation has learned, by `${name}`, and its clock's time in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Variables(HashMap<String, String>, pub i64);

impl Variables {
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// `text` with every `${name}` and `${name|filter}` replaced.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some(start) = rest.find("${") {
            let end = rest[start..].find('}').ok_or_else(|| format!("{text}: ${{ without }}"))? + start;
            let mut parts = rest[start + 2..end].split('|');
            let name = parts.next().unwrap_or_default();
            let value = self.0.get(name).ok_or_else(|| format!("nothing was remembered as {name}"))?;
            filled += &rest[..start];
            filled += &parts.try_fold(value.clone(), |value, filter| filtered(&value, filter, self.1))?;
            rest = &rest[end + 1..];
        }
        Ok(filled + rest)
    }

    /// The same in every string and member name of a JSON value.
    pub fn fill_value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill_value(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(map) => {
                let mut filled = Map::new();
                for (name, value) in map {
                    filled.insert(name.clone(), self.fill_value(value)?);
                }
                Value::Object(filled)
            }
            other => other.clone(),
        })
    }

    /// Whether `actual` is what `expected` says; says where it is not. Remembers what `$kind:name` meets.
    pub fn check(&mut self, expected: &Value, actual: &Value, path: &str) -> Result<(), String> {
        let differs = || Err(format!("{path}: expected {expected}, got {actual}"));
        match (expected, actual) {
            (Value::String(pattern), _) if pattern.starts_with('$') && !pattern.starts_with("${") => {
                self.check_kind(pattern, actual, path)
            }
            (Value::String(text), Value::String(found)) => {
                if self.fill(text)? == *found {
                    Ok(())
                } else {
                    differs()
                }
            }
            (Value::Array(wanted), Value::Array(found)) => {
                if wanted.len() != found.len() {
                    return differs();
                }
                let pairs = wanted.iter().zip(found).enumerate();
                pairs
                    .into_iter()
                    .try_for_each(|(i, (wanted, found))| self.check(wanted, found, &format!("{path}[{i}]")))
            }
            (Value::Object(wanted), Value::Object(found)) => {
                let mut names: Vec<&String> = wanted.keys().filter(|name| *name != "...").collect();
                let mut members: Vec<&String> = found.keys().collect();
                let loose = wanted.get("...");
                if loose == Some(&Value::from("any order")) {
                    names.sort_unstable();
                    members.sort_unstable();
                }
                if loose != Some(&Value::Bool(true)) && names != members {
                    return Err(format!("{path}: expected the members {names:?} in this order, got {actual}"));
                }
                for name in names {
                    let absent = Value::String("(absent)".to_owned());
                    self.check(&wanted[name], found.get(name).unwrap_or(&absent), &format!("{path}.{name}"))?;
                }
                Ok(())
            }
            _ if expected == actual => Ok(()),
            _ => differs(),
        }
    }

    fn check_kind(&mut self, pattern: &str, actual: &Value, path: &str) -> Result<(), String> {
        let text = actual.as_str();
        if let Some(glob) = pattern.strip_prefix("$like:") {
            let glob = self.fill(glob)?;
            let fits = text.is_some_and(|text| is_like(&glob, text));
            return if fits { Ok(()) } else { Err(format!("{path}: expected something like {glob}, got {actual}")) };
        }
        let (kind, name) = pattern.split_once(':').map_or((pattern, None), |(kind, name)| (kind, Some(name)));
        let fits = match kind {
            "$any" => text != Some("(absent)"),
            "$text" => text.is_some_and(|text| !text.is_empty() && text != "(absent)"),
            "$uuid" => text.is_some_and(is_uuid_v7),
            "$jwt" => text.is_some_and(is_jwt),
            "$instant" => text.is_some_and(is_instant),
            "$code" => text.is_some_and(|text| text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit())),
            "$secret" => text.is_some_and(is_secret),
            "$base32" => text.is_some_and(|text| text.len() == 32 && base32::decode(text).is_some()),
            "$recovery" => text.is_some_and(|text| text.len() == 27 && recovery::normalize_code(text).is_some()),
            "$count" => actual.as_u64().is_some(),
            _ => return Err(format!("{path}: {kind} is no kind")),
        };
        if !fits {
            return Err(format!("{path}: expected {kind}, got {actual}"));
        }
        if let Some(name) = name {
            self.set(name, text.map_or_else(|| actual.to_string(), str::to_owned));
        }
        Ok(())
    }

    /// Checks the header and payload of a remembered token.
    pub fn check_token(&mut self, name: &str, expected: &Value) -> Result<(), String> {
        let token = self.0.get(name).ok_or_else(|| format!("nothing was remembered as {name}"))?.clone();
        let mut parts = token.split('.').map(|part| {
            let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|error| format!("{name}: {error}"))?;
            Ok::<Value, String>(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
        });
        for part in ["header", "payload"] {
            let actual = parts.next().unwrap_or(Ok(Value::Null))?;
            if let Some(expected) = expected.get(part) {
                self.check(expected, &actual, &format!("{name}.{part}"))?;
            }
        }
        Ok(())
    }
}

/// What an attacker makes of a token.
fn filtered(value: &str, filter: &str, now: i64) -> Result<String, String> {
    let parts = || -> Option<[&str; 3]> { value.split('.').collect::<Vec<_>>().try_into().ok() };
    let token = || parts().ok_or_else(|| format!("|{filter} needs a token"));
    match filter {
        // Another signature of the same length.
        "forged" => {
            let [header, payload, signature] = token()?;
            let first = if signature.starts_with('A') { 'B' } else { 'A' };
            Ok(format!("{header}.{payload}.{first}{}", &signature[1..]))
        }
        // RFC 7519, 6: an unsecured JWT.
        "unsigned" => {
            let [_, payload, _] = token()?;
            Ok(format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#)))
        }
        // A code as some people type it, and another one.
        "typed" => Ok(format!(" {}-{} ", &value[..3], &value[3..])),
        "wrong" => Ok(format!("{}{}", &value[..5], if value.ends_with('0') { '1' } else { '0' })),
        "upper" => Ok(value.to_uppercase()),
        "lower" => Ok(value.to_lowercase()),
        // The code of an authenticator app with this secret: now, or some steps before or after.
        _ if filter.starts_with("totp") => {
            let steps: i64 = filter[4..].parse().or_else(|_| if filter == "totp" { Ok(0) } else { Err(filter) })?;
            let secret = base32::decode(value).ok_or("|totp needs a secret")?;
            Ok(totp::code_at(&secret, totp::step_at(now) + steps))
        }
        _ => Err(format!("|{filter} is no filter")),
    }
}

/// Whether `text` is `glob`, in which `*` stands for one or more characters.
fn is_like(glob: &str, text: &str) -> bool {
    match glob.split_once('*') {
        None => glob == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices()
                .skip(1)
                .map(|(at, _)| at)
                .chain([rest.len()])
                .filter(|at| *at > 0)
                .any(|at| is_like(tail, &rest[at..]))
        }),
    }
}

fn is_uuid_v7(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            14 => c == '7',
            19 => "89ab".contains(c),
            _ => c.is_ascii_digit() || ('a'..='f').contains(&c),
        })
}

fn is_jwt(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)))
}

/// 32 bytes in base64url.
fn is_secret(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// `2026-01-01T00:00:00.000Z`
fn is_instant(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}
