//! Writes users of other systems in rounds. A round is judged by a few reads, and written by a few statements of many
//! rows.

use std::collections::{BTreeSet, HashMap, HashSet};

use async_trait::async_trait;

use crate::audit::AuditEntry;
use crate::clock::Millis;
use crate::crypto::make_id;
use crate::failure::StoreError;
use crate::identifier::Claim;
use crate::store::ADOPTED_MARKER;
use crate::store::executor::{Batch, Executor, Outcome, Statement, Value};
use crate::store::import::{ImportStore, Imported, NewImport};
use crate::store::model::Identifier;
use crate::store::sql::claims::placeholder;
use crate::store::sql::import_rows::{ROWS, factor_inserts, identifier_inserts, marks, rows, users_inserts};
use crate::store::sql::{SqlStore, row_of};

/// The most parameters of a list. Every database takes ten times as many.
const LISTED: usize = 2_000;
/// The most times that a user who lost a race is judged again alone.
const RACES: usize = 3;

#[async_trait]
impl<E: Executor> ImportStore for SqlStore<E> {
    async fn import_users(&self, users: &[NewImport], now: Millis, writes: bool) -> Result<Vec<Imported>, StoreError> {
        let mut ends: Vec<Option<Imported>> = vec![None; users.len()];
        let mut left: Vec<usize> = (0..users.len()).collect();
        while !left.is_empty() {
            let (round, later) = apart(users, &left);
            if !self.import_round(users, &round, &mut ends, now, writes).await? {
                for one in &round {
                    self.import_alone(users, *one, &mut ends, now).await?;
                }
            }
            left = if writes { later } else { judge_shared(users, later, &mut ends) };
        }
        let missing = || StoreError::Other("an imported user was not judged".to_owned());
        ends.into_iter().map(|end| end.ok_or_else(missing)).collect()
    }
}

/// Splits users into those that share neither an id nor a name to sign in by with an earlier user, and the others.
fn apart(users: &[NewImport], left: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
    left.iter().copied().partition(|at| {
        let NewImport { user, .. } = &users[*at];
        let is_free = !ids.contains(user.id.as_str()) && !keys_of(&users[*at]).any(|key| keys.contains(key));
        ids.insert(user.id.as_str());
        keys.extend(keys_of(&users[*at]));
        is_free
    })
}

/// Returns the keys of a user's identifiers. Spellings that may lead to the same user have an equal key.
fn keys_of(import: &NewImport) -> impl Iterator<Item = &str> {
    let normalized = import.user.identifiers.iter().map(|one| one.normalized.as_str());
    import.user.claims.iter().map(|claim| claim.key.as_str()).chain(normalized)
}

/// Existing identifiers with a spelling of a round, by their normal form. Each value is a type and the id of a user.
type Found = HashMap<String, Vec<(String, String)>>;

impl<E: Executor> SqlStore<E> {
    /// Judges and writes a round of users. Returns `false` and writes nothing if somebody else wrote meanwhile.
    async fn import_round(
        &self,
        users: &[NewImport],
        round: &[usize],
        ends: &mut [Option<Imported>],
        now: Millis,
        writes: bool,
    ) -> Result<bool, StoreError> {
        let all: Vec<&NewImport> = round.iter().map(|at| &users[*at]).collect();
        let ids: Vec<&str> = all.iter().map(|one| one.user.id.as_str()).collect();
        let there = self.ids_in("sentri_users", &ids).await?;
        let deleted = self.ids_in("sentri_deleted_users", &ids).await?;
        let found = self.find_spellings(&all).await?;
        let mut free = Vec::new();
        for (at, one) in round.iter().zip(all) {
            let id = one.user.id.as_str();
            let end = match (there.contains(id), deleted.contains(id)) {
                (true, _) if is_theirs(one, &found) => Imported::Present,
                (true, _) => Imported::OtherUser,
                (false, true) => Imported::Deleted,
                (false, false) if is_taken(one, &found) => Imported::Taken,
                (false, false) => {
                    free.push(one);
                    Imported::Written
                }
            };
            ends[*at] = Some(end);
        }
        Ok(!writes || free.is_empty() || self.write_imports(&free, now).await?)
    }

