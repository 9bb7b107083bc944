//! The members of the `db` option.

use serde_json::{Map, Value};

use crate::error::Error;
use crate::store::tls::Tls;
use crate::tls::{Pem, TlsFiles, certificates, private_key};
use crate::url::MOST_CONNECTIONS;

/// The members `max`, `ssl` and `schema`.
#[derive(Default)]
pub(super) struct PoolOptions {
    pub max: Option<usize>,
    pub schema: Option<String>,
    pub tls: Option<(Tls, TlsFiles)>,
}

/// The members of the `db` object. `null` counts as absent.
pub(super) struct Members<'a>(pub &'a Map<String, Value>);

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn only(&self, known: &[&str]) -> Result<(), Error> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                Err(Error::configuration(format!("db.{name} is not known here; known are {}", known.join(", "))))
            }
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Error::configuration(format!("db.{name} must be a string"))),
        }
    }

    pub(super) fn required_text(&self, name: &str) -> Result<&'a str, Error> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| Error::configuration(format!("db.{name} is empty; is the environment variable set?")))
    }

    /// Reads a number, or a text of digits as an environment variable holds it.
    fn number(&self, name: &str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, Error> {
        let number = match self.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_u64().or_else(|| {
                // Hosts without integers write 5432 as 5432.0.
                value.as_f64().filter(|float| float.fract() == 0.0 && *float >= 0.0).map(|float| float as u64)
            }),
        };
        let message = || {
            Error::configuration(format!("db.{name} must be a whole number from {} to {}", range.start(), range.end()))
        };
        number.filter(|number| range.contains(number)).map(Some).ok_or_else(message)
    }

    pub(super) fn port(&self, default: u16) -> Result<u16, Error> {
        let port = self.number("port", 1..=u64::from(u16::MAX))?;
        Ok(port.and_then(|port| u16::try_from(port).ok()).unwrap_or(default))
    }

    /// Reads the members `max`, `schema` and `ssl`. `ssl: true` verifies the server, as drivers for Node do.
    pub(super) fn pool(&self) -> Result<PoolOptions, Error> {
        let max = self.number("max", 1..=MOST_CONNECTIONS as u64)?.map(|max| max as usize);
        let tls = match self.get("ssl") {
            None => None,
            Some(Value::Bool(false)) => Some((Tls::Disable, TlsFiles::default())),
            Some(Value::Bool(true)) => Some((Tls::VerifyFull, TlsFiles::default())),
            Some(Value::Object(ssl)) => Some(tls_from(ssl)?),
            Some(_) => return Err(Error::configuration("db.ssl must be true, false or an object")),
        };
        Ok(PoolOptions { max, tls, schema: self.text("schema")?.map(str::to_owned) })
    }
}

fn tls_from(ssl: &Map<String, Value>) -> Result<(Tls, TlsFiles), Error> {
    let of = Members(ssl);
    let known = ["rejectUnauthorized", "ca", "cert", "key"];
    let verify = match of.get("rejectUnauthorized") {
        None | Some(Value::Bool(true)) => true,
        Some(Value::Bool(false)) => false,
        Some(_) => return Err(Error::configuration("db.ssl.rejectUnauthorized must be true or false")),
    };
    if let Some(name) = ssl.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Error::configuration(format!("db.ssl.{name} is not known; known are {}", known.join(", "))));
    }
    let pem = |name: &str, read: fn(&str, String) -> Result<Pem, Error>| match of.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.contains("-----BEGIN ") => {
            read(&format!("db.ssl.{name}"), text.clone()).map(Some)
        }
        Some(_) => Err(Error::configuration(format!("db.ssl.{name} must be the text of a PEM file"))),
    };
    let mut files = TlsFiles {
        root: pem("ca", certificates)?,
        certificate: pem("cert", certificates)?,
        key: pem("key", private_key)?,
    };
    if !verify {
        files.root = None;
    }
    Ok((if verify { Tls::VerifyFull } else { Tls::Require }, files))
}
