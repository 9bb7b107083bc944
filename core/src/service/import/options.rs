//! The input of an import: its options and its lines.

use serde_json::Value;

use crate::access;
use crate::error::{Error, ErrorCode};
use crate::import::{FirebaseHash, Format};
use crate::service::input::Input;
use crate::service::{Realm, token_size};

/// The most lines in a call.
const MAX_LINES: usize = 1_000;

/// `{format, first, lines, roles?, allowAdminRoles?, dropFactors?, dryRun?, firebase?, ids?}`, where a line is a text,
/// or `{unread: "length"}` or `{unread: "encoding"}`.
pub struct ImportInput<'a> {
    pub(super) options: Options,
    /// The number of the first line.
    pub(super) first: u64,
    pub(super) lines: Vec<Line<'a>>,
    pub(super) answers_ids: bool,
}

/// A line as the host read it.
#[derive(Clone, Copy)]
pub(super) enum Line<'a> {
    Text(&'a str),
    TooLong,
    NotUnicode,
}

impl<'a> ImportInput<'a> {
    /// Reads the input by the rules of a realm.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`, `INVALID_ROLE` and `FORBIDDEN` for options that are wrong.
    pub fn read(realm: &Realm, value: &'a Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        let options = Options::read(realm, &input)?;
        let first = input.value("first").and_then(Value::as_f64).map_or(1, |first| first as u64);
        let lines = input.list("lines", MAX_LINES)?.iter().map(Line::read).collect();
        Ok(Self { options, first, lines, answers_ids: input.value("ids") == Some(&Value::Bool(true)) })
    }
}

impl<'a> Line<'a> {
    fn read(line: &'a Value) -> Self {
        match (line.as_str(), line["unread"].as_str()) {
            (Some(text), _) => Self::Text(text),
            (None, Some("length")) => Self::TooLong,
            (None, _) => Self::NotUnicode,
        }
    }
}

/// The options of an import, which are the same for all its calls.
pub(super) struct Options {
    pub format: Format,
    /// The roles of users whose lines name none.
    pub roles: Vec<String>,
    pub allows_admin: bool,
    pub drops_factors: bool,
    /// Whether the import writes; `false` for a dry run.
    pub writes: bool,
}

impl Options {
    fn read(realm: &Realm, input: &Input<'_>) -> Result<Self, Error> {
        let flag = |name: &str| match input.value(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Error::validation(name, format!("{name} must be true or false"))),
        };
        let allows_admin = flag("allowAdminRoles")?;
        let roles = match input.optional_strings("roles")? {
            Some(roles) => check_roles(realm, &roles, allows_admin)?,
            None => realm.config.roles.default.clone(),
        };
        Ok(Self {
            format: format(input)?,
            roles,
            allows_admin,
            drops_factors: flag("dropFactors")?,
            writes: !flag("dryRun")?,
        })
    }
}

fn format(input: &Input<'_>) -> Result<Format, Error> {
    Ok(match input.text("format")? {
        "sentri" => Format::Sentri,
        "better-auth" => Format::BetterAuth,
        "supabase" => Format::Supabase,
        "auth0" => Format::Auth0,
        "firebase" => Format::Firebase(firebase(input)?),
        "django" => Format::Django,
        "keycloak" => Format::Keycloak,
        _ => {
            let message = format!("format must be one of: {}", Format::NAMES.join(", "));
            return Err(Error::validation("format", message));
        }
    })
}

fn firebase(input: &Input<'_>) -> Result<FirebaseHash, Error> {
    let wrong = |message: &str| Error::validation("firebase", message);
    let missing = || {
        wrong(
            "firebase is missing: signerKey, saltSeparator, rounds and memCost, as the console of Firebase shows them",
        )
    };
    let parameters = Input::new(input.value("firebase").ok_or_else(missing)?).map_err(|_| missing())?;
    let number = |name: &str| {
        let number = parameters.value(name).and_then(Value::as_f64);
        // JavaScript may write the number 8 as 8.0.
        (1..=64).find(|known| number == Some(f64::from(*known))).ok_or_else(missing)
    };
    let text = |name: &str| parameters.optional_text(name)?.ok_or_else(missing);
    FirebaseHash::new(text("signerKey")?, text("saltSeparator")?, number("rounds")?, number("memCost")?).map_err(wrong)
}

/// Checks the roles of a user, or the roles for all users whose lines name none.
///
/// # Errors
/// `INVALID_ROLE`, `FORBIDDEN` for an admin role that is not allowed, `VALIDATION_ERROR` if they are too many.
pub(super) fn check_roles(realm: &Realm, roles: &[String], allows_admin: bool) -> Result<Vec<String>, Error> {
    let roles = access::check_assignable(roles, &realm.config.roles, true)?;
    if !allows_admin && realm.config.roles.is_admin(&roles) {
        return Err(Error::new(ErrorCode::Forbidden, "an admin role is given only where that is allowed"));
    }
    token_size::check_roles(realm, &roles)?;
    Ok(roles)
}