    /// Imports a single user of a round that could not be written as a whole.
    async fn import_alone(
        &self,
        users: &[NewImport],
        at: usize,
        ends: &mut [Option<Imported>],
        now: Millis,
    ) -> Result<(), StoreError> {
        for _ in 0..RACES {
            if self.import_round(users, &[at], ends, now, true).await? {
                return Ok(());
            }
        }
        ends[at] = Some(Imported::Taken);
        Ok(())
    }

    async fn ids_in(&self, table: &'static str, ids: &[&str]) -> Result<HashSet<String>, StoreError> {
        let mut found = HashSet::new();
        for ids in ids.chunks(LISTED) {
            let sql = format!("SELECT id FROM {table} WHERE id IN ({})", marks(ids.len()));
            let params: Vec<Value> = ids.iter().map(|id| Value::from(*id)).collect();
            for row in self.rows(Statement::read(sql, params).once()).await? {
                let [id] = row_of(row)?;
                found.insert(id.into_text()?);
            }
        }
        Ok(found)
    }

    async fn find_spellings(&self, all: &[&NewImport]) -> Result<Found, StoreError> {
        let spellings: BTreeSet<String> = all
            .iter()
            .flat_map(|one| one.user.claims.iter().flat_map(|claim| &claim.spellings))
            .flat_map(|spelling| [spelling.clone(), format!("{ADOPTED_MARKER}{spelling}")])
            .chain(all.iter().flat_map(|one| one.user.identifiers.iter().map(|one| one.normalized.clone())))
            .collect();
        let spellings: Vec<String> = spellings.into_iter().collect();
        let mut found = Found::new();
        for spellings in spellings.chunks(LISTED) {
            let sql = format!(
                "SELECT value_normalized, type, user_id FROM sentri_identifiers WHERE value_normalized IN ({})",
                marks(spellings.len())
            );
            let params: Vec<Value> = spellings.iter().map(|spelling| Value::from(spelling.as_str())).collect();
            for row in self.rows(Statement::read(sql, params).once()).await? {
                let [normalized, kind, user] = row_of(row)?;
                let normalized = normalized.into_text()?;
                let normalized = normalized.strip_prefix(ADOPTED_MARKER).unwrap_or(&normalized).to_owned();
                found.entry(normalized).or_default().push((kind.into_text()?, user.into_text()?));
            }
        }
        Ok(found)
    }

