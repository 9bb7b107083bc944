//! Flows. A change that counts a user's flows or attempts locks the user's row first, so that attempts at several flows
//! of a user are serial.

use crate::clock::Millis;
use crate::crypto::Secret;
use crate::failure::StoreError;
use crate::store::WRONG_CODES;
use crate::store::executor::{Batch, Executor, Statement, Value};
use crate::store::model::{Flow, Identifier, Spending, StoredCode};
use crate::store::sql::factor_rows::delete_factors;
use crate::store::sql::mark::remark;
use crate::store::sql::{Row, SqlStore, id, row_of};

macro_rules! flow_results {
    () => {
        "id, purpose, user_id, subject, token_digest, code_digest, code_kid, [code_expires_at], attempts, \
         max_attempts, context, [created_at], [expires_at]"
    };
}

/// The purpose of the flows between the first proof of a login and the second factor.
pub(super) const MFA: &str = "mfa";

/// The condition that a flow can still be spent.
pub(super) const OPEN: &str = "consumed_at IS NULL AND expires_at > ?";

/// The condition that a flow has no user, or that its user still has the `auth_epoch` of the flow's creation.
const OF_THESE_CREDENTIALS: &str = "(user_id IS NULL OR auth_epoch = (SELECT sentri_users.auth_epoch FROM sentri_users \
     WHERE sentri_users.id = sentri_flows.user_id))";

/// Ends all open flows of a user, and deletes their payloads.
pub(super) fn end_flows(user_id: &str, now: Millis) -> Statement {
    let sql = "UPDATE sentri_flows SET consumed_at = ?, context = '' WHERE user_id = ? AND consumed_at IS NULL";
    Statement::write(sql, [Value::Time(now), id(user_id)])
}

/// Ends all open flows of a user after a change of an identifier, except changes and verifications of other
/// identifiers.
pub(super) fn end_flows_about(user_id: &str, identifier_id: &str, now: Millis) -> Statement {
    let sql = "UPDATE sentri_flows SET consumed_at = ?, context = '' WHERE user_id = ? AND consumed_at IS NULL \
               AND (subject = ? OR purpose NOT IN ('change', 'verify'))";
    Statement::write(sql, [Value::Time(now), id(user_id), identifier_id.into()])
}

/// Writes a flow, unless `most` of its purpose and subject are open.
pub(super) fn insert_flow(flow: &Flow, most: u32) -> Statement {
    // A derived table is used, since MySQL takes no WHERE without a table, and PostgreSQL knows no DUAL.
    let sql = format!(
        "INSERT INTO sentri_flows (id, purpose, user_id, subject, token_digest, code_digest, code_kid, \
         code_expires_at, attempts, max_attempts, context, auth_epoch, created_at, expires_at) \
         SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
         COALESCE((SELECT auth_epoch FROM sentri_users WHERE id == ?), 0), ?, ? \
         FROM (SELECT COUNT(*) AS flows FROM sentri_flows WHERE subject = ? AND purpose = ? AND {OPEN}) AS present \
         WHERE present.flows < ?"
    );
    let (purpose, subject) = (Value::from(flow.purpose.as_str()), Value::from(flow.subject.as_str()));
    let user = flow.user_id.as_deref().map_or(Value::Null, id);
    let code = flow.code.as_ref();
    Statement::write(
        sql,
        [
            flow.id.as_str().into(),
            purpose.clone(),
            user.clone(),
            subject.clone(),
            flow.token_digest.as_str().into(),
            code.map(|code| code.digest.as_str()).into(),
            code.map(|code| code.kid.as_str()).into(),
            code.map_or(Value::Null, |code| Value::Time(code.expires_at)),
            Value::Int(flow.attempts),
            Value::Int(flow.max_attempts),
            context_of(flow).into(),
            user,
            Value::Time(flow.created_at),
            Value::Time(flow.expires_at),
            subject,
            purpose,
            Value::Time(flow.created_at),
            Value::Int(i64::from(most)),
        ],
    )
}

impl<E: Executor> SqlStore<E> {
    pub(super) async fn put_flow(&self, flow: &Flow, most: u32) -> Result<bool, StoreError> {
        self.applies(Batch::of([self.lock_owner(flow), insert_flow(flow, most).expect(1)])).await
    }

    /// Locks the row of a flow's user. Without a user it does the same work in vain, so that the time reveals nothing.
    fn lock_owner(&self, flow: &Flow) -> Statement {
        let lock = self.lock_user(flow.user_id.as_deref().unwrap_or(" "));
        if flow.user_id.is_some() { lock } else { lock.expect(0) }
    }

