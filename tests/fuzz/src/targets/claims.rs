//! Hostile claims, signed: a digit for the rules, a line with the header, and the payload. The verdict is that of a model
//! which reads the JSON by itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sentri_core::clock::Millis;
use sentri_core::crypto::hmac_sha256;
use sentri_core::token::claims::ClaimRules;
use sentri_core::token::jws::MAX_TOKEN_BYTES;
use serde_json::{Value, json};

use super::keys::{NOW, RING, SECRET, rules, worded};
use crate::reading::Node;

/// The rules, the token, its header and its payload.
fn signed(data: &[u8]) -> Option<(ClaimRules, String, &[u8], &[u8])> {
    let (flags, rest) = data.split_first()?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (header, payload) = (&rest[..end], &rest[end + 1..]);
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(SECRET.as_bytes(), input.as_bytes()));
    Some((rules(&char::from(*flags).to_string()), format!("{input}.{signature}"), header, payload))
}

pub fn check(data: &[u8]) {
    let Some((rules, token, header, payload)) = signed(data) else { return };
    let found = RING.verify_access(&token, &rules, NOW);
    let fits = token.len() <= MAX_TOKEN_BYTES && !header.is_empty() && !payload.is_empty() && is_header(header);
    let expected = if fits { model(payload, &rules, NOW) } else { "TOKEN_INVALID".to_owned() };
    assert_eq!(worded(found.clone()), expected, "{:?}", String::from_utf8_lossy(data));
    let ignoring = RING.verify_access_ignoring_expiry(&token, &rules, NOW);
    assert_eq!(ignoring.is_ok(), expected != "TOKEN_INVALID");
    if let Ok(claims) = found {
        assert!(claims.withheld.iter().all(|role| !claims.roles.contains(role)));
        let again = RING.sign_access(&claims, NOW).unwrap();
        let only_subject = ClaimRules { leeway_seconds: rules.leeway_seconds, ..ClaimRules::default() };
        assert_eq!(RING.verify_access(&again, &only_subject, NOW), Ok(claims), "signed again: a fixed point");
    }
}

pub fn verdict(data: &[u8]) -> Option<String> {
    let (rules, token, ..) = signed(data)?;
    Some(worded(RING.verify_access(&token, &rules, NOW)))
}

/// The members that may stand there, each once, for a key without a name.
fn is_header(header: &[u8]) -> bool {
    let Some(node @ Node::Members(members)) = &Node::read(header) else { return false };
    let text = |name: &str| node.get(name).map(|value| value.text());
    let named_key = RING.signing_kid(NOW);
    !node.repeats()
        && members.iter().all(|(name, _)| ["alg", "typ", "kid"].contains(&name.as_str()))
        && text("alg") == Some(Some("HS256"))
        && text("typ").is_none_or(|typ| typ.is_some_and(|typ| typ.to_lowercase() == "jwt"))
        && text("kid").is_none_or(|kid| kid.is_some() && kid == named_key)
}

/// The verdict on a payload that a key has signed, as [`worded`] has it.
pub fn model(payload: &[u8], rules: &ClaimRules, now: Millis) -> String {
    match judge(payload, rules, now) {
        None => "TOKEN_INVALID".to_owned(),
        Some((_, true)) => "TOKEN_EXPIRED".to_owned(),
        Some((claims, false)) => claims.to_string(),
    }
}

/// A member: not there, there and right, or `None` for one that nobody should sign.
fn optional<T>(node: &Node, name: &str, read: impl Fn(&Node) -> Option<T>) -> Option<Option<T>> {
    node.get(name).map_or(Some(None), |value| read(value).map(Some))
}

fn date(node: &Node) -> Option<i64> {
    let Node::Plain(Value::Number(number)) = node else { return None };
    number.as_i64().filter(|seconds| (0..=253_402_300_799).contains(seconds))
}

fn judge(payload: &[u8], rules: &ClaimRules, now: Millis) -> Option<(Value, bool)> {
    let node = Node::read(payload)?;
    let Node::Members(members) = &node else { return None };
    if node.repeats() || members.len() > 64 {
        return None;
    }
    let text = |node: &Node| node.text().map(str::to_owned);
    let filled = |node: &Node| text(node).filter(|text| !text.is_empty());
    let audiences = |node: &Node| text(node).map(|one| vec![one]).or_else(|| node.texts());
    let (id, roles) = (filled(node.get("id")?)?, node.get("roles")?.texts()?);
    let session = optional(&node, "sessionId", filled)?;
    let (exp, iat, nbf) = (date(node.get("exp")?)?, optional(&node, "iat", date)?, optional(&node, "nbf", date)?);
    let (issuer, audience) = (optional(&node, "iss", text)?, optional(&node, "aud", audiences)?.unwrap_or_default());
    let seconds = i128::from(now) / 1000;
    let leeway = i128::from(rules.leeway_seconds);
    let begins = [nbf.map(i128::from), iat.map(|iat| i128::from(iat) - 86_400)];
    if begins.into_iter().flatten().any(|begin| begin - leeway > seconds) {
        return None;
    }
    if rules.issuer.is_some() && issuer != rules.issuer {
        return None;
    }
    if rules.audience.as_ref().is_some_and(|wanted| !audience.contains(wanted)) {
        return None;
    }
    let claims = json!({ "id": id, "roles": roles, "sessionId": session, "exp": exp });
    Some((claims, i128::from(exp) + leeway <= seconds))
}
