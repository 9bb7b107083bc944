//! The schema: versions, each one transaction, and the adoption of tables that sentri 5 made.
//!
//! The steps of a version are planned from what is there, then run under a lock together with the check that nobody ran
//! it meanwhile. So any number of processes may start at once, and a killed one leaves a whole version or none. On MySQL,
//! where a change of the schema is no part of a transaction, it may leave a part, and the next plan holds the rest.
//!
//! Normal forms of adopted identifiers are computed here and not in SQL. That is no version but is looked for on every
//! run: a sentri 5 that still runs beside us writes rows without one, and the next start takes them in.

use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::ADOPTED_MARKER;
use crate::store::executor::{Batch, Executor, Outcome, Statement, Value};
use crate::store::sql::{SqlStore, backoff};

mod mysql;
mod postgres;

/// Versions by name, numbered from 1. Append only.
const VERSIONS: [&str; 4] = ["tables", "indexes", "deleted_users", "live_sessions"];
/// The most times that a migration that meets others looks again.
const PATIENCE: u32 = 60;
/// Identifiers given a normal form in one transaction.
const CHUNK: i64 = 1000;

/// Tables and the columns they have an index of, named after both.
const INDEXES: [(&str, &str); 5] = [
    ("sentri_identifiers", "value_normalized"),
    IDENTIFIERS_BY_USER,
    ("sentri_sessions", "user_id"),
    ("sentri_sessions", "expires_at"),
    ("sentri_sessions", "revoked_at"),
];
const IDENTIFIERS_BY_USER: (&str, &str) = ("sentri_identifiers", "user_id");
/// The one whose values are unique.
const UNIQUE: &str = "value_normalized";

/// Columns with instants that sentri 5 wrote.
const OLD_INSTANTS: [(&str, &str); 4] = [
    ("sentri_users", "created_at"),
    ("sentri_sessions", "expires_at"),
    ("sentri_sessions", "created_at"),
    ("sentri_identifiers", "created_at"),
];

struct Column {
    name: String,
    kind: String,
}

impl Column {
    fn is_json_roles(&self) -> bool {
        self.name == "roles" && self.kind.starts_with("json")
    }
}

impl<E: Executor> SqlStore<E> {
    pub(super) async fn check_version(&self) -> Result<(), StoreError> {
        let version = Value::Int(VERSIONS.len() as i64);
        let sql = "SELECT version FROM sentri_migrations WHERE version = ?";
        if self.rows(Statement::read(sql, [version])).await?.is_empty() {
            return Err(StoreError::SchemaMissing(format!("version {} of the tables", VERSIONS.len())));
        }
        self.look_for_cluster().await?;
        self.check_encoding().await
    }

    pub(super) async fn bring_up_to_date(&self, now: Millis) -> Result<(), StoreError> {
        self.look_for_cluster().await?;
        self.check_encoding().await?;
        match self.executor.dialect().name {
            "postgres" => self.adopt_postgres_types().await?,
            "mysql" => self.adopt_mysql_types().await?,
            _ => {}
        }
        for version in 1..=VERSIONS.len() {
            self.bring_to(version, now).await?;
        }
        self.adopt_identifiers().await
    }