    pub(super) async fn find_flow(&self, token_digest: &str, now: Millis) -> Result<Option<Flow>, StoreError> {
        let sql = concat!("SELECT ", flow_results!(), " FROM sentri_flows WHERE token_digest = ?");
        let sql = format!("{sql} AND {OPEN} AND {OF_THESE_CREDENTIALS}");
        self.one_flow(Statement::read(sql, [id(token_digest), Value::Time(now)])).await
    }

    async fn one_flow(&self, statement: Statement) -> Result<Option<Flow>, StoreError> {
        self.rows(statement).await?.pop().map(flow_from).transpose()
    }

    pub(super) async fn attempt_code(
        &self,
        flow_id: &str,
        since: Millis,
        now: Millis,
    ) -> Result<Option<Flow>, StoreError> {
        let sql = concat!("SELECT ", flow_results!(), " FROM sentri_flows WHERE id = ?");
        let Some(flow) = self.one_flow(Statement::read(sql, [id(flow_id)])).await? else { return Ok(None) };
        let (whose, owner) = match &flow.user_id {
            Some(user_id) => ("user_id", user_id),
            None => ("subject", &flow.subject),
        };
        // The sum is over an inner table, because MySQL can't read the table that it changes. It leaves out the purpose
        // `mfa`, since codes of second factors have budgets of their own.
        let sql = format!(
            "UPDATE sentri_flows SET attempts = attempts + 1 WHERE id = ? AND {OPEN} AND code_expires_at > ? \
             AND attempts < max_attempts AND (SELECT COALESCE(SUM(tried.attempts), 0) FROM \
             (SELECT attempts FROM sentri_flows WHERE {whose} = ? AND purpose <> ? AND created_at > ?) AS tried) \
             < {WRONG_CODES}"
        );
        let (id, now) = (Value::from(flow.id.as_str()), Value::Time(now));
        let params = [id, now.clone(), now, owner.as_str().into(), MFA.into(), Value::Time(since)];
        let count = Statement::write(sql, params);
        let is_counted = self.applies(Batch::of([self.lock_owner(&flow), count.expect(1)])).await?;
        Ok(is_counted.then_some(flow))
    }

    pub(super) async fn spend_flow(&self, spending: &Spending<'_>, now: Millis) -> Result<bool, StoreError> {
        let (Some(user_id), Some(spent)) = (&spending.flow.user_id, spend(spending, now)) else { return Ok(false) };
        let mut batch = vec![self.lock_user(user_id)];
        batch.extend(spent);
        self.applies(Batch::of(batch)).await
    }

    pub(super) async fn purge_flows(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        self.purge("sentri_flows", "expires_at", before, limit).await
    }
}

/// Returns the statements that spend a flow with its effect, to run after its user's row is locked. One of them misses
/// its expectation if the flow can't be spent. Returns `None` if the flow has no user or is about another identifier.
pub(super) fn spend(spending: &Spending<'_>, now: Millis) -> Option<Vec<Statement>> {
    let Spending { flow, proves, new_hash, takes_over, .. } = *spending;
    let user_id = flow.user_id.as_deref()?;
    if proves.map_or("", |identifier| &identifier.id) != flow.identifier_id {
        return None;
    }
    let (user, at) = (|| id(user_id), Value::Time(now));
    let mut batch = vec![consume(spending, user_id, now)];
    // An admin chose the addresses of an invited user, so none is dropped.
    let drops = takes_over && flow.purpose != "invite";
    batch.extend(proves.into_iter().flat_map(|identifier| prove(user_id, identifier, drops, now)));
    if let Some(new_hash) = new_hash {
        let sql =
            "UPDATE sentri_users SET password_hash = ?, updated_at = ?, auth_epoch = auth_epoch + 1 WHERE id == ?";
        batch.push(Statement::write(sql, [new_hash.into(), at.clone(), user()]).expect(1));
    }
    if takes_over {
        batch.extend(delete_factors(user_id));
    }
    if new_hash.is_some() || takes_over {
        batch.extend([remark(user_id), end_flows(user_id, now)]);
        let sql = "UPDATE sentri_sessions SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL";
        batch.push(Statement::write(sql, [at, user()]));
    } else {
        let sql = "UPDATE sentri_flows SET consumed_at = ? WHERE user_id = ? AND purpose = ? AND subject = ? \
                   AND consumed_at IS NULL";
        let which = [at, user(), flow.purpose.as_str().into(), flow.subject.as_str().into()];
        batch.push(Statement::write(sql, which));
    }
    Some(batch)
}

