//! Reads the members of a claims object, borrowed from the payload unless they have escapes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use serde_json::Value;

use crate::json::Strict;

const MAX_MEMBERS: usize = 64;
/// `9999-12-31T23:59:59Z`. A later instant is an error, for example milliseconds in place of seconds, or an attack.
pub const MAX_SECONDS: i64 = 253_402_300_799;

/// The members, before the rules are applied.
#[derive(Default)]
pub struct Raw<'p> {
    pub id: Option<Cow<'p, str>>,
    pub roles: Option<Vec<Text<'p>>>,
    pub session_id: Option<Cow<'p, str>>,
    pub iat: Option<i64>,
    pub exp: Option<i64>,
    pub nbf: Option<i64>,
    pub iss: Option<Cow<'p, str>>,
    pub aud: Vec<Text<'p>>,
    // These may have any form, since a token of another issuer may use the names for other things.
    pub withheld: Option<Value>,
    pub acr: Option<Value>,
    pub amr: Option<Value>,
    pub auth_time: Option<Value>,
}

// The object is read by hand, since derived readers accept duplicate unknown members.
impl<'de: 'p, 'p> Deserialize<'de> for Raw<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Raw<'de>, A::Error> {
        let mut raw = Raw::default();
        let mut seen: Vec<Name<'de>> = Vec::with_capacity(8);
        while let Some(name) = members.next_key::<Name<'de>>()? {
            if seen.contains(&name) || seen.len() == MAX_MEMBERS {
                return Err(A::Error::custom("a name twice, or too many"));
            }
            match &name {
                Name::Id => raw.id = Some(members.next_value::<Text<'de>>()?.0),
                Name::Roles => raw.roles = Some(members.next_value()?),
                Name::SessionId => raw.session_id = Some(members.next_value::<NonEmpty<'de>>()?.0),
                Name::Iat => raw.iat = Some(members.next_value::<NumericDate>()?.0),
                Name::Exp => raw.exp = Some(members.next_value::<NumericDate>()?.0),
                Name::Nbf => raw.nbf = Some(members.next_value::<NumericDate>()?.0),
                Name::Iss => raw.iss = Some(members.next_value::<Text<'de>>()?.0),
                Name::Aud => raw.aud = members.next_value::<Audience<'de>>()?.0,
                Name::Withheld => raw.withheld = Some(members.next_value_seed(Strict)?),
                Name::Acr => raw.acr = Some(members.next_value_seed(Strict)?),
                Name::Amr => raw.amr = Some(members.next_value_seed(Strict)?),
                Name::AuthTime => raw.auth_time = Some(members.next_value_seed(Strict)?),
                // Unknown members must be JSON by the same rules, so that every reader accepts or refuses the same
                // tokens.
                Name::Other(_) => drop(members.next_value_seed(Strict)?),
            }
            seen.push(name);
        }
        Ok(raw)
    }
}

#[derive(PartialEq)]
enum Name<'p> {
    Id,
    Roles,
    SessionId,
    Iat,
    Exp,
    Nbf,
    Iss,
    Aud,
    Withheld,
    Acr,
    Amr,
    AuthTime,
    Other(Cow<'p, str>),
}

impl<'de: 'p, 'p> Deserialize<'de> for Name<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(name) = Text::deserialize(deserializer)?;
        Ok(match &*name {
            "id" => Self::Id,
            "roles" => Self::Roles,
            "sessionId" => Self::SessionId,
            "iat" => Self::Iat,
            "exp" => Self::Exp,
            "nbf" => Self::Nbf,
            "iss" => Self::Iss,
            "aud" => Self::Aud,
            "withheld" => Self::Withheld,
            "acr" => Self::Acr,
            "amr" => Self::Amr,
            "auth_time" => Self::AuthTime,
            _ => Self::Other(name),
        })
    }
}

/// A string, borrowed if the payload holds it without escapes.
pub struct Text<'p>(pub Cow<'p, str>);

impl<'de: 'p, 'p> Deserialize<'de> for Text<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A time in whole seconds, from 1970 to 9999 (RFC 7519, 2, without fractions, which issuers do not use).
pub struct NumericDate(pub i64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = i64::deserialize(deserializer)?;
        if (0..=MAX_SECONDS).contains(&seconds) { Ok(Self(seconds)) } else { Err(D::Error::custom("not a date")) }
    }
}

/// A string that is not empty.
pub struct NonEmpty<'p>(pub Cow<'p, str>);

impl<'de: 'p, 'p> Deserialize<'de> for NonEmpty<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        if text.is_empty() { Err(D::Error::custom("empty")) } else { Ok(Self(text)) }
    }
}

/// A string or an array of strings (RFC 7519, 4.1.3).
struct Audience<'p>(Vec<Text<'p>>);

impl<'de: 'p, 'p> Deserialize<'de> for Audience<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AudienceVisitor).map(Self)
    }
}

struct AudienceVisitor;

impl<'de> Visitor<'de> for AudienceVisitor {
    type Value = Vec<Text<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(vec![Text(Cow::Borrowed(value))])
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(vec![Text(Cow::Owned(value.to_owned()))])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = seq.next_element()? {
            all.push(one);
        }
        Ok(all)
    }
}
