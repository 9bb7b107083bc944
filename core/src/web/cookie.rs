//! Cookies (RFC 6265bis), which are read strictly and written with attributes that fit together.

use serde_json::{Map, Value};

use crate::error::Error;

mod received;
mod twins;

pub use received::{CookieValues, MAX_VALUES, read, values};
pub use twins::place_of;

/// The longest `Set-Cookie` value that all browsers keep, in bytes (RFC 6265, 6.1).
pub const MAX_COOKIE_BYTES: usize = 4_096;

/// The other sites whose requests carry the cookie (RFC 6265bis, `SameSite`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// No other site.
    Strict,
    /// Other sites, by links that users follow.
    Lax,
    /// All other sites. It needs `Secure`.
    None,
}

impl SameSite {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

/// A cookie's name and attributes (`cookie` and `accessCookie` options), checked to fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieRules {
    /// The name with its prefix.
    pub name: String,
    /// The domain to which it is sent, with all subdomains. `None`: it is sent to this host alone.
    pub domain: Option<String>,
    /// The path at and below which it is sent.
    pub path: String,
    /// Whether it is sent over TLS alone.
    pub secure: bool,
    /// The other sites whose requests carry it.
    pub same_site: SameSite,
    /// Whether browsers keep it apart for each top-level site (CHIPS).
    pub partitioned: bool,
    /// Whether scripts can't read it.
    pub http_only: bool,
}

