//! Users by the thousand with all that belongs to them, written in SQL by the database itself.
#![allow(dead_code, reason = "shared by several test binaries, each using a part")]

use sentri_core::clock::{Millis, to_iso};
use sentri_core::store::dialect::Dialect;

/// Now, for these rows.
pub const NOW: Millis = 1_800_000_000_000;
/// In seconds.
const DAY: &str = "86400";

/// Writes rows in the words of one database.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    dialect: &'static Dialect,
}

/// The id of the row number `n` of any table.
pub fn id_of(n: u64) -> String {
    format!("018f0000-0000-7000-8000-{n:012}")
}

/// The identifier of the user number `n`.
pub fn name_of(n: u64) -> String {
    format!("user{n}@example.com")
}

impl Crowd {
    pub const fn of(dialect: &'static Dialect) -> Self {
        Self { dialect }
    }

    /// The numbers from `from` to before `to`, as a table `numbers (n)`.
    fn numbers(from: u64, to: u64) -> String {
        let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 \
                      UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
        let places = (to - from).to_string().len();
        let sum = (0..places).map(|at| format!("{} * d{at}.d", 10_u64.pow(at as u32))).collect::<Vec<_>>();
        let tables = (0..places).rev().map(|at| format!("{digits} AS d{at}")).collect::<Vec<_>>();
        let (sum, tables) = (sum.join(" + "), tables.join(" CROSS JOIN "));
        format!("(SELECT {from} + {sum} AS n FROM {tables} WHERE {sum} < {}) AS numbers", to - from)
    }

    fn join(self, left: &str, right: &str) -> String {
        match self.dialect.collates {
            true => format!("CONCAT({left}, {right})"),
            false => format!("{left} || {right}"),
        }
    }

    fn id(self, n: &str) -> String {
        let digits = match self.dialect.as_written {
            true => format!("printf('%012d', {n})"),
            false => format!("LPAD(CAST({n} AS CHAR(12)), 12, '0')"),
        };
        // A CHAR of PostgreSQL has blanks up to its length.
        let digits = if self.dialect.numbered { digits.replace("CHAR(12)", "TEXT") } else { digits };
        self.join("'018f0000-0000-7000-8000-'", &digits)
    }

    /// A text with a number at its end.
    fn text(self, before: &str, n: &str) -> String {
        let digits = match (self.dialect.as_written, self.dialect.numbered) {
            (false, false) => format!("CAST({n} AS CHAR)"),
            _ => format!("CAST({n} AS TEXT)"),
        };
        self.join(&format!("'{before}'"), &digits)
    }

    /// The instant so many seconds from now.
    fn at(self, seconds: &str) -> String {
        if self.dialect.as_written {
            return format!("strftime('%Y-%m-%dT%H:%M:%fZ', {} + ({seconds}), 'unixepoch')", NOW / 1000);
        }
        let now = to_iso(NOW).replace('T', " ").replace('Z', "");
        match self.dialect.numbered {
            true => format!("TIMESTAMP '{now}' + ({seconds}) * INTERVAL '1 second'"),
            false => format!("TIMESTAMP '{now}' + INTERVAL ({seconds}) SECOND"),
        }
    }

    fn insert(table: &str, columns: &str, values: &str, from: u64, to: u64) -> String {
        format!("INSERT INTO {table} ({columns}) SELECT {values} FROM {}", Self::numbers(from, to))
    }

    /// Users of these numbers, each with an address.
    pub fn users(self, from: u64, to: u64) -> Vec<String> {
        let (id, made) = (self.id("n"), self.at("-n % 31536000"));
        let name = self.join(&self.text("user", "n"), "'@example.com'");
        let hash = "'$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW'";
        vec![
            Self::insert(
                "sentri_users",
                "id, password_hash, roles, created_at, updated_at, auth_epoch",
                &format!("{id}, {hash}, '[]', {made}, {made}, 0"),
                from,
                to,
            ),
            Self::insert(
                "sentri_identifiers",
                "id, user_id, type, value, created_at, value_normalized",
                &format!("{id}, {id}, 'email', {name}, {made}, {name}"),
                from,
                to,
            ),
        ]
    }

    /// Sessions of these numbers, of the first `users` users by turns. Of each hundred `dead` ended two days ago, half
    /// of them because they were revoked.
    pub fn sessions(self, from: u64, to: u64, users: u64, dead: u64) -> String {
        let ended = format!("n % 100 < {dead}");
        let expires = self.at(&format!(
            "CASE WHEN {ended} AND n % 2 = 0 THEN -2 * {DAY} - n % {DAY} ELSE {DAY} + n % (6 * {DAY}) END"
        ));
        let revoked = self.at(&format!("-2 * {DAY} - n % {DAY}"));
        let revoked = format!("CASE WHEN {ended} AND n % 2 = 1 THEN {revoked} ELSE NULL END");
        let (made, used) = (self.at(&format!("-4 * {DAY} - n % {DAY}")), self.at(&format!("-3 * {DAY} - n % {DAY}")));
        Self::insert(
            "sentri_sessions",
            "id, user_id, expires_at, created_at, generation, last_used_at, revoked_at, ip_address, user_agent",
            &format!(
                "{}, {}, {expires}, {made}, 0, {used}, {revoked}, '203.0.113.7', 'Mozilla/5.0 (X11; Linux x86_64)'",
                self.id("n"),
                self.id(&format!("n % {users}"))
            ),
            from,
            to,
        )
    }

    /// A flow, a factor, recovery codes, attempts and audit entries for each of so many users.
    pub fn belongings(self, users: u64) -> Vec<String> {
        let (id, user) = (self.id("n"), self.id(&format!("n % {users}")));
        let (digest, made) = (self.text("digest", "n"), self.at(&format!("-n % {DAY}")));
        let expires = self.at(&format!("CASE WHEN n % 50 = 0 THEN -2 * {DAY} ELSE 600 - n % {DAY} END"));
        let consumed = self.at(&format!("-n % {DAY}"));
        vec![
            Self::insert(
                "sentri_flows",
                "id, purpose, user_id, subject, token_digest, attempts, max_attempts, context, auth_epoch, created_at, \
                 expires_at, consumed_at",
                &format!(
                    "{id}, CASE WHEN n % 3 = 0 THEN 'mfa' ELSE 'verify' END, {user}, {user}, {digest}, 0, 5, '', 0, \
                     {made}, {expires}, CASE WHEN n % 2 = 0 THEN {consumed} ELSE NULL END"
                ),
                0,
                2 * users,
            ),
            Self::insert(
                "sentri_factors",
                "id, user_id, kind, secret, last_step, created_at, confirmed_at",
                &format!("{id}, {user}, 'totp', 'sealed', 0, {made}, {made}"),
                0,
                users,
            ),
            Self::insert(
                "sentri_recovery_codes",
                "user_id, digest, created_at",
                &format!("{user}, {digest}, {made}"),
                0,
                3 * users,
            ),
            Self::insert(
                "sentri_factor_attempts",
                "id, user_id, kind, created_at, is_past",
                &format!("{id}, {user}, 'totp', {made}, n % 2"),
                0,
                2 * users,
            ),
            Self::insert(
                "sentri_audit",
                "id, created_at, event, actor, subject, session_id, ip, fields",
                &format!(
                    "{id}, {}, {}, {user}, {user}, {id}, '203.0.113.7', '{{}}'",
                    self.at(&format!("-n * 37 % (90 * {DAY})")),
                    self.text("auth.event.", "n % 40")
                ),
                0,
                3 * users,
            ),
        ]
    }
}
