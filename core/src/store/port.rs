//! The store port. Each of its methods is a whole operation, atomic, and safe to run beside every other.

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

/// The most wrong codes of a user that [`Store::attempt_code`] accepts since a given instant.
pub const WRONG_CODES: u32 = 20;

/// A function that returns the normal form of an identifier of a type (`kind`) and value, for rows that sentri 5 wrote
/// without one.
pub type Normalizer = fn(kind: &str, value: &str) -> String;

/// The character before the exact value in the `value_normalized` of an adopted identifier whose normal form an older
/// identifier has. It is a control character, which no identifier may contain, so nobody can register such a value.
pub const ADOPTED_MARKER: char = '\u{1}';

/// The port to users, sessions and keys. The tests in tests/core/store/conformance.rs hold for every implementation.
///
/// Every method is one transaction. A lost race is a value and never an error. [`StoreError::Conflict`] is returned
/// only after the implementation's own retries.
#[async_trait]
pub trait Store: SetupStore + ImportStore + AccountStore + AuditStore {
    /// Brings the schema up to date. It is safe to repeat, and to run in many processes at once.
    async fn migrate(&self, now: Millis) -> Result<(), StoreError>;

    /// Checks that the database answers and the tables are there. It fails with `Unavailable` or `SchemaMissing`.
    async fn check(&self) -> Result<(), StoreError>;

    /// Returns the present state of the pool of connections, or `None` if there is no pool or the host has it.
    fn connections(&self) -> Option<Connections> {
        None
    }

    /// Closes all connections. Later calls fail with `Unavailable`.
    async fn close(&self);

    /// Writes a user with identifiers. Returns `false` and writes nothing if a normal form or a claim is taken.
    async fn create_user(&self, user: &NewUser) -> Result<bool, StoreError>;

    /// Finds the credential for a login. `exact` is the identifier as given (trimmed), for adopted rows that share
    /// their normal form with an older row. Such a row goes before a row with the normal form, and that goes before
    /// rows with `others`, which are further spellings.
    async fn find_credential(
        &self,
        normalized: &str,
        exact: &str,
        others: &[String],
    ) -> Result<Option<Credential>, StoreError>;

    /// Returns the ids of the users who have an identifier with one of these normal forms.
    async fn holders_of(&self, normalized: &[String]) -> Result<Vec<String>, StoreError>;

    /// Returns the credential of a user.
    async fn credential_of(&self, user_id: &str) -> Result<Option<Credential>, StoreError>;

    /// Returns a user with the user's identifiers.
    async fn find_user(&self, user_id: &str) -> Result<Option<UserWithIdentifiers>, StoreError>;

    /// Lists at most `limit` users by ascending id, after the id `after`. With `prefixes` it lists only users with an
    /// identifier whose normal form begins with one of them.
    async fn list_users(&self, limit: u32, after: Option<&str>, prefixes: &[String]) -> Result<UserPage, StoreError>;

    /// Deletes a user with identifiers, sessions, factors and flows, and remembers the id until `remembered_until`.
    /// Returns `false` if there was no such user.
    async fn delete_user(&self, user_id: &str, remembered_until: Millis) -> Result<bool, StoreError>;

    /// Forgets the ids of deleted users whose time to be remembered ended before `now`.
    async fn purge_deleted_users(&self, now: Millis) -> Result<(), StoreError>;

    /// Replaces the roles of a user. Returns `false` if there is no such user.
    async fn set_roles(&self, user_id: &str, roles: &[String], now: Millis) -> Result<bool, StoreError>;

    /// Replaces a hash by a stronger one of the same password. Sessions stay. Returns `false` if the hash had changed.
    async fn rehash(&self, user_id: &str, old_hash: &str, new_hash: &str, now: Millis) -> Result<bool, StoreError>;

    /// Sets a new password hash and revokes every session of the user. Returns `false` and changes nothing if there is
    /// no such user, or if `expected` is given and is no longer the hash.
    async fn change_password(
        &self,
        user_id: &str,
        expected: Option<&str>,
        new_hash: &str,
        now: Millis,
    ) -> Result<bool, StoreError>;