/// Marks a flow as spent. It misses its expectation if the flow is not open, or the user has changed since the flow was
/// judged, for example by the verification of an address.
fn consume(spending: &Spending<'_>, user_id: &str, now: Millis) -> Statement {
    let Spending { flow, by_code, new_hash, takes_over, .. } = *spending;
    let (user, at) = (|| id(user_id), Value::Time(now));
    let consume = format!(
        "UPDATE sentri_flows SET consumed_at = ?, attempts = attempts - ?, context = '' WHERE id = ? AND {OPEN} \
         AND auth_epoch = (SELECT auth_epoch FROM sentri_users WHERE id == ?)"
    );
    let refunded = Value::Int(i64::from(by_code));
    let mut consumed = vec![at.clone(), refunded, flow.id.as_str().into(), at, user()];
    let eligible = if takes_over {
        consumed.push(user());
        " AND NOT EXISTS (SELECT 1 FROM sentri_identifiers WHERE user_id = ? AND verified_at IS NOT NULL)"
    } else if new_hash.is_some() || flow.purpose == "login-code" {
        consumed.push(id(&flow.identifier_id));
        " AND EXISTS (SELECT 1 FROM sentri_identifiers WHERE id == ? AND verified_at IS NOT NULL)"
    } else {
        ""
    };
    Statement::write(format!("{consume}{eligible}"), consumed).expect(1)
}

/// Returns the context column of a flow: `identifier|digest of its address` or nothing, and the payload in a line of
/// its own. No digest holds the separator.
fn context_of(flow: &Flow) -> String {
    let mut context = String::new();
    if !flow.identifier_id.is_empty() {
        context = format!("{}|{}", flow.identifier_id, flow.address_digest);
    }
    if !flow.payload.expose().is_empty() {
        context.push('\n');
        context.push_str(flow.payload.expose());
    }
    context
}

/// Splits the context of a row from its payload.
pub(super) fn payload_of(context: &str) -> (&str, &str) {
    context.split_once('\n').unwrap_or((context, ""))
}

/// Returns the parts of [`context_of`]: the identifier, the digest of its address, and the payload.
pub(super) fn parts_of_context(context: &str) -> (&str, &str, &str) {
    let (context, payload) = payload_of(context);
    // An early row has the id alone, and without a digest it can't be spent.
    let (identifier_id, address_digest) = context.rsplit_once('|').unwrap_or((context, ""));
    (identifier_id, address_digest, payload)
}

/// Returns the statements that mark an identifier as verified. One of them misses its expectation if the type or value
/// has changed.
fn prove(user_id: &str, identifier: &Identifier, drops_others: bool, now: Millis) -> Vec<Statement> {
    let (identifier_id, mut statements) = (identifier.id.as_str(), Vec::new());
    if drops_others {
        let sql = "DELETE FROM sentri_identifiers WHERE user_id = ? AND id <> ? AND verified_at IS NULL \
                   AND type <> 'username'";
        statements.push(Statement::write(sql, [id(user_id), id(identifier_id)]));
    }
    let (kind, value) = (|| Value::from(identifier.kind.as_str()), || Value::from(identifier.value.as_str()));
    let sql = "SELECT id FROM sentri_identifiers WHERE id == ? AND user_id = ? AND type = ? AND value == ?";
    statements.push(Statement::read(sql, [id(identifier_id), id(user_id), kind(), value()]).expect(1));
    let sql = "UPDATE sentri_identifiers SET verified_at = ? WHERE id == ? AND type = ? AND value == ? \
               AND verified_at IS NULL";
    statements.push(Statement::write(sql, [Value::Time(now), id(identifier_id), kind(), value()]));
    statements
}

fn flow_from(row: Row) -> Result<Flow, StoreError> {
    let [
        id,
        purpose,
        user_id,
        subject,
        token_digest,
        digest,
        kid,
        code_expires_at,
        attempts,
        max_attempts,
        context,
        created_at,
        expires_at,
    ] = row_of(row)?;
    let context = context.into_text()?;
    let (identifier_id, address_digest, payload) = parts_of_context(&context);
    let code = match (digest.into_optional_text()?, code_expires_at.into_optional_time()?) {
        (Some(digest), Some(expires_at)) => {
            Some(StoredCode { digest, kid: kid.into_optional_text()?.unwrap_or_default(), expires_at })
        }
        _ => None,
    };
    Ok(Flow {
        id: id.into_text()?,
        purpose: purpose.into_text()?,
        user_id: user_id.into_optional_text()?,
        subject: subject.into_text()?,
        token_digest: token_digest.into_text()?,
        code,
        attempts: attempts.into_int()?,
        max_attempts: max_attempts.into_int()?,
        identifier_id: identifier_id.to_owned(),
        address_digest: address_digest.to_owned(),
        payload: Secret::new(payload.to_owned()),
        created_at: created_at.into_time()?,
        expires_at: expires_at.into_time()?,
    })
}
