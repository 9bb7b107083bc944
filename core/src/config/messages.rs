//! The options `messages` and `verification`.

use serde_json::Value;

use super::reader::Reader;
use super::time::{HOUR, MINUTE};
use crate::clock::{self, Millis};
use crate::error::Error;
use crate::limit::Budget;

/// The rules of messages to users.
#[derive(Debug, Clone, Default)]
pub struct MessageRules {
    /// The application's page for a new password.
    pub reset_link: Option<PageLink>,
    /// The application's page for the proof of an address.
    pub verify_link: Option<PageLink>,
    /// The language of messages, as the host's templates name it.
    pub locale: Option<String>,
    /// The application's page for invited users.
    pub invite_link: Option<PageLink>,
    /// The application's page where the code of a login is typed.
    pub login_link: Option<PageLink>,
    /// The types of identifiers that users verify. `None`: the option `verification` is off.
    pub verified_types: Option<Vec<String>>,
    /// Whether users must have verified an address; `None`: they need not.
    pub required: Option<Required>,
    /// The limits on messages.
    pub limits: MessageLimits,
    /// Whether an address without an account gets a message when a client asks for a new password or a login code
    /// (`messages.unknownAccount`).
    pub unknown_account: bool,
    /// Whether users get a message about logins by devices that are not known (`messages.newSignIn`).
    pub new_sign_in: bool,
}

/// The option `verification.required`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Required {
    /// Users created before this instant are exempt; `None`: no user is.
    pub since: Option<Millis>,
}

impl Required {
    /// Whether a user who was made at `created_at` must have a verified address.
    #[must_use]
    pub fn is_for(self, created_at: Millis) -> bool {
        self.since.is_none_or(|since| created_at >= since)
    }
}

/// The option `rateLimit.messages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// Messages about one subject in a minute.
    pub minute: Budget,
    /// Messages about one subject in an hour.
    pub hour: Budget,
    /// Messages that a client address may ask for in an hour.
    pub address: Budget,
}

impl MessageLimits {
    const fn new(minute: u32, hour: u32, address: u32) -> Self {
        Self {
            minute: Budget { limit: minute, window: MINUTE },
            hour: Budget { limit: hour, window: HOUR },
            address: Budget { limit: address, window: HOUR },
        }
    }

    /// Reads `{perMinute, perHour, perAddress}`.
    fn read(option: Option<&Value>) -> Result<Self, Error> {
        let empty = Value::Object(serde_json::Map::new());
        let mut read = Reader::new("rateLimit.messages", option.unwrap_or(&empty))?;
        let limits = Self::new(
            read.integer("perMinute", 1, 1..=MOST_MESSAGES)?,
            read.integer("perHour", 5, 1..=MOST_MESSAGES)?,
            read.integer("perAddress", 20, 1..=MOST_MESSAGES)?,
        );
        read.finish()?;
        Ok(limits)
    }
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self::new(1, 5, 20)
    }
}

/// The address of a page of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageLink(String);

impl PageLink {
    /// Returns the address with a further query parameter, whose value is a token or a code.
    #[must_use]
    pub fn with(&self, name: &str, secret: &str) -> String {
        let (address, fragment) = match self.0.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (self.0.as_str(), None),
        };
        let glue = if address.contains('?') { '&' } else { '?' };
        let fragment = fragment.map_or_else(String::new, |fragment| format!("#{fragment}"));
        // A token is base64url and a code has digits, so nothing in it has to be encoded.
        format!("{address}{glue}{name}={secret}{fragment}")
    }
}

/// Types to which a message can go.
const ADDRESSES: [&str; 2] = ["email", "phone"];

/// The largest limit of messages.
const MOST_MESSAGES: u32 = 100_000;

/// Reads `messages`, and with it `verification` and `rateLimit.messages`.
pub(super) fn messages(read: &mut Reader<'_>, production: bool) -> Result<Option<MessageRules>, Error> {
    let verification = read.value("verification");
    let limits = read.value("rateLimit").and_then(|limits| limits.get("messages")).filter(|limits| !limits.is_null());
    let limits = MessageLimits::read(limits)?;
    let rules = match read.value("messages") {
        None => None,
        Some(Value::String(word)) if word == "console" && production => {
            return Err(read.error(
                "messages",
                "must not be 'console' in production, where logs are kept: give { send(message) { .. } }",
            ));
        }
        Some(Value::String(word)) if word == "console" => Some(MessageRules::default()),
        Some(object @ Value::Object(_)) => Some(read_messages(object, production)?),
        Some(_) => return Err(read.error("messages", "must be { send(message) { .. }, links? }, or 'console'")),
    };
    match (rules, verification) {
        (rules, None) => Ok(rules.map(|rules| MessageRules { limits, ..rules })),
        (None, Some(_)) => Err(read.error("verification", "needs messages: without it no code reaches anybody")),
        (Some(rules), Some(object)) => {
            let mut read = Reader::new("verification", object)?;
            let types = read.strings("types", false)?.unwrap_or_else(|| ADDRESSES.map(str::to_owned).to_vec());
            if types.is_empty() || types.iter().any(|kind| !ADDRESSES.contains(&kind.as_str())) {
                return Err(read.error("types", "must be a list of 'email' and 'phone', or of one of them"));
            }
            let required = required(&mut read)?;
            read.finish()?;
            Ok(Some(MessageRules { verified_types: Some(types), required, limits, ..rules }))
        }
    }
}