    /// Writes a session, and tells whether the user has more than `most` live sessions now. The user must be enabled
    /// and as `expected`, so that no login outlives a concurrent change of credentials. Returns `None` and writes
    /// nothing if the user changed, is disabled or is gone, or if a code to spend is spent already.
    async fn create_session(
        &self,
        session: &Session,
        expected: Expected<'_>,
        most: u32,
    ) -> Result<Option<OpenedSession>, StoreError>;

    /// Returns a session, revoked or not, with the present roles of its user.
    async fn find_session(&self, session_id: &str) -> Result<Option<SessionState>, StoreError>;

    /// Moves the generation from `expected` to `expected + 1`, and sets `rotated_at` and `last_used_at` to `now`, and
    /// `expires_at`. The session must be neither revoked nor expired at `now`.
    async fn rotate(
        &self,
        session_id: &str,
        expected: i64,
        expires_at: Millis,
        now: Millis,
    ) -> Result<Rotation, StoreError>;

    /// Writes the assurance and the end of `session`, and advances its generation by two. The earlier refresh token is
    /// then not the previous one, so it gets no grace period. The conditions are those of [`Store::rotate`], and the
    /// user must be as `expected`.
    async fn reauthenticate(
        &self,
        session: &Session,
        expected: Expected<'_>,
        now: Millis,
    ) -> Result<Rotation, StoreError>;

    /// Notes that a token of the present generation was used without a rotation. `last_used_at` becomes `now`, or just
    /// later than `rotated_at`. Does nothing if the session has left `generation`.
    async fn touch_session(&self, session_id: &str, generation: i64, now: Millis) -> Result<(), StoreError>;

    /// Lists the user's live sessions, which are neither revoked nor expired at `now`, newest first.
    async fn list_sessions(&self, user_id: &str, now: Millis) -> Result<Vec<Session>, StoreError> {
        self.page_sessions(user_id, u32::MAX, None, now).await
    }

    /// Lists at most `limit` of the user's live sessions, newest first, after the session with the time and id in
    /// `after`.
    async fn page_sessions(
        &self,
        user_id: &str,
        limit: u32,
        after: Option<(Millis, &str)>,
        now: Millis,
    ) -> Result<Vec<Session>, StoreError>;

    /// Revokes the user's live sessions beyond the newest `most`, at most [`SURPLUS`] at a time. `newest` counts as the
    /// newest of all. Returns the ids of the revoked sessions.
    async fn revoke_surplus(
        &self,
        user_id: &str,
        newest: &str,
        most: u32,
        now: Millis,
    ) -> Result<Vec<String>, StoreError>;

    /// Revokes a session, if `user_id` is `None` or its user. Returns `false` if there was no such live session.
    async fn revoke_session(&self, session_id: &str, user_id: Option<&str>, now: Millis) -> Result<bool, StoreError>;

    /// Revokes every live session of a user, and returns their ids.
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

