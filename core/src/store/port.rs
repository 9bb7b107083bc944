//! The store port: whole domain operations, each atomic, each safe to race against every other.

use std::sync::Arc;

use async_trait::async_trait;

use super::account::AccountStore;
use super::audit::AuditStore;
use super::executor::Connections;
use super::import::ImportStore;
use super::model::{
    ChangeLimits, ConfirmedChange, ConfirmedRegistration, Credential, Expected, Factor, FactorAsker, FactorAttempt,
    FactorBudget, FactorChange, Factors, Flow, Identifier, IdentifierChange, IdentifierUpdate, NewUser, OpenedSession,
    Rotation, Session, SessionState, Spending, Spent, StoredKey, UserPage, UserWithIdentifiers,
};
use super::setup::SetupStore;
use crate::audit::AuditEntry;
use crate::clock::Millis;
use crate::failure::StoreError;

/// The most sessions that [`Store::revoke_surplus`] ends in one transaction.
pub const SURPLUS: u32 = 500;

/// The most wrong codes of a user that [`Store::attempt_code`] takes in its time.
pub const WRONG_CODES: u32 = 20;

/// The normal form of an identifier of a type (`kind`) and value, for rows that sentri 5 wrote without one.
pub type Normalizer = fn(kind: &str, value: &str) -> String;

/// Stands before the exact value in the `value_normalized` of an adopted identifier whose normal form an older
/// identifier holds. A control character, which no identifier may contain, so that such a value can't be registered.
pub const ADOPTED_MARKER: char = '\u{1}';

/// The duties of a driver of users, sessions and keys. `store::conformance` holds every implementation to them.
///
/// Every method is one transaction. A lost race is a value, never an error; [`StoreError::Conflict`] is left only
/// after the implementation's own retries.
#[async_trait]
pub trait Store: SetupStore + ImportStore + AccountStore + AuditStore {
    /// Brings the schema up to date. Safe to repeat and to run from many processes at once.
    async fn migrate(&self, now: Millis) -> Result<(), StoreError>;

    /// Whether the database answers and the tables are there: `SchemaMissing` or `Unavailable` otherwise.
    async fn check(&self) -> Result<(), StoreError>;

    /// The pool of connections at this moment. `None`: there is none, or the host has it.
    fn connections(&self) -> Option<Connections> {
        None
    }

    /// Ends pools. Later calls fail with `Unavailable`.
    async fn close(&self);

    /// Writes a user and its identifiers. `false`: one of the normalised values or of the claims is taken, nothing was
    /// written.
    async fn create_user(&self, user: &NewUser) -> Result<bool, StoreError>;

    /// The credential behind a login. `exact` is the identifier as given (trimmed), for adopted rows that share
    /// their normal form with an older one; such a row wins over the normal form, and that over `others`, further
    /// spellings of it.
    async fn find_credential(
        &self,
        normalized: &str,
        exact: &str,
        others: &[String],
    ) -> Result<Option<Credential>, StoreError>;

    /// The credential of a user known by id.
    async fn credential_of(&self, user_id: &str) -> Result<Option<Credential>, StoreError>;

    /// A user with its identifiers.
    async fn find_user(&self, user_id: &str) -> Result<Option<UserWithIdentifiers>, StoreError>;

    /// Users by ascending id, after the id `after`, at most `limit`. With `prefixes` only the owners of identifiers
    /// whose normal form begins with one of them.
    async fn list_users(&self, limit: u32, after: Option<&str>, prefixes: &[String]) -> Result<UserPage, StoreError>;

    /// Deletes a user with its identifiers and sessions, and remembers the id until then. `false`: there was none.
    async fn delete_user(&self, user_id: &str, remembered_until: Millis) -> Result<bool, StoreError>;

    /// Forgets the ids of deleted users that were to be remembered until before `now`.
    async fn purge_deleted_users(&self, now: Millis) -> Result<(), StoreError>;

    /// Replaces the role set. `false`: no such user.
    async fn set_roles(&self, user_id: &str, roles: &[String], now: Millis) -> Result<bool, StoreError>;

    /// Swaps a hash for a stronger one of the same password; sessions stay. `false`: the hash had changed.
    async fn rehash(&self, user_id: &str, old_hash: &str, new_hash: &str, now: Millis) -> Result<bool, StoreError>;

