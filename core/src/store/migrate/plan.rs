//! Plans the statements that bring a database from its present schema to that of a version.

use super::ddl::{Column, OLD_INSTANTS, ddl, statements_of};
use super::{mysql, sqlite};
use crate::clock::Millis;
use crate::failure::StoreError;
use crate::store::dialect::Adoption;
use crate::store::executor::{Executor, Statement, Value};
use crate::store::sql::SqlStore;

/// Tables, and the columns with an index, which is named after both.
pub(super) const INDEXES: [(&str, &str); 5] = [
    ("sentri_identifiers", "value_normalized"),
    IDENTIFIERS_BY_USER,
    ("sentri_sessions", "user_id"),
    ("sentri_sessions", "expires_at"),
    ("sentri_sessions", "revoked_at"),
];
const IDENTIFIERS_BY_USER: (&str, &str) = ("sentri_identifiers", "user_id");
/// The indexed column whose values are unique.
const UNIQUE: &str = "value_normalized";

impl<E: Executor> SqlStore<E> {
    pub(super) async fn plan_indexes(&self, indexes: &[(&str, &str)]) -> Result<Vec<Statement>, StoreError> {
        let mut plan = Vec::new();
        for (table, column) in indexes {
            let unique = if *column == UNIQUE { "UNIQUE " } else { "" };
            plan.extend(self.plan_index(&format!("{table}_{column}"), table, unique, &format!("({column})")).await?);
        }
        Ok(plan)
    }

    /// Plans an index, or nothing if the index exists.
    pub(super) async fn plan_index(
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

    pub(super) async fn columns(&self, table: &str) -> Result<Vec<Column>, StoreError> {
        let sql = self.executor.dialect().columns_of;
        let mut columns = Vec::new();
        for row in self.rows(Statement::read(sql, [table.into()]).once()).await? {
            let mut row = row.into_iter();
            let mut next = || row.next().unwrap_or(Value::Null).into_text();
            columns.push(Column { name: next()?, kind: next()?.to_ascii_lowercase() });
        }
        Ok(columns)
    }

    /// Plans version 1, which makes every table of the schema file. A table of sentri 5 gets the missing columns.
    pub(super) async fn plan_tables(&self, now: Millis) -> Result<Vec<Statement>, StoreError> {
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
                // sentri 5.3 rotated into a new row and left the old row behind, which would look like a live session.
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
        match dialect.adoption {
            Adoption::Collations => plan.extend(mysql::adopt(&adopted)),
            Adoption::Instants => {
                let old = OLD_INSTANTS.into_iter().filter(|(table, _)| is_adopted(table));
                plan.extend(old.map(|(table, column)| ddl(sqlite::instants_to_iso(table, column))));
            }
            // This is done before the versions; see `migrate::postgres`.
            Adoption::Types => {}
        }
        Ok(plan)
    }

    /// Plans to drop the unique constraints of sentri 5, which are on the value as typed, and on the type and the user.
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
            match constraint.into_int()? {
                0 if dialect.drops_index_on_table => plan.push(ddl(format!("DROP INDEX {name} ON sentri_identifiers"))),
                0 => plan.push(ddl(format!("DROP INDEX {name}"))),
                _ if dialect.drops_constraints => {
                    plan.push(ddl(format!("ALTER TABLE sentri_identifiers DROP CONSTRAINT {name}")));
                }
                _ => rebuild = true,
            }
        }
        if dialect.keys_need_index && !plan.is_empty() {
            // A foreign key needs an index, and uses the unique one until there is another.
            plan.splice(0..0, self.plan_indexes(&[IDENTIFIERS_BY_USER]).await?);
        }
        if rebuild {
            plan.extend(sqlite::rebuilt_identifiers(dialect.tables));
        }
        Ok(plan)
    }
}
