//! Writes a message of `sentri serve` as a mail or as the signed request of a webhook. The command sends it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::delivery::webhook_key;
use super::sentences::{self, Sentences, UNKNOWN};
use crate::clock::to_iso;
use crate::crypto::hmac_sha256;
use crate::identifier::{is_mailbox, mailbox};
use crate::message::MessageKind;
use crate::wire;

/// Composes a message from `{ways, message, now}`: the member `messages` of the settled options, the message as `send`
/// gets it, and the time in milliseconds. Returns `{smtp: {from, to, subject, text, messageId}}`,
/// `{webhook: {url, headers, body}}` or `{error}`. Messages to e-mail addresses go to the mail server, if there is one;
/// all others go to the webhook.
pub fn compose(input: &Value) -> Value {
    let (ways, message) = (&input["ways"], &input["message"]);
    let now = input["now"].as_i64().unwrap_or_default();
    let composed = match (ways.get("smtp"), ways.get("webhook")) {
        (Some(smtp), _) if message["channel"] == "email" => mail(smtp, message),
        (_, Some(hook)) => webhook(hook, message, now),
        _ => Err(format!("nothing sends to {}: set messagesWebhook", text(message, "channel"))),
    };
    composed.unwrap_or_else(|why| json!({ "error": why }))
}

/// Composes a message as [`compose`] does, from and to JSON text, for bindings.
pub fn compose_text(input: &str) -> String {
    compose(&wire::parse(input)).to_string()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn mail(smtp: &Value, message: &Value) -> Result<Value, String> {
    let to = mailbox(text(message, "to")).filter(|to| is_mailbox(to));
    let to = to.ok_or("the identifier is no address that mail can go to")?;
    let from = &smtp["from"];
    let domain = text(from, "address").rsplit('@').next().unwrap_or_default();
    let (subject, body) = words(message);
    Ok(json!({ "smtp": {
        "from": from, "to": to, "subject": subject, "text": body,
        "messageId": format!("<{}@{domain}>", text(message, "id")),
    } }))
}

/// Returns subject and text of a mail. Apart from the link, the code and the instant, all of it is fixed text.
fn words(message: &Value) -> (&'static str, String) {
    let kind = MessageKind::ALL.iter().find(|kind| kind.as_str() == message["kind"]);
    let Sentences { subject, first, last } = *kind.map_or(&UNKNOWN, |kind| sentences::of(*kind));
    let mut parts = vec![first.to_owned()];
    if let Some(url) = message["url"].as_str() {
        let is_login = kind == Some(&MessageKind::LoginCode);
        let page = if is_login { "Open this page in the browser in which you sign in:" } else { "Open this page:" };
        parts.push(format!("{page}\n{url}"));
    }
    if let Some(code) = message["code"].as_str() {
        parts.push(format!("Your code is {code}. It counts for ten minutes. Tell it to nobody."));
    }
    if let (Some(_), Some(at)) = (message["url"].as_str(), message["expiresAt"].as_str()) {
        let (day, time) = at.split_once('T').unwrap_or((at, ""));
        parts.push(format!("The page counts until {day} {} UTC.", time.get(..5).unwrap_or_default()));
    }
    if !last.is_empty() {
        parts.push(last.to_owned());
    }
    (subject, parts.join("\n\n") + "\n")
}

/// Makes a POST request by Standard Webhooks. The id stays the same when the message is sent again, so that the
/// receiver can recognize it.
fn webhook(hook: &Value, message: &Value, now: i64) -> Result<Value, String> {
    let key = webhook_key(text(hook, "secret")).ok_or("messagesWebhookSecret is no key")?;
    let (id, seconds) = (text(message, "id"), now.div_euclid(1_000));
    let kind = format!("message.{}", text(message, "kind"));
    let body = json!({ "type": kind, "timestamp": to_iso(now), "data": message }).to_string();
    let signature = STANDARD.encode(hmac_sha256(&key, format!("{id}.{seconds}.{body}").as_bytes()));
    let headers = json!([
        ["content-type", "application/json"],
        ["webhook-id", id],
        ["webhook-timestamp", seconds.to_string()],
        ["webhook-signature", format!("v1,{signature}")],
    ]);
    Ok(json!({ "webhook": { "url": hook["url"], "headers": headers, "body": body } }))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::json;

    use super::compose;

    /// The example in the tests of the reference implementation (standard-webhooks, `test_sign`).
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let key = super::webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        let signature = super::STANDARD.encode(super::hmac_sha256(&key, signed));
        assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn mail_goes_to_one_address_alone() {
        let from = json!({ "name": "", "address": "no-reply@example.com" });
        let ways = json!({ "smtp": { "from": from } });
        let of = |to: &str| {
            compose(&json!({ "ways": ways, "message": { "id": "1", "kind": "verify", "channel": "email", "to": to } }))
        };
        for (typed, to) in [
            ("a@example.com", "a@example.com"),
            ("Anna.Å@Example.COM", "Anna.Å@example.com"),
            // Not fass.de, which has another owner.
            ("u@faß.de", "u@xn--fa-hia.de"),
            ("u@FAẞ.de", "u@xn--fa-hia.de"),
            ("u@βόλος.com", "u@xn--nxasmm1c.com"),
            ("u@xn--fa-hia.de", "u@xn--fa-hia.de"),
            (" a@example.com\u{3000}", "a@example.com"),
            ("ａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "a@example.com"),
            ("a@example。com", "a@example.com"),
            ("a@ශ්\u{200D}ර\u{0DD3}.com", "a@xn--10cl1a0b660p.com"),
        ] {
            assert_eq!(of(typed)["smtp"]["to"], to, "{typed}");
        }
        for to in [
            "a@example.com, eve@evil.com",
            "a@example.com，eve@evil.com",
            "a@x.com\r\nBcc: e@e.com",
            "a\r\n@x.com",
            "a@x.com\n",
            "a@x.com\u{2028}",
            "<a@x.com>",
            "＜a@x.com＞",
            "a",
            "",
            "a b@x.com",
            "a@b@c.com",
            "a@b.com＠c.com",
            "a\u{200D}@x.com",
            "a@x\u{200D}y.com",
            "a@x\u{00}.com",
            "a@[127.0.0.1]",
        ] {
            assert!(of(to)["error"].is_string(), "{to}");
        }
        let phone = compose(&json!({ "ways": ways, "message": { "channel": "phone", "to": "+491" } }));
        assert_eq!(phone["error"], "nothing sends to phone: set messagesWebhook");
    }
}
