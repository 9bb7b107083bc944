//! Imports users of other systems from lines of JSON. The module `import` of the crate reads a line, the rules of the
//! realm decide on it, and the store writes the users in batches.

use super::identifiers::claims;
use super::{Realm, Trail};
use crate::audit::Change;
use crate::clock::Millis;
use crate::crypto::{self, Secret};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::import::{ForeignIdentifier, ForeignUser, ImportedProof, too_long};
use crate::password;
use crate::store::import::{Imported, NewImport};
use crate::store::model::{Factor, Identifier, NewUser};

mod options;
mod report;

pub use options::ImportInput;
use options::{Line, Options, check_roles};
pub use report::Report;
use report::{Present, Refusal};

/// The most identifiers of a user.
const MAX_IDENTIFIERS: usize = 50;
/// The most identifiers of the users that are written together.
const MAX_WRITTEN: usize = 1_000;

/// A user who was read from a line, with the number of the line and the id in the other system.
struct Judged {
    line: u64,
    id: String,
    user: NewImport,
}

/// Imports a call's lines. A line that is refused does not stop the others.
///
/// # Errors
/// The store's failures.
pub async fn import(realm: &Realm, input: ImportInput<'_>, trail: &mut Trail) -> Result<Report, Failure> {
    let ImportInput { options, first, lines, answers_ids } = input;
    let (mut judged, mut refused) = (Vec::new(), Vec::new());
    for (line, text) in (first..).zip(lines) {
        // An empty line, such as the last line of a file, does not count as a line.
        if matches!(text, Line::Text(text) if text.trim().is_empty()) {
            continue;
        }
        match judge(realm, &options, line, text) {
            Ok(user) => judged.push(user),
            Err(error) => refused.push(Refusal::new(line, error)),
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
                    refused.push(Refusal::new(judged.line, unwritten(end)));
                    continue;
                }
            }
            let Judged { line, id: from, user } = judged;
            ids.push(Present { line: *line, from: from.clone(), id: user.user.id.clone() });
        }
    }
    refused.sort_by_key(|refusal| refusal.line);
    if options.writes {
        trail.note(EventName::UsersImported, |event| {
            event.with("format", options.format.as_str()).with("count", written).with("refused", refused.len())
        });
    }
    Ok(Report { imported: written, present, refused, ids: answers_ids.then_some(ids) })
}

/// Splits the users into parts of at most [`MAX_WRITTEN`] identifiers, which are written together.
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

fn unwritten(end: Imported) -> Error {
    match end {
        Imported::OtherUser => {
            Error::new(ErrorCode::UserAlreadyExists, "a user of this id is there, with other identifiers")
        }
        Imported::Deleted => Error::new(ErrorCode::UserNotFound, "the user was deleted here"),
        _ => Error::new(ErrorCode::UserAlreadyExists, "an identifier is another user's"),
    }
}

fn judge(realm: &Realm, options: &Options, line: u64, text: Line<'_>) -> Result<Judged, Error> {
    let text = match text {
        Line::Text(text) => text,
        Line::TooLong => return Err(too_long()),
        Line::NotUnicode => return Err(Error::new(ErrorCode::ValidationError, "the line is not in UTF-8")),
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

/// Returns the identifiers in their normal forms. Equal identifiers become one, which is verified if any of them is.
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

/// Returns the second factors. A user with a second factor must not log in without it, so a user whose factors can't be
/// carried over is refused, unless the options drop factors.
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