    async fn bring_to(&self, version: usize, now: Millis) -> Result<(), StoreError> {
        let mut attempt = 0;
        loop {
            let failure = match self.try_version(version, now).await {
                Ok(true) => return Ok(()),
                Ok(false) => StoreError::Conflict("the schema kept changing during the migration".into()),
                // A process without our lock (sentri 5) made the same thing, or the database serialised us.
                Err(error @ (StoreError::Conflict(_) | StoreError::Unique(_))) => error,
                Err(error) => return Err(error),
            };
            attempt += 1;
            if attempt >= PATIENCE {
                return Err(failure);
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
    }

    /// `false`: somebody else ran it since we looked; look again.
    async fn try_version(&self, version: usize, now: Millis) -> Result<bool, StoreError> {
        let number = Value::Int(version as i64);
        let applied = Statement::read("SELECT version FROM sentri_migrations WHERE version = ?", [number.clone()]);
        match self.rows(applied.clone()).await {
            Ok(rows) if !rows.is_empty() => return Ok(true),
            Err(StoreError::SchemaMissing(_)) => self.make_ledger().await?,
            looked => drop(looked?),
        }
        let mut batch = self.lock();
        batch.push(applied.expect(0));
        batch.extend(match version {
            1 => self.plan_tables(now).await?,
            2 => self.plan_indexes(&INDEXES).await?,
            4 => {
                let columns = self.executor.dialect().live_sessions;
                self.plan_index("sentri_sessions_live", "sentri_sessions", "", columns).await?.into_iter().collect()
            }
            _ => table(self.executor.dialect().tables, "sentri_deleted_users").into_iter().collect(),
        });
        batch.push(Statement::write(
            "INSERT INTO sentri_migrations (version, name, applied_at) VALUES (?, ?, ?)",
            [number, VERSIONS[version - 1].into(), Value::Time(now)],
        ));
        Ok(matches!(self.run(Batch::schema(batch)).await?, Outcome::Done(_)))
    }

    fn lock(&self) -> Vec<Statement> {
        self.executor
            .dialect()
            .migration_lock
            .map(|sql| Statement::read(sql, []).once().expect(1))
            .into_iter()
            .collect()
    }

    async fn make_ledger(&self) -> Result<(), StoreError> {
        let mut batch = self.lock();
        batch.push(ddl(format!(
            "CREATE TABLE IF NOT EXISTS sentri_migrations (version INTEGER NOT NULL PRIMARY KEY, \
             name VARCHAR(64) NOT NULL, applied_at {} NOT NULL)",
            self.executor.dialect().time
        )));
        self.run(Batch::schema(batch)).await.map(drop)
    }

    async fn plan_indexes(&self, indexes: &[(&str, &str)]) -> Result<Vec<Statement>, StoreError> {
        let mut plan = Vec::new();
        for (table, column) in indexes {
            let unique = if *column == UNIQUE { "UNIQUE " } else { "" };
            plan.extend(self.plan_index(&format!("{table}_{column}"), table, unique, &format!("({column})")).await?);
        }
        Ok(plan)
    }

    /// Nothing when the index is there.
    async fn plan_index(
        &self,
        name: &str,
        table: &str,
        unique: &str,
        columns: &str,
    ) -> Result<Option<Statement>, StoreError> {
        let Some(sql) = self.executor.dialect().index_of else {
            return Ok(Some(ddl(format!("CREATE {unique}INDEX IF NOT EXISTS {name} ON {table} {columns}"))));
        };
        let there = self.rows(Statement::read(sql, [table.into(), name.into()]).once()).await?;
        Ok(there.is_empty().then(|| ddl(format!("CREATE {unique}INDEX {name} ON {table} {columns}"))))
    }

    async fn columns(&self, table: &str) -> Result<Vec<Column>, StoreError> {
        let sql = self.executor.dialect().columns_of;
        let mut columns = Vec::new();
        for row in self.rows(Statement::read(sql, [table.into()]).once()).await? {
            let mut row = row.into_iter();
            let mut next = || row.next().unwrap_or(Value::Null).into_text();
            columns.push(Column { name: next()?, kind: next()?.to_ascii_lowercase() });
        }
        Ok(columns)
    }

    /// Version 1: every table as the schema file has it; a table of sentri 5 gets what it lacks.
    async fn plan_tables(&self, now: Millis) -> Result<Vec<Statement>, StoreError> {
        let dialect = self.executor.dialect();
        let mut plan: Vec<Statement> = statements_of(dialect.tables).map(ddl).collect();
        let (time, binary, long) = (dialect.time, dialect.binary_text, dialect.long_text);
        let additions = [
            ("sentri_users", vec![("updated_at", time), ("auth_epoch", "BIGINT NOT NULL DEFAULT 0")]),
            (
                "sentri_sessions",
                vec![
                    ("generation", "BIGINT NOT NULL DEFAULT 0"),
                    ("rotated_at", time),
                    ("last_used_at", time),
                    ("revoked_at", time),
                    ("ip_address", "VARCHAR(45)"),
                    ("user_agent", long),
                ],
            ),
            ("sentri_identifiers", vec![("value_normalized", binary)]),
        ];
        let mut adopted = Vec::new();
        for (table, wanted) in additions {
            let present = self.columns(table).await?;
            if present.is_empty() {
                continue;
            }
            let has = |name: &str| present.iter().any(|column| column.name == name);
            for (name, kind) in wanted.into_iter().filter(|(name, _)| !has(name)) {
                plan.push(ddl(format!("ALTER TABLE {table} ADD COLUMN {name} {kind}")));
            }
            if table == "sentri_sessions" && has("replaced_by") {
                // Sentri 5.3 rotated into a new row and left the old one behind; as it stands it would look alive.
                let sql = "UPDATE sentri_sessions SET revoked_at = ? \
                           WHERE replaced_by IS NOT NULL AND revoked_at IS NULL";
                plan.push(Statement::write(sql, [Value::Time(now)]).once());
            }
            adopted.push((table, present));
        }
        let is_adopted = |table: &str| adopted.iter().any(|(name, _)| *name == table);
        if is_adopted("sentri_identifiers") {
            plan.extend(self.plan_uniques().await?);
        }
        match dialect.name {
            "mysql" => plan.extend(mysql::adopt(&adopted)),
            "sqlite" => {
                let old = OLD_INSTANTS.into_iter().filter(|(table, _)| is_adopted(table));
                plan.extend(old.map(|(table, column)| ddl(instants_to_iso(table, column))));
            }
            _ => {}
        }
        Ok(plan)
    }

    /// Takes away what sentri 5 kept unique: the value as it was typed, and one identifier of a type per user.
    async fn plan_uniques(&self) -> Result<Vec<Statement>, StoreError> {
        let dialect = self.executor.dialect();
        let mut plan = Vec::new();
        let mut rebuild = false;
        for row in self.rows(Statement::read(dialect.uniques_of, ["sentri_identifiers".into()]).once()).await? {
            let [name, constraint, columns]: [Value; 3] =
                row.try_into().map_err(|_| StoreError::Other("unique constraints: expected three columns".into()))?;
            if !matches!(columns.into_optional_text()?.as_deref(), Some("value" | "type,user_id")) {
                continue;
            }
            let name = dialect.quoted(&name.into_text()?);
            match (constraint.into_int()?, dialect.name) {
                (_, "mysql") => plan.push(ddl(format!("DROP INDEX {name} ON sentri_identifiers"))),
                (0, _) => plan.push(ddl(format!("DROP INDEX {name}"))),
                (_, "sqlite") => rebuild = true,
                _ => plan.push(ddl(format!("ALTER TABLE sentri_identifiers DROP CONSTRAINT {name}"))),
            }
        }
        if dialect.name == "mysql" && !plan.is_empty() {
            // A foreign key wants an index, and takes the unique one for it until there is another.
            plan.splice(0..0, self.plan_indexes(&[IDENTIFIERS_BY_USER]).await?);
        }
        if rebuild {
            plan.extend(rebuilt_identifiers(dialect.tables));
        }
        Ok(plan)
    }

    async fn adopt_identifiers(&self) -> Result<(), StoreError> {
        loop {
            let rows = self
                .rows(Statement::read(
                    "SELECT id, type, value FROM sentri_identifiers WHERE value_normalized IS NULL \
                     ORDER BY created_at, id LIMIT ?",
                    [Value::Int(CHUNK)],
                ))
                .await?;
            let mut updates = Vec::with_capacity(rows.len());
            for row in rows {
                let [id, kind, value]: [Value; 3] =
                    row.try_into().map_err(|_| StoreError::Other("identifiers: expected three columns".into()))?;
                updates.push((id.into_text()?, kind.into_text()?, value.into_text()?));
            }
            if updates.is_empty() {
                return Ok(());
            }
            self.adopt_chunk(&updates).await?;
        }
    }

    /// Oldest first: where sentri 5 took `Rizz` and `rizz` for two, the older one gets the normal form and the other
    /// is found by its exact spelling.
    async fn adopt_chunk(&self, rows: &[(String, String, String)]) -> Result<(), StoreError> {
        let update = |(id, kind, value): &(String, String, String), otherwise: String| {
            let normalized = (self.normalize)(kind, value);
            Statement::write(
                "UPDATE sentri_identifiers SET value_normalized = CASE WHEN EXISTS (SELECT 1 FROM \
                 (SELECT value_normalized FROM sentri_identifiers WHERE value_normalized = ? LIMIT 1) AS taken) \
                 THEN ? ELSE ? END WHERE id = ? AND value_normalized IS NULL",
                [normalized.as_str().into(), otherwise.into(), normalized.as_str().into(), id.as_str().into()],
            )
        };
        let mut batch = self.lock();
        batch.extend(rows.iter().map(|row| update(row, format!("{ADOPTED_MARKER}{}", row.2))));
        match self.run(Batch::schema(batch)).await {
            Ok(_) => Ok(()),
            // The very same value twice, which unique(value) should have ruled out: one by one then, and the later
            // row keeps a name of its own that no login finds, rather than stopping every start.
            Err(StoreError::Unique(_)) => {
                for row in rows {
                    let mut batch = self.lock();
                    batch.push(update(row, format!("{ADOPTED_MARKER}{}", row.2)));
                    if let Err(StoreError::Unique(_)) = self.run(Batch::schema(batch)).await {
                        let alone = format!("{ADOPTED_MARKER}{}{ADOPTED_MARKER}{}", row.2, row.0);
                        self.run(Batch::schema([update(row, alone)])).await?;
                    }
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn ddl(sql: impl Into<std::borrow::Cow<'static, str>>) -> Statement {
    Statement::write(sql, []).once()
}

/// The statement that makes a table, out of those of the schema.
fn table(tables: &'static str, name: &str) -> Option<Statement> {
    let begin = format!("CREATE TABLE IF NOT EXISTS {name} ");
    statements_of(tables).find(|sql| sql.starts_with(&begin)).map(ddl)
}

fn statements_of(script: &'static str) -> impl Iterator<Item = &'static str> {
    script.split(";\n").map(str::trim).filter(|sql| !sql.is_empty())
}

/// SQLite can't drop a constraint: a table without it takes the place of the old one.
fn rebuilt_identifiers(tables: &'static str) -> Vec<Statement> {
    let table = "IF NOT EXISTS sentri_identifiers ";
    let create = statements_of(tables).find(|sql| sql.contains(table)).unwrap_or_default();
    vec![
        ddl(create.replace(table, "sentri_identifiers_rebuilt ")),
        ddl("INSERT INTO sentri_identifiers_rebuilt (id, user_id, type, value, created_at) \
             SELECT id, user_id, type, value, created_at FROM sentri_identifiers"),
        ddl("DROP TABLE sentri_identifiers"),
        ddl("ALTER TABLE sentri_identifiers_rebuilt RENAME TO sentri_identifiers"),
    ]
}

/// SQLite has no time type: sentri 5 rows may hold `YYYY-MM-DD HH:MM:SS`, ISO texts, or milliseconds or seconds as
/// numbers. What can't be read becomes 1970, so that a session of unknown end has ended.
fn instants_to_iso(table: &str, column: &str) -> String {
    let number = format!("typeof({column}) IN ('integer', 'real') OR {column} NOT GLOB '*[^0-9]*'");
    let ms = format!("CAST({column} AS REAL)");
    format!(
        "UPDATE {table} SET {column} = COALESCE(CASE WHEN {number} \
         THEN strftime('%Y-%m-%dT%H:%M:%fZ', CASE WHEN {ms} < 1e11 THEN {ms} ELSE {ms} / 1000.0 END, 'unixepoch') \
         ELSE strftime('%Y-%m-%dT%H:%M:%fZ', {column}) END, '1970-01-01T00:00:00.000Z') \
         WHERE typeof({column}) <> 'text' OR {column} NOT GLOB '????-??-??T??:??:??.???Z'"
    )
}
