//! The parts of a connection URL that database drivers do not read, and the parameters of other clients.

use crate::error::Error;

/// The most connections that a pool may have.
pub(crate) const MOST_CONNECTIONS: usize = 1000;

/// Beginnings and parts of the names of parameters that affect the security of a connection. Such parameters are
/// refused, since to ignore them would make the connection less secure than its URL says.
const SAFETY_BEGINS: [&str; 3] = ["channel", "gss", "verify"];
const SAFETY_PARTS: [&str; 3] = ["ssl", "tls", "certificate"];

/// Parameters in the URL of a database that are meant for other clients.
#[derive(Debug, Default)]
pub(crate) struct OtherParameters {
    /// The most connections.
    pub max: Option<usize>,
    /// Names of the parameters without a meaning here, for a warning.
    pub ignored: Vec<String>,
}

impl OtherParameters {
    /// Reads a parameter that the code of the database did not recognize.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` for a parameter that affects the security of the connection, and for a text that is no
    /// parameter.
    pub fn take(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let lower = name.to_ascii_lowercase();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || !name.chars().all(is_name) {
            // The text is probably a part of a password, so the error does not repeat it.
            return Err(Error::configuration("db has a ? that begins no parameters: write %3F for it in a password"));
        }
        let begins = SAFETY_BEGINS.iter().any(|begin| lower.starts_with(begin));
        if begins || SAFETY_PARTS.iter().any(|part| lower.contains(part)) {
            let message = format!("db has the parameter {name}, which is not known here: leave it out, or see db.ssl");
            return Err(Error::configuration(message));
        }
        let bare = lower.replace(['_', '-'], "");
        if !matches!(bare.as_str(), "connectionlimit" | "max" | "poolsize" | "poolmax" | "poolmaxconns") {
            self.ignored.push(name.to_owned());
            return Ok(());
        }
        let max = value.parse().ok().filter(|max| (1..=MOST_CONNECTIONS).contains(max));
        let wrong = || Error::configuration(format!("db {name} must be a whole number from 1 to {MOST_CONNECTIONS}"));
        self.max = Some(max.ok_or_else(wrong)?);
        Ok(())
    }

    /// Returns the warning about parameters without a meaning here, if there are any.
    pub fn warning(&self) -> Option<String> {
        let are = if self.ignored.len() == 1 { "a parameter that means" } else { "parameters that mean" };
        (!self.ignored.is_empty()).then(|| {
            format!("the URL of db has {are} nothing to sentri and can be left out: {}", self.ignored.join(", "))
        })
    }
}

/// Returns the text before the query of `url`, and the decoded parameters of the query.
pub(crate) fn split_query(url: &str) -> (&str, Vec<(String, String)>) {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    (base, pairs.map(|(name, value)| (percent_decode(name), percent_decode(value))).collect())
}

/// Percent-decodes a text (RFC 3986, 2.1). A malformed escape stays as it is.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.filter(|_| first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{OtherParameters, percent_decode};

    #[test]
    fn what_other_clients_write_is_honoured_ignored_or_refused() {
        let mut others = OtherParameters::default();
        for (name, value) in [("pool_timeout", "10"), ("connection_limit", "7"), ("statement_cache_size", "0")] {
            others.take(name, value).unwrap();
        }
        assert_eq!(others.max, Some(7));
        assert!(others.warning().unwrap().ends_with("left out: pool_timeout, statement_cache_size"));
        let unsafe_names = ["sslrotcert", "SSL", "tlsMode", "requiressl", "trustServerCertificate", "channel_bindings"];
        for name in unsafe_names.into_iter().chain(["gssdelegation", "verify_peer", "", "pw@host/db"]) {
            let error = others.take(name, "hunter2").unwrap_err();
            assert!(error.code == "CONFIGURATION_ERROR" && !error.message.contains("hunter2"), "{error:?}");
        }
        assert!(others.take("connection_limit", "0").is_err());
    }

    #[test]
    fn percent_signs_that_are_none_stay() {
        assert_eq!(percent_decode("%2Fa%zz%"), "/a%zz%");
    }
}