    /// Sets a new password hash and revokes every session of the user, in one step. With `expected`, only when
    /// that is still the hash. `false`: it was not, or there is no such user; nothing changed.
    async fn change_password(
        &self,
        user_id: &str,
        expected: Option<&str>,
        new_hash: &str,
        now: Millis,
    ) -> Result<bool, StoreError>;

    /// Writes a session, and looks whether its user has more than `most` live ones now. Only while the user is enabled
    /// and as `expected`, so that a login never outlives a change of credentials it raced. `None`: the user changed or
    /// is gone, or a code that was to be spent with it is spent; nothing was written.
    async fn create_session(
        &self,
        session: &Session,
        expected: Expected<'_>,
        most: u32,
    ) -> Result<Option<OpenedSession>, StoreError>;

    /// The session with its user's present roles, revoked or not.
    async fn find_session(&self, session_id: &str) -> Result<Option<SessionState>, StoreError>;

    /// Moves the generation from `expected` to `expected + 1`, sets `rotated_at = last_used_at = now` and
    /// `expires_at`, when the session is neither revoked nor past `expires_at` at `now`.
    async fn rotate(
        &self,
        session_id: &str,
        expected: i64,
        expires_at: Millis,
        now: Millis,
    ) -> Result<Rotation, StoreError>;

    /// Writes the assurance and the limit of `session` and advances its generation by two, so that the refresh token
    /// before is not the previous one, for which there is a grace period. As [`Store::rotate`] otherwise, and only
    /// while the user is as `expected`.
    async fn reauthenticate(
        &self,
        session: &Session,
        expected: Expected<'_>,
        now: Millis,
    ) -> Result<Rotation, StoreError>;

    /// Notes that a token of `generation`, the current one, was used without a rotation: `last_used_at` becomes
    /// `now`, and later than `rotated_at` in any case. Does nothing when the generation moved on.
    async fn touch_session(&self, session_id: &str, generation: i64, now: Millis) -> Result<(), StoreError>;

    /// The user's live sessions (not revoked, not expired at `now`), newest first.
    async fn list_sessions(&self, user_id: &str, now: Millis) -> Result<Vec<Session>, StoreError> {
        self.page_sessions(user_id, u32::MAX, None, now).await
    }

    /// At most `limit` of the user's live sessions, newest first, after the session with the given instant and id in
    /// `after`.
    async fn page_sessions(
        &self,
        user_id: &str,
        limit: u32,
        after: Option<(Millis, &str)>,
        now: Millis,
    ) -> Result<Vec<Session>, StoreError>;

    /// Revokes the user's live sessions beyond the newest `most`, at most [`SURPLUS`] at a time; `newest` counts as the
    /// newest of all. Answers the ids of those it ended.
    async fn revoke_surplus(
        &self,
        user_id: &str,
        newest: &str,
        most: u32,
        now: Millis,
    ) -> Result<Vec<String>, StoreError>;

    /// Revokes a session; only `user_id`'s when given. `false`: there was no live one.
    async fn revoke_session(&self, session_id: &str, user_id: Option<&str>, now: Millis) -> Result<bool, StoreError>;

    /// Revokes every live session of a user; answers their ids.
    async fn revoke_sessions(&self, user_id: &str, now: Millis) -> Result<Vec<String>, StoreError>;

