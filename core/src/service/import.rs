//! Users of other systems, by lines of JSON: read by `import`, judged by the rules of the realm, written in batches.

use serde_json::{Value, json};

use super::identifiers::claims;
use super::input::Input;
use super::{Realm, Trail, token_size};
use crate::access;
use crate::audit::Change;
use crate::clock::Millis;
use crate::crypto::{self, Secret};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::import::{FirebaseHash, ForeignIdentifier, ForeignUser, Format, ImportedProof, too_long};
use crate::password;
use crate::store::import::{Imported, NewImport};
use crate::store::model::{Factor, Identifier, NewUser};

/// The most lines of a call.
pub const MAX_LINES: usize = 1_000;
/// The most identifiers of a user, and of the users that are written together.
const MAX_IDENTIFIERS: usize = 50;
const MAX_WRITTEN: usize = 1_000;

/// The options of an import, which are the same for all its calls.
struct Options {
    format: Format,
    /// Roles of users who bring none.
    roles: Vec<String>,
    allows_admin: bool,
    drops_factors: bool,
    writes: bool,
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
        // A number that came by way of JavaScript may be written 8.0.
        (1..=64).find(|known| number == Some(f64::from(*known))).ok_or_else(missing)
    };
    let text = |name: &str| parameters.optional_text(name)?.ok_or_else(missing);
    FirebaseHash::new(text("signerKey")?, text("saltSeparator")?, number("rounds")?, number("memCost")?).map_err(wrong)
}

/// A line with its number, as it was read.
struct Judged {
    line: u64,
    id: String,
    user: NewImport,
}

/// Imports lines: `{format, first, lines, roles?, allowAdminRoles?, dropFactors?, dryRun?, firebase?, ids?}`,
/// where a line is a text, or `{unread: "length"}` or `{unread: "encoding"}`. Answers
/// `{imported, present, refused: [{line, code, message}]}`, and with `ids` also `{ids: [{line, from, id}]}` of those
/// who are there now.
///
/// # Errors
/// `VALIDATION_ERROR` and `INVALID_ROLE` for options that are wrong; the store's failures.
pub async fn import(realm: &Realm, input: &Value, trail: &mut Trail) -> Result<Value, Failure> {
    let input = Input::new(input)?;
    let options = Options::read(realm, &input)?;
    let first = input.value("first").and_then(Value::as_f64).map_or(1, |first| first as u64);
    let (mut judged, mut refused) = (Vec::new(), Vec::new());
    for (line, text) in (first..).zip(input.list("lines", MAX_LINES)?) {
        // An empty line, such as one at the end, is none.
        if text.as_str().is_some_and(|text| text.trim().is_empty()) {
            continue;
        }
        match judge(realm, &options, line, text) {
            Ok(user) => judged.push(user),
            Err(error) => refused.push(refusal(line, &error)),
        }
    }
    let (mut written, mut present, mut ids) = (0_u64, 0_u64, Vec::new());
    for part in parts(&judged) {
        let users: Vec<NewImport> = part.iter().map(|judged| judged.user.clone()).collect();
        let store = realm.noting(&trail.author, || {
            Ok([Change::of_nobody(EventName::UsersImported).with("format", options.format.as_str())])
        })?;
        let ends = store.import_users(&users, realm.now(), options.writes).await?;
        for (judged, end) in part.iter().zip(ends) {
            match end {
                Imported::Written => written += 1,
                Imported::Present => present += 1,
                Imported::OtherUser | Imported::Taken | Imported::Deleted => {
                    refused.push(refusal(judged.line, &unwritten(end)));
                    continue;
                }
            }
            ids.push(json!({ "line": judged.line, "from": judged.id, "id": judged.user.user.id }));
        }
    }
    refused.sort_by_key(|refusal| refusal["line"].as_u64());
    if options.writes {
        trail.note(EventName::UsersImported, |event| {
            event.with("format", options.format.as_str()).with("count", written).with("refused", refused.len())
        });
    }
    let mut answer = json!({ "imported": written, "present": present, "refused": refused });
    if input.value("ids") == Some(&Value::Bool(true)) {
        answer["ids"] = ids.into();
    }
    Ok(answer)
}

/// Users in runs of at most [`MAX_WRITTEN`] identifiers.
fn parts(mut judged: &[Judged]) -> Vec<&[Judged]> {
    let mut parts = Vec::new();
    while !judged.is_empty() {
        let mut identifiers = 0;
        let fits = |one: &&Judged| {
            identifiers += one.user.user.identifiers.len();
            identifiers <= MAX_WRITTEN
        };
        let count = judged.iter().take_while(fits).count();
        let (part, rest) = judged.split_at(count);
        parts.push(part);
        judged = rest;
    }
    parts
}

fn refusal(line: u64, error: &Error) -> Value {
    json!({ "line": line, "code": error.code, "message": error.message })
}

fn unwritten(end: Imported) -> Error {
    match end {
        Imported::OtherUser => {
            Error::new(ErrorCode::UserAlreadyExists, "a user of this id is there, with other identifiers")
        }
        Imported::Deleted => Error::new(ErrorCode::UserNotFound, "the user was deleted here"),
        _ => Error::new(ErrorCode::UserAlreadyExists, "an identifier is another user's"),
    }
}

