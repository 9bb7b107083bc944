//! The mark before the hash of a user who must not log in by a password alone.
//!
//! A process of 6.0 on the same database knows neither disabled users nor second factors. It can't verify a hash with
//! this mark, so it refuses the login. This version removes the mark when it reads a hash, and compares hashes with and
//! without it. [`remark`] sets or removes the mark in every transaction that changes its condition.

use crate::store::executor::{Statement, Value};
use crate::store::sql::id;

/// The mark, with which no hash begins.
const MARK: &str = "{sentri}";
/// The longest hash in bytes that fits into its column with the mark.
const LONGEST: usize = 247;
/// The condition that a stored hash is a given hash, with or without the mark; see [`both`].
pub(super) const IS_HASH: &str = "password_hash IN (?, ?)";

/// Returns a hash with the mark.
pub(super) fn marked(hash: &str) -> String {
    format!("{MARK}{hash}")
}

/// Returns a hash with the mark, or without it if the column is too short or the hash is empty.
pub(super) fn fitting(hash: &str) -> String {
    if (1..=LONGEST).contains(&hash.len()) { marked(hash) } else { hash.to_owned() }
}

/// Returns a stored hash without its mark.
pub(super) fn unmarked(stored: &str) -> &str {
    stored.strip_prefix(MARK).unwrap_or(stored)
}

/// Returns the two forms in which a hash may be stored, for [`IS_HASH`].
pub(super) fn both(hash: &str) -> [Value; 2] {
    [hash.into(), marked(hash).into()]
}

/// Marks the hash of a user who is disabled or has a second factor, and removes the mark of any other user. A hash that
/// would outgrow its column gets no mark, since 6.0 does not know such hashes anyway.
pub(super) fn remark(user_id: &str) -> Statement {
    // REPLACE writes the mark, because databases concatenate texts by different signs.
    let sql = "UPDATE sentri_users SET password_hash = CASE WHEN \
               LENGTH(REPLACE(password_hash, '{sentri}', '')) BETWEEN 1 AND 247 AND (disabled_at IS NOT NULL OR EXISTS \
               (SELECT 1 FROM sentri_factors WHERE user_id = ? AND confirmed_at IS NOT NULL)) \
               THEN REPLACE('{sentri}*', '*', REPLACE(password_hash, '{sentri}', '')) \
               ELSE REPLACE(password_hash, '{sentri}', '') END WHERE id == ?";
    Statement::write(sql, [id(user_id), id(user_id)])
}
