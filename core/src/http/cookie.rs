//! Cookies (RFC 6265bis): read strictly, written with their flags.

use std::fmt::Write as _;

use serde_json::Value;

use crate::config::reader::Reader;
use crate::error::Error;

/// What a `Cookie` header holds under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    None,
    /// One value, maybe repeated.
    One(String),
    /// Several different values: one of them was planted.
    Conflict,
}

/// The value of the cookie `name` in these header values.
#[must_use]
pub fn read<'a>(headers: impl Iterator<Item = &'a str>, name: &str) -> Found {
    let mut found: Option<&str> = None;
    for pair in headers.flat_map(|header| header.split(';')) {
        let Some((key, value)) = pair.split_once('=') else { continue };
        if key.trim() != name {
            continue;
        }
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        match found {
            Some(known) if known != value => return Found::Conflict,
            _ => found = Some(value),
        }
    }
    match found {
        Some(value) if !value.is_empty() => Found::One(value.to_owned()),
        _ => Found::None,
    }
}

/// A cookie's name and attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieRules {
    name: String,
    attributes: String,
}

impl CookieRules {
    /// Reads the options `name domain path secure sameSite partitioned prefix httpOnly`. The refresh cookie is always
    /// httpOnly; the access cookie only when asked to be.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option and the cure.
    pub fn from_options(
        option: &str,
        options: &Value,
        default_name: &str,
        always_http_only: bool,
        production: bool,
    ) -> Result<Self, Error> {
        let mut read = Reader::new(option, options)?;
        let name = read.text("name")?.unwrap_or(default_name).to_owned();
        let domain = read.text("domain")?.map(str::to_owned);
        let path = read.text("path")?.unwrap_or("/").to_owned();
        let secure = read.boolean("secure", production)?;
        let partitioned = read.boolean("partitioned", false)?;
        let http_only = read.boolean("httpOnly", always_http_only)?;
        let prefix = read.string("prefix")?.unwrap_or("").to_owned();
        let same_site = match read.value("sameSite") {
            None => "Lax",
            Some(Value::Bool(true)) => "Strict",
            Some(Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "lax" => "Lax",
                "strict" => "Strict",
                "none" => "None",
                _ => return Err(read.error("sameSite", "must be 'lax', 'strict' or 'none'")),
            },
            Some(_) => return Err(read.error("sameSite", "must be 'lax', 'strict' or 'none'")),
        };
        if always_http_only && !http_only {
            return Err(read.error("httpOnly", "can't be false: a refresh token is never for scripts"));
        }
        if !name.bytes().all(is_token_byte) {
            return Err(read.error("name", "must be a cookie name: letters, digits and !#$%&'*+-.^_`|~"));
        }
        let plain = |text: &str| !text.contains([';', ',', ' ']) && text.bytes().all(|b| (0x21..0x7f).contains(&b));
        if !path.starts_with('/') || !plain(&path) {
            return Err(read.error("path", "must begin with / and have no ; , or spaces"));
        }
        if domain.as_deref().is_some_and(|domain| !plain(domain)) {
            return Err(read.error("domain", "must be a domain name"));
        }
        match prefix.as_str() {
            "" => {}
            "__Secure-" if secure => {}
            "__Secure-" => return Err(read.error("prefix", "'__Secure-' needs secure: true")),
            "__Host-" if secure && path == "/" && domain.is_none() => {}
            "__Host-" => return Err(read.error("prefix", "'__Host-' needs secure: true, path '/' and no domain")),
            _ => return Err(read.error("prefix", "must be '__Host-' or '__Secure-'")),
        }
        if same_site == "None" && !secure {
            return Err(read.error("sameSite", "'none' needs secure: true, or browsers drop the cookie"));
        }
        if partitioned && !secure {
            return Err(read.error("partitioned", "needs secure: true, or browsers drop the cookie"));
        }
        read.finish()?;
        let mut attributes = format!("; Path={path}");
        if let Some(domain) = domain {
            attributes += &format!("; Domain={domain}");
        }
        for (flag, on) in [("; HttpOnly", http_only), ("; Secure", secure)] {
            attributes += if on { flag } else { "" };
        }
        attributes += &format!("; SameSite={same_site}");
        attributes += if partitioned { "; Partitioned" } else { "" };
        Ok(Self { name: format!("{prefix}{name}"), attributes })
    }

    /// The full name, prefix included.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The `Set-Cookie` value that stores `value`, which must need no encoding (tokens don't).
    #[must_use]
    pub fn write(&self, value: &str, max_age_seconds: i64) -> String {
        let mut cookie = format!("{}={value}", self.name);
        // Writing to a String can't fail.
        let _ = write!(cookie, "; Max-Age={}", max_age_seconds.max(0));
        cookie + &self.attributes
    }

    /// The `Set-Cookie` value that takes the cookie back.
    #[must_use]
    pub fn clear(&self) -> String {
        format!("{}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{}", self.name, self.attributes)
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