fn judge(realm: &Realm, options: &Options, line: u64, text: &Value) -> Result<Judged, Error> {
    let text = match (text.as_str(), text["unread"].as_str()) {
        (Some(text), _) => text,
        (None, Some("length")) => return Err(too_long()),
        (None, _) => return Err(Error::new(ErrorCode::ValidationError, "the line is not in UTF-8")),
    };
    let incoming = options.format.read(text)?;
    let now = realm.now();
    let id = options.format.user_id(&incoming.id);
    let created_at = incoming.created_at.filter(|at| (0..=now).contains(at)).unwrap_or(now);
    let identifiers = identifiers(realm, &incoming.identifiers, now)?;
    let roles = match incoming.roles.as_slice() {
        [] => options.roles.clone(),
        roles => check_roles(realm, roles, options.allows_admin)?,
    };
    if let Some(hash) = &incoming.hash {
        let policy = &realm.config.password;
        password::check_stored(hash.expose(), policy)
            .map_err(|reason| Error::new(ErrorCode::ValidationError, reason.as_str()))?;
    }
    let factors = factors(realm, options, &incoming, &id, now)?;
    let claims = claims(identifiers.iter().map(|one| (one.kind.as_str(), one.value.as_str())));
    let password_hash = incoming.hash;
    let user = NewUser { id, password_hash, roles, identifiers, claims, displaces: false, now: created_at };
    Ok(Judged { line, id: incoming.id, user: NewImport { user, factors } })
}

fn check_roles(realm: &Realm, roles: &[String], allows_admin: bool) -> Result<Vec<String>, Error> {
    let roles = access::check_assignable(roles, &realm.config.roles, true)?;
    if !allows_admin && realm.config.roles.is_admin(&roles) {
        return Err(Error::new(ErrorCode::Forbidden, "an admin role is given only where that is allowed"));
    }
    token_size::check_roles(realm, &roles)?;
    Ok(roles)
}

/// The identifiers in their normal forms, of equal ones one, which is verified if any of them is.
fn identifiers(realm: &Realm, incoming: &[ForeignIdentifier], now: Millis) -> Result<Vec<Identifier>, Error> {
    let mut identifiers: Vec<Identifier> = Vec::new();
    for ForeignIdentifier { kind, value, proof } in incoming {
        let normalized = realm.config.identifiers.normalize(kind, value)?;
        let verified_at = match proof {
            ImportedProof::None => None,
            ImportedProof::Some => Some(now),
            ImportedProof::At(at) => Some((*at).clamp(0, now)),
        };
        if let Some(known) = identifiers.iter_mut().find(|one| one.normalized == normalized.normalized) {
            known.verified_at = known.verified_at.or(verified_at);
            continue;
        }
        identifiers.push(Identifier {
            id: crypto::make_id(),
            kind: kind.clone(),
            value: normalized.value,
            normalized: normalized.normalized,
            verified_at,
        });
    }
    match identifiers.len() {
        0 => Err(Error::new(ErrorCode::ValidationError, "the user has nothing to sign in by")),
        1..=MAX_IDENTIFIERS => Ok(identifiers),
        _ => {
            Err(Error::new(ErrorCode::ValidationError, format!("the user has more than {MAX_IDENTIFIERS} identifiers")))
        }
    }
}

/// The second factors. A user with a second factor must not log in without it, so factors that can't be carried over
/// are refused, unless the options leave factors behind.
fn factors(
    realm: &Realm,
    options: &Options,
    incoming: &ForeignUser,
    id: &str,
    now: Millis,
) -> Result<Vec<Factor>, Error> {
    let has_some = incoming.other_factors || !incoming.totp.is_empty();
    if options.drops_factors || !has_some {
        return Ok(Vec::new());
    }
    let refused = |message: &str| Err(Error::new(ErrorCode::ValidationError, message));
    if incoming.other_factors {
        return refused("the user has a second factor that can't be carried over");
    }
    if realm.config.mfa.is_none() {
        return refused("the user has a second factor, and the option mfa is not set");
    }
    if incoming.totp.len() > 10 {
        return refused("the user has more than 10 second factors");
    }
    incoming.totp.iter().map(|secret| factor(realm, secret, id, now)).collect()
}

fn factor(realm: &Realm, secret: &Secret<String>, user_id: &str, now: Millis) -> Result<Factor, Error> {
    let id = crypto::make_id();
    let sealed = match realm.config.factor_keys.as_deref() {
        Some(keys) => keys.seal(secret.expose(), user_id, &id),
        None => Some(secret.clone()),
    };
    let secret = sealed.ok_or_else(|| Error::new(ErrorCode::ValidationError, "a second factor can't be sealed"))?;
    Ok(Factor {
        id,
        user_id: user_id.to_owned(),
        kind: "totp".to_owned(),
        label: None,
        secret,
        last_step: 0,
        created_at: now,
        confirmed_at: Some(now),
        last_used_at: None,
    })
}