impl CookieRules {
    /// The members of the options `cookie` and `accessCookie`.
    pub const MEMBERS: &[&'static str] =
        &["name", "prefix", "domain", "path", "secure", "sameSite", "partitioned", "httpOnly"];

    /// Reads the `cookie` option, which is on by default with
    /// `{name: 'refresh_token', path: '/', sameSite: 'lax', secure: production}`. The cookie is always `HttpOnly`.
    /// `None`: the option is `false`, so the refresh token is in bodies.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the member, or both members if two of them conflict.
    pub fn refresh(option: Option<&Value>, production: bool) -> Result<Option<Self>, Error> {
        match option {
            Some(Value::Bool(false)) => Ok(None),
            None | Some(Value::Null | Value::Bool(true)) => {
                Reader { option: "cookie", members: &Map::new(), production }.rules("refresh_token", true).map(Some)
            }
            Some(Value::Object(members)) => {
                let rules = Reader { option: "cookie", members, production }.rules("refresh_token", true)?;
                if !rules.http_only {
                    return Err(Error::configuration("cookie.httpOnly can't be false: scripts must not read it"));
                }
                Ok(Some(rules))
            }
            Some(_) => Err(Error::configuration("cookie must be an object or false")),
        }
    }

    /// Reads the `accessCookie` option, which is off by default. Its defaults are those of `cookie`, except for the
    /// name `access_token`, and that it is `HttpOnly` only if the option says so. `None`: off.
    ///
    /// # Errors
    /// As [`CookieRules::refresh`].
    pub fn access(option: Option<&Value>, production: bool) -> Result<Option<Self>, Error> {
        let empty = Map::new();
        let members = match option {
            None | Some(Value::Null | Value::Bool(false)) => return Ok(None),
            Some(Value::Bool(true)) => &empty,
            Some(Value::Object(members)) => members,
            Some(_) => return Err(Error::configuration("accessCookie must be an object or a boolean")),
        };
        Reader { option: "accessCookie", members, production }.rules("access_token", false).map(Some)
    }

    /// Returns the rules of the device cookie (`knownDevices` option). Its name is `sentri_device`, with the prefix and
    /// the attributes of this cookie, and it is always `HttpOnly`.
    #[must_use]
    pub fn for_devices(&self) -> Self {
        let prefix = ["__Host-", "__Secure-"].into_iter().find(|prefix| has_prefix(&self.name, prefix));
        let name = format!("{}sentri_device", prefix.unwrap_or_default());
        Self { name, http_only: true, ..self.clone() }
    }

    /// Writes a `Set-Cookie` value. Bytes that a cookie can't hold are percent-encoded, so that no value can add
    /// attributes. Tokens have no such bytes, and [`read`] returns them unchanged.
    #[must_use]
    pub fn write(&self, value: &str, max_age_seconds: u64) -> String {
        let mut text = format!("{}=", self.name);
        for byte in value.bytes() {
            if is_cookie_octet(byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
        text.push_str(&format!("; Max-Age={max_age_seconds}"));
        self.write_attributes(&mut text);
        text
    }

    /// Writes a `Set-Cookie` value as [`CookieRules::write`] does. If it is longer than [`MAX_COOKIE_BYTES`], returns a
    /// value that deletes the cookie, and the length that was too long. A browser would drop the long cookie, and the
    /// cookie of an earlier session would stay.
    #[must_use]
    pub fn write_if_it_fits(&self, value: &str, max_age_seconds: u64) -> (String, Option<usize>) {
        let line = self.write(value, max_age_seconds);
        if line.len() > MAX_COOKIE_BYTES { (self.clear(), Some(line.len())) } else { (line, None) }
    }

    /// Writes a `Set-Cookie` value that deletes the cookie. It has the same attributes, or browsers would take it for
    /// another cookie.
    #[must_use]
    pub fn clear(&self) -> String {
        let mut text = format!("{}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT", self.name);
        self.write_attributes(&mut text);
        text
    }

    fn write_attributes(&self, text: &mut String) {
        text.push_str(&format!("; Path={}", self.path));
        if let Some(domain) = &self.domain {
            text.push_str(&format!("; Domain={domain}"));
        }
        if self.http_only {
            text.push_str("; HttpOnly");
        }
        if self.secure {
            text.push_str("; Secure");
        }
        text.push_str(&format!("; SameSite={}", self.same_site.as_str()));
        if self.partitioned {
            text.push_str("; Partitioned");
        }
    }
}

/// Reads the members of an option.
struct Reader<'a> {
    option: &'static str,
    members: &'a Map<String, Value>,
    production: bool,
}

impl Reader<'_> {
    fn rules(&self, default_name: &str, http_only: bool) -> Result<CookieRules, Error> {
        let name = self.name(default_name)?;
        let same_site = self.same_site()?;
        let partitioned = self.boolean("partitioned")?.unwrap_or(false);
        let is_host = has_prefix(&name, "__Host-");
        // Browsers drop a cookie with one of these attributes if it is not `Secure`.
        let needs_secure = if same_site == SameSite::None {
            Some("sameSite: 'none'")
        } else if partitioned {
            Some("partitioned: true")
        } else if is_host || has_prefix(&name, "__Secure-") {
            Some("the name prefix")
        } else {
            None
        };
        let secure = match (self.boolean("secure")?, needs_secure) {
            (Some(false), Some(reason)) => return Err(self.error(&format!("secure must be true: {reason} needs it"))),
            (Some(secure), _) => secure,
            (None, reason) => self.production || reason.is_some(),
        };
        let path = self.path()?;
        let domain = self.domain()?;
        if is_host && (path != "/" || domain.is_some()) {
            return Err(self.error("prefix '__Host-' needs path '/' and no domain"));
        }
        let http_only = self.boolean("httpOnly")?.unwrap_or(http_only);
        Ok(CookieRules { name, domain, path, secure, same_site, partitioned, http_only })
    }

    fn name(&self, default: &str) -> Result<String, Error> {
        let name = self.text("name")?.unwrap_or(default);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(is_token_byte) {
            return Err(self.error("name must be a token of RFC 6265: letters, digits and !#$%&'*+-.^_`|~"));
        }
        let prefix = match self.text("prefix")? {
            None | Some("") => "",
            Some("__Host-" | "host") => "__Host-",
            Some("__Secure-" | "secure") => "__Secure-",
            Some(_) => return Err(self.error("prefix must be '__Host-' or '__Secure-'")),
        };
        Ok(if name.starts_with(prefix) { name.to_owned() } else { format!("{prefix}{name}") })
    }

    fn same_site(&self) -> Result<SameSite, Error> {
        match self.text("sameSite")?.map(str::to_ascii_lowercase).as_deref() {
            None | Some("lax") => Ok(SameSite::Lax),
            Some("strict") => Ok(SameSite::Strict),
            Some("none") => Ok(SameSite::None),
            Some(_) => Err(self.error("sameSite must be 'strict', 'lax' or 'none'")),
        }
    }

    fn path(&self) -> Result<String, Error> {
        let path = self.text("path")?.unwrap_or("/");
        if !path.starts_with('/') || !path.bytes().all(|b| matches!(b, b' '..=b'~') && b != b';') {
            return Err(self.error("path must begin with '/' and be printable ASCII without ';'"));
        }
        Ok(path.to_owned())
    }

    fn domain(&self) -> Result<Option<String>, Error> {
        let Some(domain) = self.text("domain")? else { return Ok(None) };
        // A leading dot is ignored (RFC 6265, 5.2.3).
        let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if !domain.split('.').all(is_label) {
            return Err(self.error("domain must be a host name such as 'example.com'"));
        }
        Ok(Some(domain))
    }

    fn text(&self, member: &str) -> Result<Option<&str>, Error> {
        match self.members.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(&format!("{member} must be a string"))),
        }
    }

    fn boolean(&self, member: &str) -> Result<Option<bool>, Error> {
        match self.members.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.error(&format!("{member} must be true or false"))),
        }
    }

    fn error(&self, message: &str) -> Error {
        Error::configuration(format!("{}.{message}", self.option))
    }
}

/// Whether a name has a prefix. Browsers ignore case here.
fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether a byte may be in a token (RFC 9110, 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a byte is a `cookie-octet` (RFC 6265, 4.1.1).
const fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2B | 0x2D..=0x3A | 0x3C..=0x5B | 0x5D..=0x7E)
}
