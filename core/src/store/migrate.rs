//! Brings the schema to the present version, each version in a transaction, and adopts tables that sentri 5 made.
//!
//! The steps of a version are planned from the present schema. They run under a lock, with a check that no other
//! process has run the version meanwhile. So any number of processes may start at once, and a killed process leaves a
//! whole version or nothing. On MySQL a change of the schema can't be part of a transaction, so a killed process may
//! leave a part of a version; the next plan holds the rest.
//!
//! Normal forms of adopted identifiers are computed in Rust and not in SQL, in transactions of their own. The last
//! version is written when every identifier has one, so that no process serves before. This also happens on every later
//! run: a sentri 5 that still runs beside this process writes rows without a normal form, and the next start adopts
//! them.

use std::time::{Duration, Instant};

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::dialect::{Adoption, Dialect};
use crate::store::executor::{Batch, Executor, Outcome, Statement, Value};
use crate::store::sql::{SqlStore, backoff};

mod ddl;
mod identifiers;
mod mysql;
mod plan;
mod postgres;
mod sqlite;

use ddl::{ddl, statements_of};
use plan::INDEXES;

/// The versions, numbered from 1. An empty database runs all of them. A database never runs a version twice, so new
/// versions go to the end, and none may change.
const VERSIONS: [Version; 13] = [
    Version { name: "tables", plan: Plan::Tables },
    Version { name: "indexes", plan: Plan::Indexes },
    Version { name: "deleted_users", plan: Plan::Script(|dialect| dialect.deleted_users) },
    Version {
        name: "live_sessions",
        plan: Plan::Index {
            name: "sentri_sessions_live",
            table: "sentri_sessions",
            columns: |dialect| dialect.live_sessions,
        },
    },
    Version { name: "flows", plan: Plan::Script(|dialect| dialect.flows) },
    Version {
        name: "verified_identifiers",
        plan: Plan::Column { table: "sentri_identifiers", name: "verified_at", kind: |dialect| dialect.time },
    },
    Version { name: "ended_sessions", plan: Plan::Script(|dialect| dialect.ended_sessions) },
    Version {
        name: "session_amr",
        plan: Plan::Column { table: "sentri_sessions", name: "amr", kind: |_| "VARCHAR(64)" },
    },
    Version {
        name: "session_auth_time",
        plan: Plan::Column { table: "sentri_sessions", name: "auth_time", kind: |dialect| dialect.time },
    },
    Version { name: "factors", plan: Plan::Script(|dialect| dialect.factors) },
    Version {
        name: "disabled_users",
        plan: Plan::Columns {
            table: "sentri_users",
            columns: |dialect| {
                [
                    ("disabled_at", dialect.time),
                    ("disabled_until", dialect.time),
                    ("disabled_reason", dialect.long_text),
                ]
            },
        },
    },
    Version { name: "audit", plan: Plan::Script(|dialect| dialect.audit) },
    Version { name: "adopted_identifiers", plan: Plan::Identifiers },
];

/// A version of the schema, by the name that it has in `sentri_migrations`.
struct Version {
    name: &'static str,
    plan: Plan,
}

