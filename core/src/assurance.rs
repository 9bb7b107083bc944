//! The strength and the age of an authentication (NIST SP 800-63B-4, RFC 8176, RFC 9470). Pure.
//!
//! All checks fail closed. A malformed claim or an unknown method counts as absent, and an absent claim is neither
//! strong nor fresh.

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Millis;
use crate::duration;
use crate::error::{Error, ErrorCode};

/// `9999-12-31T23:59:59Z` in seconds.
const MAX_SECONDS: i64 = 253_402_300_799;

/// An authenticator assurance level (NIST SP 800-63B-4, 2), the claim `acr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Acr {
    /// Any authentication, or none that is known.
    Aal1,
    /// A password and a second factor.
    Aal2,
}

impl Acr {
    /// `aal1` or `aal2`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        [Self::Aal1, Self::Aal2].into_iter().find(|acr| acr.as_str() == text)
    }
}

/// A method of authentication, as a member of the claim `amr` (RFC 8176). The set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The password.
    Pwd,
    /// A code of an authenticator app.
    Otp,
    /// A recovery code.
    Recovery,
    /// A code that was sent by e-mail.
    Email,
    /// A code that was sent to a phone.
    Sms,
    /// The application's own authentication, which a programmatic call vouches for.
    Host,
}

impl Method {
    /// All methods, in the order in which `amr` lists them.
    pub const ALL: [Self; 6] = [Self::Pwd, Self::Otp, Self::Recovery, Self::Email, Self::Sms, Self::Host];

    /// The method as `amr` spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Otp => "otp",
            Self::Recovery => "recovery",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Host => "host",
        }
    }
}

/// The strength and the age of an authentication, as a session's row or a token's claims have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assurance {
    /// The level, which follows from `amr`, or is lower if a token claims less.
    pub acr: Acr,
    /// The methods, each once, in the order of [`Method::ALL`].
    pub amr: Vec<Method>,
    /// The time of the last authentication in seconds since 1970. `None`: the time is unknown, and counts as long ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
}

impl Assurance {
    /// Returns the assurance of an authentication by `methods`, at `auth_time` in seconds since 1970.
    #[must_use]
    pub fn of(methods: &[Method], auth_time: Option<i64>) -> Self {
        let amr: Vec<Method> = Method::ALL.into_iter().filter(|method| methods.contains(method)).collect();
        // A code by e-mail or SMS counts as neither of two factors (800-63B-4, 3.1.3.1), so `aal2` takes the password.
        let is_second = |method: &Method| matches!(method, Method::Otp | Method::Recovery);
        let is_strong = amr.contains(&Method::Pwd) && amr.iter().any(is_second);
        Self { acr: if is_strong { Acr::Aal2 } else { Acr::Aal1 }, amr, auth_time }
    }

    /// Returns the assurance of a session or token without such claims: the lowest level, and not fresh.
    #[must_use]
    pub fn none() -> Self {
        Self::of(&[], None)
    }

    /// Reads the claims `acr`, `amr` and `auth_time` of a token. `None`: the token has none of them.
    #[must_use]
    pub fn from_claims(acr: Option<&Value>, amr: Option<&Value>, auth_time: Option<&Value>) -> Option<Self> {
        if acr.is_none() && amr.is_none() && auth_time.is_none() {
            return None;
        }
        let texts: Option<Vec<&str>> =
            amr.and_then(Value::as_array).and_then(|all| all.iter().map(Value::as_str).collect());
        let texts = texts.unwrap_or_default();
        let methods: Vec<Method> = Method::ALL.into_iter().filter(|method| texts.contains(&method.as_str())).collect();
        let auth_time = auth_time.and_then(Value::as_i64).filter(|at| (0..=MAX_SECONDS).contains(at));
        let mut read = Self::of(&methods, auth_time);
        read.acr = read.acr.min(acr.and_then(Value::as_str).and_then(Acr::from_text).unwrap_or(Acr::Aal1));
        Some(read)
    }

    /// Reads the columns of a session's row: the methods, with a blank between two, and the time in milliseconds.
    /// `None`: a column is null.
    #[must_use]
    pub fn from_row(amr: Option<&str>, auth_time: Option<Millis>) -> Option<Self> {
        let (names, at) = (amr?, auth_time?);
        let methods: Vec<Method> =
            Method::ALL.into_iter().filter(|method| names.split(' ').any(|name| name == method.as_str())).collect();
        Some(Self::of(&methods, Some(at.div_euclid(1000))))
    }

