//! Makes the statements that insert many users of other systems.

use crate::clock::Millis;
use crate::store::executor::{Statement, Value};
use crate::store::import::NewImport;
use crate::store::model::{Factor, Identifier, NewUser};
use crate::store::sql::mark::fitting;
use crate::store::sql::roles_to_text;
use crate::store::sql::session_row::time;

/// The most rows of a statement. Every database takes ten times as many.
pub(super) const ROWS: usize = 500;

pub(super) fn users_inserts(users: &[&NewImport], now: Millis) -> Vec<Statement> {
    let insert = |users: &[&NewImport]| {
        let sql = "INSERT INTO sentri_users (id, password_hash, roles, created_at, updated_at, auth_epoch) VALUES ";
        let params = users.iter().flat_map(|NewImport { user, factors }| {
            let hash = user.password_hash.as_ref().map_or("", |hash| hash.expose());
            let hash = if factors.is_empty() { hash.to_owned() } else { fitting(hash) };
            let roles = roles_to_text(&user.roles);
            [user.id.as_str().into(), hash.into(), roles.into(), Value::Time(user.now), Value::Time(now)]
        });
        let rows = rows("(?, ?, ?, ?, ?, 0)", users.len());
        Statement::write(format!("{sql}{rows}"), params.collect::<Vec<_>>()).once()
    };
    users.chunks(ROWS).map(insert).collect()
}

pub(super) fn identifier_inserts(users: &[&NewImport]) -> Vec<Statement> {
    let mut all: Vec<_> =
        users.iter().flat_map(|one| one.user.identifiers.iter().map(|identifier| (&one.user, identifier))).collect();
    // The rows are sorted, so that two transactions can't wait for each other in a circle.
    all.sort_by(|(_, a), (_, b)| a.normalized.cmp(&b.normalized));
    let insert = |all: &[(&NewUser, &Identifier)]| {
        let sql = "INSERT INTO sentri_identifiers \
                   (id, user_id, type, value, created_at, value_normalized, verified_at) VALUES ";
        let params = all.iter().flat_map(|(user, one)| {
            [
                one.id.as_str().into(),
                user.id.as_str().into(),
                one.kind.as_str().into(),
                one.value.as_str().into(),
                Value::Time(user.now),
                one.normalized.as_str().into(),
                time(one.verified_at),
            ]
        });
        let rows = rows("(?, ?, ?, ?, ?, ?, ?)", all.len());
        Statement::write(format!("{sql}{rows}"), params.collect::<Vec<_>>()).once()
    };
    all.chunks(ROWS).map(insert).collect()
}

pub(super) fn factor_inserts(users: &[&NewImport]) -> Vec<Statement> {
    let all: Vec<_> = users.iter().flat_map(|one| &one.factors).collect();
    let insert = |all: &[&Factor]| {
        let sql = "INSERT INTO sentri_factors \
                   (id, user_id, kind, label, secret, last_step, created_at, confirmed_at, last_used_at) VALUES ";
        let params = all.iter().flat_map(|one| {
            [
                one.id.as_str().into(),
                one.user_id.as_str().into(),
                one.kind.as_str().into(),
                one.label.as_deref().into(),
                one.secret.expose().as_str().into(),
                Value::Int(one.last_step),
                Value::Time(one.created_at),
                time(one.confirmed_at),
                time(one.last_used_at),
            ]
        });
        let rows = rows("(?, ?, ?, ?, ?, ?, ?, ?, ?)", all.len());
        Statement::write(format!("{sql}{rows}"), params.collect::<Vec<_>>()).once()
    };
    all.chunks(ROWS).map(insert).collect()
}

pub(super) fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

pub(super) fn rows(row: &str, count: usize) -> String {
    vec![row; count].join(", ")
}