/// The plan by which the statements of a version are made.
enum Plan {
    /// Makes the tables of `schema/*/tables.sql`. A table of sentri 5 gets the missing columns.
    Tables,
    /// Makes the indexes of those tables.
    Indexes,
    /// Runs the statements of a file under `schema`.
    Script(fn(&Dialect) -> &'static str),
    /// Adds a column that may be NULL, unless it exists.
    Column { table: &'static str, name: &'static str, kind: fn(&Dialect) -> &'static str },
    /// Adds those columns that do not exist yet. They may be NULL.
    Columns { table: &'static str, columns: fn(&Dialect) -> [(&'static str, &'static str); 3] },
    /// Makes an index, unless it exists.
    Index { name: &'static str, table: &'static str, columns: fn(&Dialect) -> &'static str },
    /// Gives normal forms to all identifiers before the version is written.
    Identifiers,
}

/// The most times that a version is tried when other processes change the schema at the same time.
const PATIENCE: u32 = 60;
/// An attempt that fails after this time has waited for a lock that somebody keeps. Another attempt would hold up
/// everybody who waits behind it for the same table.
const KEPT: Duration = Duration::from_secs(55);

impl<E: Executor> SqlStore<E> {
    pub(super) async fn check(&self) -> Result<(), StoreError> {
        let version = Value::Int(VERSIONS.len() as i64);
        let sql = "SELECT version FROM sentri_migrations WHERE version = ?";
        if self.rows(Statement::read(sql, [version])).await?.is_empty() {
            return Err(StoreError::SchemaMissing(format!("version {} of the tables", VERSIONS.len())));
        }
        self.look_for_cluster().await?;
        self.check_encoding().await
    }

    pub(super) async fn migrate(&self, now: Millis) -> Result<(), StoreError> {
        self.look_for_cluster().await?;
        self.check_encoding().await?;
        for version in 0..=VERSIONS.len() {
            self.bring_to(version, now).await?;
        }
        self.adopt_identifiers().await
    }

    async fn adopt_types(&self) -> Result<(), StoreError> {
        match self.executor.dialect().adoption {
            Adoption::Types => self.adopt_postgres_types().await,
            Adoption::Collations => self.adopt_mysql_types().await,
            Adoption::Instants => Ok(()),
        }
    }

    /// Runs a version, and again as long as other processes are in the way. The number 0 stands for the types that
    /// columns must have before the first version.
    async fn bring_to(&self, version: usize, now: Millis) -> Result<(), StoreError> {
        let mut attempt = 0;
        loop {
            let began = Instant::now();
            let failure = match self.try_version(version, now).await {
                Ok(true) => return Ok(()),
                Ok(false) => StoreError::Conflict("the schema kept changing during the migration".into()),
                // A sentri 5, which takes no lock, made the same thing, or the database refused concurrent
                // transactions.
                Err(error @ (StoreError::Conflict(_) | StoreError::Unique(_))) if began.elapsed() < KEPT => error,
                Err(error) => return Err(error),
            };
            attempt += 1;
            if attempt >= PATIENCE {
                return Err(failure);
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
    }

    /// Runs a version. Returns `false` if another process ran it since the look, so that the caller must look again.
    async fn try_version(&self, version: usize, now: Millis) -> Result<bool, StoreError> {
        if version == 0 {
            return self.adopt_types().await.map(|()| true);
        }
        let number = Value::Int(version as i64);
        let applied = Statement::read("SELECT version FROM sentri_migrations WHERE version = ?", [number.clone()]);
        match self.rows(applied.clone()).await {
            Ok(rows) if !rows.is_empty() => return Ok(true),
            Err(StoreError::SchemaMissing(_)) => self.make_ledger().await?,
            looked => drop(looked?),
        }
        let mut batch = self.lock();
        batch.push(applied.expect(0));
        let Version { name, plan } = &VERSIONS[version - 1];
        batch.extend(self.statements(plan, now).await?);
        batch.push(Statement::write(
            "INSERT INTO sentri_migrations (version, name, applied_at) VALUES (?, ?, ?)",
            [number, (*name).into(), Value::Time(now)],
        ));
        Ok(matches!(self.run(Batch::schema(batch)).await?, Outcome::Done(_)))
    }

    async fn statements(&self, plan: &Plan, now: Millis) -> Result<Vec<Statement>, StoreError> {
        let dialect = self.executor.dialect();
        Ok(match plan {
            Plan::Tables => self.plan_tables(now).await?,
            Plan::Indexes => self.plan_indexes(&INDEXES).await?,
            Plan::Script(script) => statements_of(script(dialect)).map(ddl).collect(),
            Plan::Column { table, name, kind } => {
                let is_there = self.columns(table).await?.iter().any(|column| column.name == *name);
                let add = || ddl(format!("ALTER TABLE {table} ADD COLUMN {name} {}", kind(dialect)));
                (!is_there).then(add).into_iter().collect()
            }
            Plan::Columns { table, columns } => {
                let there = self.columns(table).await?;
                let missing =
                    columns(dialect).into_iter().filter(|(name, _)| there.iter().all(|one| one.name != *name));
                missing.map(|(name, kind)| ddl(format!("ALTER TABLE {table} ADD COLUMN {name} {kind}"))).collect()
            }
            Plan::Index { name, table, columns } => {
                self.plan_index(name, table, "", columns(dialect)).await?.into_iter().collect()
            }
            Plan::Identifiers => {
                self.adopt_identifiers().await?;
                Vec::new()
            }
        })
    }

    /// Returns the statements with which a batch of a migration begins if it must wait for other processes.
    fn lock(&self) -> Vec<Statement> {
        let mut batch = self.limits();
        batch.extend(self.executor.dialect().migration_lock.map(|sql| Statement::read(sql, []).once().expect(1)));
        batch
    }

    /// Returns the statements with which a batch of a migration begins if it only reads.
    fn limits(&self) -> Vec<Statement> {
        self.executor.dialect().migration_limits.map(|sql| Statement::read(sql, []).once()).into_iter().collect()
    }

    async fn make_ledger(&self) -> Result<(), StoreError> {
        let ledger = ddl(format!(
            "CREATE TABLE IF NOT EXISTS sentri_migrations (version INTEGER NOT NULL PRIMARY KEY, \
             name VARCHAR(64) NOT NULL, applied_at {} NOT NULL)",
            self.executor.dialect().time
        ));
        self.change_schema([ledger]).await
    }

    /// Runs statements under the lock of migrations. It fails with `Conflict` if another process keeps the lock.
    async fn change_schema(&self, statements: impl IntoIterator<Item = Statement> + Send) -> Result<(), StoreError> {
        let mut batch = self.lock();
        batch.extend(statements);
        match self.run(Batch::schema(batch)).await? {
            Outcome::Done(_) => Ok(()),
            Outcome::Unmet(_) => Err(StoreError::Conflict("another process is changing the schema".into())),
        }
    }
}
