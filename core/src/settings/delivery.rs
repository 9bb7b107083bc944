//! The transports of the messages of `sentri serve`. From the settings it makes the option `messages` of the server,
//! and the parts by which the command connects to a mail server or a webhook.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::given::{Given, Mistake, Setting};
use crate::config::reader::FUNCTION;
use crate::identifier::is_mailbox;
use crate::url::{percent_decode, split_query};

/// The allowed lengths of the key of a webhook (Standard Webhooks, "Signature scheme").
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Replaces the settings of messages in `options` and `serve` by the options that follow from them.
pub(super) fn complete(
    options: &mut Value,
    serve: &mut Value,
    chosen: &[Setting],
    given: &Given<'_>,
    warnings: &mut Vec<String>,
    errors: &mut Vec<Mistake>,
) {
    let mut refuse = |name: &str, why: String| {
        let place = chosen.iter().find(|one| one.row.name == name).map_or_else(String::new, |one| {
            if one.from.is_default() { String::new() } else { format!("{}: ", one.from.place()) }
        });
        errors.push(Mistake { usage: false, message: format!("{place}{name} {why}") });
    };
    let public_url = take(serve, "publicUrl");
    let public_url = public_url.and_then(|text| match public_base(&text, given.production) {
        Some(base) => Some(base),
        None => {
            refuse("publicUrl", ADDRESS.to_owned());
            None
        }
    });
    if let Some(base) = &public_url {
        serve["publicUrl"] = json!(base);
    }
    let ways = ways(serve, given, warnings, &mut refuse);
    let Some(messages) = options.get_mut("messages").filter(|messages| messages.is_object()) else {
        if let Some(ways) = ways {
            options["messages"] = json!({ "send": FUNCTION });
            serve["messages"] = ways;
        }
        return;
    };
    for (name, link) in messages.get_mut("links").and_then(Value::as_object_mut).into_iter().flatten() {
        let Some(path) = link.as_str().filter(|link| link.starts_with('/') && !link.starts_with("//")) else {
            continue;
        };
        match &public_url {
            Some(base) => *link = json!(format!("{base}{path}")),
            None => refuse(
                &format!("messages.links.{name}"),
                "is a path: set publicUrl, under which it is, or write an absolute URL".to_owned(),
            ),
        }
    }
    match ways {
        Some(ways) => {
            messages["send"] = json!(FUNCTION);
            serve["messages"] = ways;
        }
        None => {
            let first = chosen.iter().find(|one| one.row.name.starts_with("messages.")).map(|one| one.row.name);
            let why = "is of no use without a way to send: set smtp or messagesWebhook, or messages to console";
            refuse(first.unwrap_or("messages"), why.to_owned());
        }
    }
}

const ADDRESS: &str = "must be an absolute https URL without a query, as in https://auth.example.com; while developing \
                       also http on this machine";

const SENDER: &str = "must be an address, as in no-reply@example.com or Example <no-reply@example.com>";
const RECEIVER: &str = "must be an https URL; http on this machine alone, since messages hold secrets";
const UNSIGNED: &str = "needs messagesWebhookSecret, by which the receiver knows that a message is yours";

/// Returns the ways by which messages are sent, `{console: true}` or `{smtp?, webhook?}`. `None`: there is no way.
fn ways(
    serve: &mut Value,
    given: &Given<'_>,
    warnings: &mut Vec<String>,
    refuse: &mut impl FnMut(&str, String),
) -> Option<Value> {
    let (smtp, from) = (take(serve, "smtp"), take(serve, "smtpFrom"));
    let (webhook, secret) = (take(serve, "messagesWebhook"), take(serve, "messagesWebhookSecret"));
    if take(serve, "messages").is_some() {
        let why = match () {
            () if given.production => "must not be console in production, where logs are kept: set smtp",
            () if smtp.is_some() || webhook.is_some() => "is console, so nothing is sent otherwise: leave one out",
            () => return Some(json!({ "console": true })),
        };
        refuse("messages", why.to_owned());
        return None;
    }
    let mut ways = json!({});
    match (smtp, from) {
        (Some(url), Some(from)) => match (smtp_parts(&url, given.production, warnings), sender(&from)) {
            (Ok(mut parts), Some(from)) => {
                parts["from"] = from;
                ways["smtp"] = parts;
            }
            (Err(why), _) => refuse("smtp", why),
            (_, None) => refuse("smtpFrom", SENDER.to_owned()),
        },
        (Some(_), None) => refuse("smtp", "needs smtpFrom, the address that mail comes from".to_owned()),
        (None, Some(_)) => refuse("smtpFrom", "is of no use without smtp".to_owned()),
        (None, None) => {}
    }
    match (webhook, secret) {
        (Some(url), Some(secret)) => match (is_webhook(&url), webhook_key(&secret)) {
            (true, Some(_)) => ways["webhook"] = json!({ "url": url, "secret": secret }),
            (false, _) => refuse("messagesWebhook", RECEIVER.to_owned()),
            (_, None) => refuse(
                "messagesWebhookSecret",
                format!(
                    "must be base64 of {} to {} bytes, with or without whsec_ before it: openssl rand -base64 32",
                    KEY_BYTES.start(),
                    KEY_BYTES.end()
                ),
            ),
        },
        (Some(_), None) => refuse("messagesWebhook", UNSIGNED.to_owned()),
        (None, Some(_)) => refuse("messagesWebhookSecret", "is of no use without messagesWebhook".to_owned()),
        (None, None) => {}
    }
    ways.as_object().is_some_and(|ways| !ways.is_empty()).then_some(ways)
}