    /// Returns the methods as a session's row holds them, with a blank between two.
    #[must_use]
    pub fn methods_text(&self) -> String {
        self.amr.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Returns the lower of two assurances, with the methods that both have, and the older time.
    #[must_use]
    pub fn lowered_by(&self, other: &Self) -> Self {
        let both: Vec<Method> = self.amr.iter().copied().filter(|method| other.amr.contains(method)).collect();
        let mut lower = Self::of(&both, self.auth_time.zip(other.auth_time).map(|(one, two)| one.min(two)));
        lower.acr = lower.acr.min(self.acr).min(other.acr);
        lower
    }

    /// Returns the assurance after a further authentication by `methods` at `auth_time`, in seconds since 1970.
    #[must_use]
    pub fn renewed_by(&self, methods: &[Method], auth_time: i64) -> Self {
        Self::of(&[&self.amr, methods].concat(), Some(auth_time))
    }

    /// Whether this assurance meets `need` at `now`. `leeway`, in seconds, allows for the error of the signer's clock.
    /// A time further in the future than that is not fresh, since the clock was wrong.
    #[must_use]
    pub fn meets(&self, need: Requirement, leeway: i64, now: Millis) -> bool {
        if need.acr.is_some_and(|acr| self.acr < acr) {
            return false;
        }
        let Some(max_age) = need.max_age else { return true };
        let Some(auth_time) = self.auth_time else { return false };
        let age = now.saturating_sub(auth_time.saturating_mul(1000));
        let leeway = leeway.saturating_mul(1000);
        age >= -leeway && age <= max_age.saturating_mul(1000).saturating_add(leeway)
    }
}

/// The authentication that a route requires (RFC 9470), the argument of `protect({acr, maxAge})`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requirement {
    /// The lowest level that is enough.
    pub acr: Option<Acr>,
    /// The greatest age in seconds.
    pub max_age: Option<i64>,
}

impl Requirement {
    /// Reads `{acr?, maxAge?}`, of which at least one member must be set. `maxAge` is a duration ([`duration::parse`]).
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the member and the cure.
    pub fn read(value: &Value) -> Result<Self, Error> {
        let wrong = |text: String| Error::configuration(format!("protect() {text}"));
        let members = value.as_object();
        let members = members.ok_or_else(|| wrong("takes { acr: 'aal2', maxAge: '10m' }, or nothing".to_owned()))?;
        let mut need = Self::default();
        for (name, member) in members.iter().filter(|(_, member)| !member.is_null()) {
            match name.as_str() {
                "acr" => {
                    let acr = member.as_str().and_then(Acr::from_text);
                    need.acr = Some(acr.ok_or_else(|| wrong("takes acr: 'aal1' or 'aal2'".to_owned()))?);
                }
                "maxAge" => {
                    let length = duration::parse(member).map_err(|why| wrong(format!("maxAge {why}")))?;
                    if length.as_secs() == 0 || length.subsec_nanos() != 0 {
                        return Err(wrong("maxAge must be whole seconds, 1 at least".to_owned()));
                    }
                    need.max_age = Some(i64::try_from(length.as_secs()).unwrap_or(MAX_SECONDS).min(MAX_SECONDS));
                }
                other => return Err(wrong(format!("takes acr and maxAge, not '{other}'"))),
            }
        }
        if need == Self::default() {
            return Err(wrong("was given neither acr nor maxAge: write protect()".to_owned()));
        }
        Ok(need)
    }

    /// Returns `{acr?, maxAge?}`, with `maxAge` in seconds.
    #[must_use]
    pub fn to_value(self) -> Value {
        let mut value = json!({});
        if let Some(acr) = self.acr {
            value["acr"] = acr.as_str().into();
        }
        if let Some(max_age) = self.max_age {
            value["maxAge"] = max_age.into();
        }
        value
    }

    /// Returns the error `STEP_UP_REQUIRED`, whose details are the required authentication.
    #[must_use]
    pub fn error(self) -> Error {
        Error::from(ErrorCode::StepUpRequired).with_details(self.to_value())
    }
}

/// Returns the `WWW-Authenticate` challenge for the details of a `STEP_UP_REQUIRED` (RFC 9470, 3). Malformed members
/// are left out, since the application may have thrown the error.
#[must_use]
pub fn challenge(details: Option<&Value>) -> String {
    let member = |name: &str| details.and_then(|details| details.get(name));
    let mut text = "Bearer error=\"insufficient_user_authentication\"".to_owned();
    if let Some(acr) = member("acr").and_then(Value::as_str).and_then(Acr::from_text) {
        text += &format!(", acr_values=\"{}\"", acr.as_str());
    }
    if let Some(max_age) = member("maxAge").and_then(Value::as_i64).filter(|age| (0..=MAX_SECONDS).contains(age)) {
        text += &format!(", max_age={max_age}");
    }
    text
}