/// Returns a warning if addresses must be verified and codes alone verify them, since any client can use up an
/// address's attempts by wrong codes.
pub(super) fn warning(rules: Option<&MessageRules>) -> Option<String> {
    const WORDS: &str = "verification.required without messages.links.verify: whoever registers an address that is \
                         not theirs and sends wrong codes keeps it from being registered for a day; give the link, \
                         which counts whatever codes were sent";
    let is_open = rules.is_some_and(|rules| rules.required.is_some() && rules.verify_link.is_none());
    is_open.then(|| WORDS.to_owned())
}

/// Refuses `messages.newSignIn` without `knownDevices`.
pub(super) fn check_sign_in(rules: Option<&MessageRules>, knows_devices: bool) -> Result<(), Error> {
    if rules.is_some_and(|rules| rules.new_sign_in) && !knows_devices {
        return Err(Error::configuration(
            "messages.newSignIn needs knownDevices: true: without it no device is known, and each login would be told",
        ));
    }
    Ok(())
}

/// Reads `loginCode`, which needs `messages`.
pub(super) fn login_code(read: &mut Reader<'_>, rules: Option<&MessageRules>) -> Result<bool, Error> {
    let is_on = read.boolean("loginCode", false)?;
    if is_on && rules.is_none() {
        return Err(read.error("loginCode", "needs messages: without it no code reaches anybody"));
    }
    Ok(is_on)
}

/// Reads `verification.required`, a boolean or `{since}`.
fn required(read: &mut Reader<'_>) -> Result<Option<Required>, Error> {
    let object = match read.value("required") {
        None | Some(Value::Bool(false)) => return Ok(None),
        Some(Value::Bool(true)) => return Ok(Some(Required { since: None })),
        Some(object @ Value::Object(_)) => object,
        Some(_) => return Err(read.error("required", "must be true, false, or { since: '2026-11-29T00:00:00Z' }")),
    };
    let mut read = Reader::new("verification.required", object)?;
    let Some(text) = read.text("since")? else {
        return Err(read.error("since", "is missing: an instant, or required: true for all users"));
    };
    // A number is refused, since one reader would take it for milliseconds and another for a year.
    let since = clock::from_iso(text).filter(|_| text.contains(['T', ' ']));
    let since = since.ok_or_else(|| read.error("since", "must be an instant as in '2026-11-29T00:00:00Z'"))?;
    read.finish()?;
    Ok(Some(Required { since: Some(since) }))
}

fn read_messages(object: &Value, production: bool) -> Result<MessageRules, Error> {
    let mut read = Reader::new("messages", object)?;
    if !read.function("send")? {
        return Err(read.error("send", "is missing: a function that sends a message, or messages: 'console'"));
    }
    let mut rules = MessageRules {
        locale: read.text("locale")?.map(str::to_owned),
        unknown_account: read.boolean("unknownAccount", false)?,
        new_sign_in: read.boolean("newSignIn", false)?,
        ..MessageRules::default()
    };
    if let Some(object) = read.value("links") {
        let mut read = Reader::new("messages.links", object)?;
        rules.reset_link = link(&mut read, "reset", production)?;
        rules.verify_link = link(&mut read, "verify", production)?;
        rules.invite_link = link(&mut read, "invite", production)?;
        rules.login_link = link(&mut read, "login", production)?;
        read.finish()?;
    }
    read.finish()?;
    Ok(rules)
}

/// Reads an absolute https address. Without `production`, http on this machine is accepted too.
fn link(read: &mut Reader<'_>, name: &'static str, production: bool) -> Result<Option<PageLink>, Error> {
    let Some(text) = read.text(name)? else { return Ok(None) };
    let rest = text.strip_prefix("https://").or_else(|| {
        let local = text.strip_prefix("http://").filter(|_| !production)?;
        let host = local.split(['/', '?', '#', ':']).next()?;
        matches!(host, "localhost" | "127.0.0.1").then_some(local)
    });
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'<' | b'>' | b'"'));
    if host.is_empty() || host.contains('@') || !is_plain {
        return Err(
            read.error(name, "must be an absolute https URL of your page, as in 'https://app.example.com/reset'")
        );
    }
    Ok(Some(PageLink(text.to_owned())))
}