fn take(serve: &mut Value, name: &str) -> Option<String> {
    serve.as_object_mut()?.shift_remove(name)?.as_str().map(str::to_owned)
}

/// Returns the address of the server without a slash at its end. `None`: the text is no valid address.
fn public_base(text: &str, production: bool) -> Option<String> {
    let base = text.strip_suffix('/').unwrap_or(text);
    let is_plain = !base.contains(['?', '#']) && is_url(base);
    let is_safe = base.starts_with("https://") || (!production && is_local(base));
    (is_plain && is_safe).then(|| base.to_owned())
}

fn is_webhook(url: &str) -> bool {
    is_url(url) && !url.contains('#') && (url.starts_with("https://") || is_local(url))
}

/// Whether a text is an absolute URL with a host and without a user.
fn is_url(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_graphic =
        url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'<' | b'>' | b'"' | b'\''));
    !host.is_empty() && !host.starts_with(':') && !host.contains('@') && is_graphic
}

fn is_local(url: &str) -> bool {
    let host = url.strip_prefix("http://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    host.is_some_and(|host| {
        is_loopback(
            host.rsplit_once(':').map_or(
                host,
                |(host, port)| {
                    if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { "" }
                },
            ),
        )
    })
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "::1")
}

/// Reads `smtp://user:password@host:587` or `smtps://..`, and returns `{host, port, tls, user?, password?}`. `tls` is
/// `implicit`, `required` (STARTTLS) or `off`.
fn smtp_parts(url: &str, production: bool, warnings: &mut Vec<String>) -> Result<Value, String> {
    const FORM: &str = "must be smtp://user:password@host:587, which asks for STARTTLS, or smtps://user:password@host";
    let (base, query) = split_query(url);
    let (tls, rest) = match (base.strip_prefix("smtps://"), base.strip_prefix("smtp://")) {
        (Some(rest), _) => ("implicit", rest),
        (_, Some(rest)) => ("required", rest),
        _ => return Err(FORM.to_owned()),
    };
    let (credentials, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
    let place = place.strip_suffix('/').unwrap_or(place);
    let default = if tls == "implicit" { 465 } else { 587 };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse::<u16>().map_err(|_| FORM.to_owned())?),
        _ => (place, default),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'_');
    if host.is_empty() || port == 0 || !host.bytes().all(is_host) {
        return Err(FORM.to_owned());
    }
    let tls = match query.as_slice() {
        [] if tls == "required" && is_loopback(host) => "off",
        [] => tls,
        [(name, value)] if name == "starttls" && value == "off" && tls == "required" => {
            if production && !is_loopback(host) {
                warnings.push(
                    "smtp has starttls=off: whoever is on the way to the mail server reads every code".to_owned(),
                );
            }
            "off"
        }
        _ => return Err("has a parameter that is not known: starttls=off of smtp:// is the only one".to_owned()),
    };
    let mut parts = json!({ "host": host, "port": port, "tls": tls });
    if let Some(credentials) = credentials {
        let (user, password) = credentials.split_once(':').ok_or(FORM)?;
        parts["user"] = percent_decode(user).into();
        parts["password"] = percent_decode(password).into();
    }
    Ok(parts)
}

/// Reads `Example <no-reply@example.com>` or the address alone, and returns `{name, address}`.
fn sender(text: &str) -> Option<Value> {
    let (name, address) = match text.trim().strip_suffix('>') {
        Some(rest) => rest.rsplit_once('<').map(|(name, address)| (name.trim().trim_matches('"'), address))?,
        None => ("", text.trim()),
    };
    let is_name = !name.chars().any(|c| c.is_control() || matches!(c, '<' | '>' | '"'));
    (is_name && is_mailbox(address)).then(|| json!({ "name": name, "address": address }))
}

/// Decodes the secret of a webhook to its key.
pub(super) fn webhook_key(secret: &str) -> Option<Vec<u8>> {
    let text = secret.strip_prefix("whsec_").unwrap_or(secret);
    STANDARD.decode(text).ok().filter(|key| KEY_BYTES.contains(&key.len()))
}
