//! Checks a PostgreSQL database before the tables are made or adopted. Its encoding must hold every script, and its
//! columns must have the types that statements are written for.
//!
//! This happens on every run and is no version, since 6.0.0 adopted tables whose ids it could not read.

use super::ddl::{Column, ddl};
use crate::failure::StoreError;
use crate::store::executor::{Executor, Statement, Value};
use crate::store::sql::SqlStore;

/// A SELECT of the foreign keys that refer to the table `?`: the name, the table that has it, the definition, and the
/// bare name of that table.
const REFERENCES: &str = "SELECT CAST(c.conname AS TEXT) AS name, CAST(CAST(c.conrelid AS regclass) AS TEXT) AS owner, \
                          pg_get_constraintdef(c.oid) AS definition, CAST(r.relname AS TEXT) AS relation \
                          FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid \
                          WHERE c.contype = 'f' AND c.confrelid = to_regclass(?)";

const TABLES: [&str; 3] = ["sentri_users", "sentri_sessions", "sentri_identifiers"];
/// Columns with texts, and the types that they get unless they have a type of text already.
const TEXTS: [(&str, &str); 9] = [
    ("id", "VARCHAR(36)"),
    ("user_id", "VARCHAR(36)"),
    ("replaced_by", "VARCHAR(36)"),
    ("password_hash", "VARCHAR(255)"),
    ("roles", "TEXT"),
    ("ip_address", "VARCHAR(45)"),
    ("user_agent", "TEXT"),
    ("type", "VARCHAR(64)"),
    ("value", "TEXT"),
];
/// Columns that may be part of a foreign key.
const KEYS: [&str; 3] = ["id", "user_id", "replaced_by"];
const INSTANTS: [&str; 6] = ["created_at", "updated_at", "expires_at", "rotated_at", "last_used_at", "revoked_at"];
const NUMBERS: [&str; 2] = ["auth_epoch", "generation"];

impl<E: Executor> SqlStore<E> {
    /// Refuses a database whose encoding lacks most of the world's letters.
    pub(in crate::store) async fn check_encoding(&self) -> Result<(), StoreError> {
        let Some(sql) = self.executor.dialect().encoding else { return Ok(()) };
        for row in self.rows(Statement::read(sql, []).once()).await? {
            let [encoding, name]: [Value; 2] = row.try_into().map_err(|_| two_columns())?;
            let (encoding, name) = (encoding.into_text()?, name.into_text()?);
            // SQL_ASCII takes any bytes.
            if !matches!(encoding.as_str(), "UTF8" | "SQL_ASCII") {
                return Err(StoreError::Configuration(format!(
                    "db: the database {name} is encoded in {encoding}, which can't hold every name: make one with \
                     CREATE DATABASE {name}_utf8 ENCODING 'UTF8' TEMPLATE template0, and bring data there with pg_dump"
                )));
            }
        }
        Ok(())
    }

    /// Gives the columns of sentri 5 the types that statements are written for.
    pub(super) async fn adopt_postgres_types(&self) -> Result<(), StoreError> {
        let (mut plan, mut changes_keys) = (Vec::new(), false);
        for table in TABLES {
            for column in self.columns(table).await? {
                let Some(kind) = wanted(table, &column)? else { continue };
                changes_keys |= KEYS.contains(&column.name.as_str());
                plan.extend(retyped(table, &column, kind));
            }
        }
        if plan.is_empty() {
            return Ok(());
        }
        if changes_keys {
            for table in TABLES {
                self.free_references(table, &mut plan).await?;
            }
        }
        self.change_schema(plan).await
    }

    /// Drops the foreign keys to `table` before the `plan`, and adds them again after it.
    async fn free_references(&self, table: &str, plan: &mut Vec<Statement>) -> Result<(), StoreError> {
        for row in self.rows(Statement::read(REFERENCES, [table.into()]).once()).await? {
            let [name, owner, definition, relation]: [Value; 4] = row.try_into().map_err(|_| two_columns())?;
            let (owner, definition) = (owner.into_text()?, definition.into_text()?);
            let relation = relation.into_text()?;
            let name = self.executor.dialect().quoted(&name.into_text()?);
            if !TABLES.contains(&relation.as_str()) {
                return Err(StoreError::Configuration(format!(
                    "db: ids in {table} are no text, and sentri can't change that by itself, because the table {owner} \
                     refers to them by its constraint {name}: drop that constraint, call migrate(), change the \
                     column of {owner} to VARCHAR(36), and add the constraint again: {definition}"
                )));
            }
            plan.insert(0, ddl(format!("ALTER TABLE {relation} DROP CONSTRAINT IF EXISTS {name}")));
            plan.push(ddl(format!("ALTER TABLE {relation} ADD CONSTRAINT {name} {definition}")));
        }
        Ok(())
    }
}

/// Returns the type that `column` must get, or `None` if its type is right.
fn wanted(table: &str, column: &Column) -> Result<Option<&'static str>, StoreError> {
    let Column { name, kind } = column;
    let is_one_of = |kinds: &[&str]| kinds.contains(&kind.as_str());
    let (is_right, needed) = if let Some((_, wanted)) = TEXTS.iter().find(|(text, _)| text == name) {
        if is_one_of(&["text", "character varying", "character"]) {
            return Ok(None);
        }
        if !kind.ends_with("[]") && kind != "bytea" {
            return Ok(Some(wanted));
        }
        (false, if name == "roles" { "TEXT USING array_to_json(roles)" } else { "TEXT" })
    } else if INSTANTS.contains(&name.as_str()) {
        (is_one_of(&["timestamp without time zone", "timestamp with time zone"]), "TIMESTAMP(6)")
    } else if NUMBERS.contains(&name.as_str()) {
        (is_one_of(&["bigint", "integer", "smallint"]), "BIGINT")
    } else {
        (true, "")
    };
    if is_right {
        return Ok(None);
    }
    Err(StoreError::Configuration(format!(
        "db: the column {name} of {table} has the type {kind}, which sentri can't read. Change it and keep what it \
         means: ALTER TABLE {table} ALTER COLUMN {name} TYPE {needed}"
    )))
}

fn retyped(table: &str, column: &Column, wanted: &str) -> Vec<Statement> {
    let Column { name, kind } = column;
    let text = match kind.as_str() {
        // The text of an address without the length of its network.
        "inet" | "cidr" => format!("split_part(CAST({name} AS TEXT), '/', 1)"),
        _ => format!("CAST({name} AS TEXT)"),
    };
    let mut plan = Vec::new();
    // The default of an id stays, for a sentri 5 that still runs beside this process and leaves ids to the database.
    if kind != "uuid" {
        plan.push(ddl(format!("ALTER TABLE {table} ALTER COLUMN {name} DROP DEFAULT")));
    }
    plan.push(ddl(format!("ALTER TABLE {table} ALTER COLUMN {name} TYPE {wanted} USING {text}")));
    plan
}

fn two_columns() -> StoreError {
    StoreError::Other("the catalog: another number of columns was expected".into())
}