    /// Adds identifiers to a user, within `limits`.
    async fn add_identifiers(
        &self,
        user_id: &str,
        identifiers: &[Identifier],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError> {
        self.update_identifiers(user_id, &[], identifiers, limits, now).await
    }

    /// Changes and adds identifiers of a user in one step, within `limits`; values may be swapped within one call.
    async fn update_identifiers(
        &self,
        user_id: &str,
        updates: &[IdentifierUpdate],
        inserts: &[Identifier],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError>;

    /// Deletes identifiers of a user. At least one must stay, and the limits on verified identifiers hold, even under
    /// concurrent calls.
    async fn delete_identifiers(
        &self,
        user_id: &str,
        ids: &[String],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError>;

    /// All stored keys, newest `active_from` first.
    async fn list_keys(&self) -> Result<Vec<StoredKey>, StoreError>;

    /// Adds `key` when the newest stored kid is `newest` (`None`: there is no key of any kind yet) and retires that key
    /// at `key.active_from`. `false`: another process was first; read the keys again.
    async fn add_key(&self, key: &StoredKey, newest: Option<&str>) -> Result<bool, StoreError>;

    /// Deletes keys retired before `before`.
    async fn delete_keys(&self, before: Millis) -> Result<u64, StoreError>;

    /// Deletes at most `limit` sessions that expired or were revoked before `before`; how many it was.
    async fn purge_sessions(&self, before: Millis, limit: u32) -> Result<u64, StoreError>;

    /// Writes a flow, bound to the present `auth_epoch` of its user. `false`: as many as `most` of the same purpose and
    /// subject are open, and nothing was written.
    async fn put_flow(&self, flow: &Flow, most: u32) -> Result<bool, StoreError>;

    /// The open flow whose token has this digest.
    async fn find_flow(&self, token_digest: &str, now: Millis) -> Result<Option<Flow>, StoreError>;

    /// Counts an attempt at the code of an open flow, before it is compared. `None`: the flow takes no attempt: it is
    /// spent, expired or unknown, its attempts are used up, or [`WRONG_CODES`] of its user's flows since `since` were
    /// wrong.
    async fn attempt_code(&self, flow_id: &str, since: Millis, now: Millis) -> Result<Option<Flow>, StoreError>;

    /// Spends an open flow of a user together with its effect. `false`: the flow is spent or expired, or the user's
    /// `auth_epoch` or identifier has changed; nothing changed.
    async fn spend_flow(&self, spending: &Spending<'_>, now: Millis) -> Result<bool, StoreError>;

    /// Writes a flow of the purpose `mfa` for a user whose password was right, while the user is as `expected`.
    /// `false`: the user is another by now, and nothing was written.
    async fn begin_mfa(&self, flow: &Flow, expected: Expected<'_>) -> Result<bool, StoreError>;

    /// The second factors of a user.
    async fn factors_of(&self, user_id: &str) -> Result<Factors, StoreError>;

    /// Writes a pending factor in place of the user's pending one of the same kind. `false`: no such user, or the
    /// session in which it is made has ended.
    async fn put_factor(&self, factor: &Factor, session_id: Option<&str>) -> Result<bool, StoreError>;

    /// Changes a user's factors, which ends open flows and, where it says so, sessions. `false`: the `auth_epoch` is
    /// another one by now, there is no such factor, or the session of the change has ended; nothing changed.
    async fn change_factors(&self, change: &FactorChange<'_>, now: Millis) -> Result<bool, StoreError>;

    /// Removes all factors of a user, which ends open flows and all sessions. `false`: no such user.
    async fn remove_factors(&self, user_id: &str, now: Millis) -> Result<bool, StoreError>;

    /// Counts an attempt at the code of a factor, before it is compared. The writes that spend a right code take it
    /// back: see [`Expected::unspent`].
    async fn attempt_factor(
        &self,
        asker: FactorAsker<'_>,
        budget: &FactorBudget,
        now: Millis,
    ) -> Result<FactorAttempt, StoreError>;

    /// Spends an open flow of a user and changes an identifier, which is verified then; all flows of the user end.
    async fn spend_change(&self, change: &ConfirmedChange<'_>, now: Millis) -> Result<Spent, StoreError>;

    /// Spends an open flow without a user and writes a user with a verified identifier; the flows of its subject end.
    async fn spend_registration(
        &self,
        registration: &ConfirmedRegistration<'_>,
        now: Millis,
    ) -> Result<Spent, StoreError>;

    /// Writes a user, its identifiers and a flow of it in one step. `false`: as of [`Store::create_user`].
    async fn invite_user(&self, user: &NewUser, flow: &Flow) -> Result<bool, StoreError>;

    /// Deletes at most `limit` flows that expired before `before`; how many it was.
    async fn purge_flows(&self, before: Millis, limit: u32) -> Result<u64, StoreError>;

    /// The same store inside a transaction of the host's, known by a number: its writes become part of the transaction,
    /// and nothing is retried. `None`: this store has connections of its own.
    fn within(&self, _transaction: u32) -> Option<Arc<dyn Store>> {
        None
    }

    /// The same store for one write, with which `entries` of the audit are written: in its transaction, and only where
    /// it changes something. `None`: this store keeps no audit.
    fn noting(&self, entries: Vec<AuditEntry>) -> Option<Arc<dyn Store>>;

    /// [`Store::find_session`] without waiting, for a driver that can read a row at once (`SQLite`).
    /// `None`: not possible here and now.
    fn find_session_now(&self, _session_id: &str) -> Option<Result<Option<SessionState>, StoreError>> {
        None
    }
}