    /// Writes users whose ids and names were judged free. Returns `false` if somebody else took a value meanwhile.
    async fn write_imports(&self, users: &[&NewImport], now: Millis) -> Result<bool, StoreError> {
        let mut batch = users_inserts(users, now);
        let (waits, checks, end) = self.bulk_guards(users, now);
        batch.extend(waits);
        batch.extend(checks);
        batch.extend(identifier_inserts(users));
        batch.extend(end);
        batch.extend(factor_inserts(users));
        let counted = |entry: &AuditEntry| {
            let change = entry.change.clone().with("count", users.len());
            AuditEntry { change, ..entry.clone() }
        };
        let entries: Vec<AuditEntry> = self.entries.iter().map(counted).collect();
        match self.run_noting(Batch::of(batch), &entries).await {
            Ok(outcome) => Ok(matches!(outcome, Outcome::Done(_))),
            Err(StoreError::Unique(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// [`SqlStore::guard_claims`] for many users. An e-mail address with a single spelling needs no guard. Only another
    /// e-mail address can lead to it, and that has the same normal form, which is unique. Earlier reads have covered
    /// older rows.
    fn bulk_guards(&self, users: &[&NewImport], now: Millis) -> (Vec<Statement>, Vec<Statement>, Vec<Statement>) {
        let claims = users.iter().copied().flat_map(|one| {
            let guarded = one.user.claims.iter().filter(move |claim| !is_mail(one, claim));
            guarded.map(move |claim| (one.user.id.as_str(), claim))
        });
        let claims: Vec<_> = claims.collect();
        let keys: BTreeSet<(&str, &str)> = claims.iter().map(|(user, claim)| (claim.key.as_str(), *user)).collect();
        let keys: Vec<(&str, &str)> = keys.into_iter().collect();
        let waits = keys.chunks(ROWS).map(|keys| {
            let insert =
                "INSERT INTO sentri_identifiers (id, user_id, type, value, created_at, value_normalized) VALUES ";
            let sql = format!("{insert}{}{}", rows("(?, ?, ?, ?, ?, ?)", keys.len()), self.executor.dialect().waits);
            let params = keys.iter().flat_map(|(key, user)| {
                let wait = [make_id().into(), Value::from(*user), "claim".into(), "".into(), Value::Time(now)];
                wait.into_iter().chain([placeholder(key).into()])
            });
            Statement::write(sql, params.collect::<Vec<_>>()).once()
        });
        let mut by_kinds: HashMap<Option<&[&str]>, BTreeSet<&str>> = HashMap::new();
        for (_, claim) in &claims {
            by_kinds.entry(claim.kinds).or_default().extend(claim.spellings.iter().map(String::as_str));
        }
        let checks = by_kinds.into_iter().flat_map(|(kinds, spellings)| {
            let spellings: Vec<&str> = spellings.into_iter().collect();
            spellings.chunks(LISTED).map(|spellings| check(spellings, kinds)).collect::<Vec<_>>()
        });
        let ends = keys.chunks(LISTED).map(|keys| {
            let sql = format!("DELETE FROM sentri_identifiers WHERE value_normalized IN ({})", marks(keys.len()));
            let params: Vec<Value> = keys.iter().map(|(key, _)| Value::from(placeholder(key))).collect();
            Statement::write(sql, params).once()
        });
        (waits.collect(), checks.collect(), ends.collect())
    }
}

/// Judges users who share an id or a name to sign in by with an earlier user, for a dry run.
fn judge_shared(users: &[NewImport], later: Vec<usize>, ends: &mut [Option<Imported>]) -> Vec<usize> {
    for at in later {
        let id = users[at].user.id.as_str();
        let is_same = users[..at].iter().any(|before| before.user.id == id);
        ends[at] = Some(if is_same { Imported::Present } else { Imported::Taken });
    }
    Vec::new()
}

/// Whether an identifier of the import belongs to the user of the same id already.
fn is_theirs(one: &NewImport, found: &Found) -> bool {
    let owners = |normalized: &str| found.get(normalized).into_iter().flatten();
    one.user.identifiers.iter().any(|mine| owners(&mine.normalized).any(|(_, user)| *user == one.user.id))
}

/// Whether a name to sign in by would lead to another user.
fn is_taken(one: &NewImport, found: &Found) -> bool {
    let stands = |kinds: Option<&[&str]>, spelling: &str| {
        let rows = found.get(spelling).into_iter().flatten();
        rows.clone().any(|(kind, _)| kinds.is_none_or(|kinds| kinds.contains(&kind.as_str())))
    };
    let by_claim = one.user.claims.iter().any(|claim| claim.spellings.iter().any(|one| stands(claim.kinds, one)));
    by_claim || one.user.identifiers.iter().any(|one| stands(None, &one.normalized))
}

fn is_mail(one: &NewImport, claim: &Claim) -> bool {
    let is_claimed = |identifier: &Identifier| identifier.kind == "email" && claim.is_of_one(&identifier.normalized);
    one.user.identifiers.iter().any(is_claimed)
}

fn check(spellings: &[&str], kinds: Option<&[&str]>) -> Statement {
    let mut params: Vec<Value> = spellings.iter().map(|spelling| Value::from(*spelling)).collect();
    let kinds = kinds.map_or_else(String::new, |kinds| {
        params.extend(kinds.iter().map(|kind| Value::from(*kind)));
        format!(" AND type IN ({})", marks(kinds.len()))
    });
    let sql = format!(
        "SELECT id FROM sentri_identifiers WHERE value_normalized IN ({}){kinds} LIMIT 1",
        marks(spellings.len())
    );
    Statement::read(sql, params).once().expect(0)
}