    /// Changes and adds identifiers of a user, within `limits`. Values may be swapped in a call.
    async fn update_identifiers(
        &self,
        user_id: &str,
        updates: &[IdentifierUpdate],
        inserts: &[Identifier],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError>;

    /// Deletes identifiers of a user. At least one must remain, and the limits on verified identifiers hold, even under
    /// concurrent calls.
    async fn delete_identifiers(
        &self,
        user_id: &str,
        ids: &[String],
        limits: &ChangeLimits,
        now: Millis,
    ) -> Result<IdentifierChange, StoreError>;

    /// Lists all stored keys, latest `active_from` first.
    async fn list_keys(&self) -> Result<Vec<StoredKey>, StoreError>;

    /// Adds `key` if `newest` is the kid of the newest key, or `None` and there is no key. Retires that key at
    /// `key.active_from`. Returns `false` if another process was first, so that the keys must be read again.
    async fn add_key(&self, key: &StoredKey, newest: Option<&str>) -> Result<bool, StoreError>;

    /// Deletes keys that were retired before `before`, and returns their number.
    async fn delete_keys(&self, before: Millis) -> Result<u64, StoreError>;

    /// Deletes at most `limit` sessions that expired or were revoked before `before`, and returns their number.
    async fn purge_sessions(&self, before: Millis, limit: u32) -> Result<u64, StoreError>;

    /// Writes a flow, which is bound to the present `auth_epoch` of its user. Returns `false` and writes nothing if
    /// `most` flows of the same purpose and subject are open.
    async fn put_flow(&self, flow: &Flow, most: u32) -> Result<bool, StoreError>;

    /// Finds the open flow whose token has this digest.
    async fn find_flow(&self, token_digest: &str, now: Millis) -> Result<Option<Flow>, StoreError>;

    /// Counts an attempt at the code of an open flow, before the code is compared. Returns `None` if the flow is spent,
    /// expired or unknown, its attempts are used up, or [`WRONG_CODES`] codes of its user were wrong since `since`.
    /// Codes of second factors, which [`Store::attempt_factor`] counts, are not among these.
    async fn attempt_code(&self, flow_id: &str, since: Millis, now: Millis) -> Result<Option<Flow>, StoreError>;

    /// Spends an open flow of a user together with its effect. Returns `false` and changes nothing if the flow is spent
    /// or expired, or the user's `auth_epoch` or identifier has changed.
    async fn spend_flow(&self, spending: &Spending<'_>, now: Millis) -> Result<bool, StoreError>;

    /// Writes a flow of the purpose `mfa` for a user whose first proof was right. Returns `false` and writes nothing if
    /// the user is no longer as `expected`.
    async fn begin_mfa(&self, flow: &Flow, expected: Expected<'_>) -> Result<bool, StoreError>;

    /// Returns the second factors of a user.
    async fn factors_of(&self, user_id: &str) -> Result<Factors, StoreError>;

    /// Writes a pending factor, which replaces the user's pending factor of the same kind. Returns `false` if there is
    /// no such user, or the session in which it is made has ended.
    async fn put_factor(&self, factor: &Factor, session_id: Option<&str>) -> Result<bool, StoreError>;

    /// Changes a user's factors, which ends open flows and, if the change says so, sessions. Returns `false` and
    /// changes nothing if the `auth_epoch` has changed, there is no such factor, or the session of the change has
    /// ended.
    async fn change_factors(&self, change: &FactorChange<'_>, now: Millis) -> Result<bool, StoreError>;

    /// Removes all factors of a user, which ends open flows and all sessions. Returns `false` if there is no such user.
    async fn remove_factors(&self, user_id: &str, now: Millis) -> Result<bool, StoreError>;

    /// Counts an attempt at the code of a factor, before the code is compared. The writes that spend a right code take
    /// the attempt back; see [`Expected::unspent`].
    async fn attempt_factor(
        &self,
        asker: FactorAsker<'_>,
        budget: &FactorBudget,
        now: Millis,
    ) -> Result<FactorAttempt, StoreError>;

    /// Spends an open flow of a user and changes an identifier, which is then verified. The user's flows end, except
    /// changes and verifications of other identifiers.
    async fn spend_change(&self, change: &ConfirmedChange<'_>, now: Millis) -> Result<Spent, StoreError>;

    /// Spends an open flow without a user, and writes a user with a verified identifier. The flows of its subject end.
    async fn spend_registration(
        &self,
        registration: &ConfirmedRegistration<'_>,
        now: Millis,
    ) -> Result<Spent, StoreError>;

    /// Writes a user as [`Store::create_user`] does, together with a flow of the user.
    async fn invite_user(&self, user: &NewUser, flow: &Flow) -> Result<bool, StoreError>;

    /// Deletes at most `limit` flows that expired before `before`, and returns their number.
    async fn purge_flows(&self, before: Millis, limit: u32) -> Result<u64, StoreError>;

    /// Returns the store inside a transaction of the host, which a number names. Its writes become part of that
    /// transaction, and nothing is retried. Returns `None` if the store has its own connections.
    fn within(&self, _transaction: u32) -> Option<Arc<dyn Store>> {
        None
    }

    /// Returns the store for a single write, which writes `entries` of the audit in its transaction if it changes
    /// anything. Returns `None` if the store keeps no audit.
    fn noting(&self, entries: Vec<AuditEntry>) -> Option<Arc<dyn Store>>;

    /// Runs [`Store::find_session`] without waiting, or returns `None` if that is impossible now. Only `SQLite` can do
    /// it.
    fn find_session_now(&self, _session_id: &str) -> Option<Result<Option<SessionState>, StoreError>> {
        None
    }
}
