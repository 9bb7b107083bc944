//! Migrations of large tables take longer than an operation may, and may end in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sentri_core::failure::StoreError;
use sentri_core::identifier::normalize_adopted;
use sentri_core::store::dialect::Dialect;
use sentri_core::store::executor::{Batch, Executor, Outcome, Statement};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};
use sentri_core::store::open;
use sentri_core::store::pooled::{BATCH_LIMIT, SCHEMA_LIMIT};
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use sentri_core::store::sql::SqlStore;
use sentri_core::store::sqlite::{SqliteConfig, SqliteExecutor};
use serde_json::json;

use crate::conformance::{AnyStore, T};
use crate::fixture::{Folder, Schema, connect};
use crate::kysely::{self, Driver};
use crate::migrations::{MYSQL_5_3, POSTGRES_5_3, SQLITE_5_3, id, many_users};
use crate::mysql::{self, MysqlDatabase};

/// A part of the statement that reads adopted identifiers.
const READS: &str = "value_normalized IS NULL ORDER BY";
/// A part of the statement that gives an identifier its normal form.
const ADOPTS: &str = "SET value_normalized = CASE";
const USERS: usize = 600;
const AT: &str = "2024-05-06 07:08:09";

fn has(batch: &Batch, part: &str) -> bool {
    batch.statements.iter().any(|statement| statement.sql.contains(part))
}

/// A database that takes longer than a batch may for a version, and for a read of adopted identifiers.
struct Slow<E> {
    executor: E,
    pause: &'static str,
    paused: AtomicUsize,
}

#[async_trait]
impl<E: Executor> Executor for Slow<E> {
    fn dialect(&self) -> &'static Dialect {
        self.executor.dialect()
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        let parts = ["ADD COLUMN generation", READS];
        let paused = self.paused.load(Ordering::SeqCst);
        if !parts.get(paused).is_some_and(|part| has(batch, part)) {
            return self.executor.run(batch).await;
        }
        self.paused.store(paused + 1, Ordering::SeqCst);
        let mut batch = batch.clone();
        let last = batch.statements.len() - 1;
        batch.statements.insert(last, Statement::read(self.pause, []).once());
        let mut outcome = self.executor.run(&batch).await?;
        if let Outcome::Done(answers) = &mut outcome {
            answers.remove(last);
        }
        Ok(outcome)
    }

    async fn close(&self) {
        self.executor.close().await;
    }
}

async fn takes_its_time(executor: impl Executor, pause: &'static str, url: &str) {
    let slow = Slow { executor, pause, paused: AtomicUsize::new(0) };
    let store: AnyStore = Arc::new(SqlStore::new(slow, normalize_adopted));
    store.migrate(T).await.unwrap();
    store.close().await;
    all_are_found(url).await;
}

async fn all_are_found(url: &str) {
    let store = open(&json!(url)).unwrap();
    store.check().await.unwrap();
    for index in [0, USERS / 2, USERS - 1] {
        let (value, exact) = (format!("user{index}"), format!("USER{index}"));
        assert_eq!(store.find_credential(&value, &value, &[]).await.unwrap().unwrap().user_id, id(index));
        assert_eq!(store.find_credential(&value, &exact, &[]).await.unwrap().unwrap().user_id, id(index + USERS));
    }
    store.close().await;
}

async fn postgres_of_5_3() -> Schema {
    let schema = Schema::new().await;
    let rows = many_users(USERS, AT);
    connect(&schema.url()).await.batch_execute(&format!("{POSTGRES_5_3} BEGIN; {rows} COMMIT;")).await.unwrap();
    schema
}

async fn mysql_of_5_3() -> MysqlDatabase {
    let database = MysqlDatabase::new().await;
    let tables = MYSQL_5_3.replace("value VARCHAR(255)", "value VARCHAR(255) COLLATE utf8mb4_bin");
    mysql::run(&database.url(), &tables).await;
    mysql::run(&database.url(), &format!("BEGIN; {} COMMIT;", many_users(USERS, AT))).await;
    database
}

fn sqlite_of_5_3() -> Folder {
    let folder = Folder::new();
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.execute_batch(&format!("{SQLITE_5_3} BEGIN; {} COMMIT;", many_users(USERS, AT))).unwrap();
    folder
}

/// Nor does a limit count that the operator set for the requests of the role.
#[tokio::test]
async fn a_migration_takes_its_time() {
    let pause = BATCH_LIMIT + Duration::from_millis(400);
    assert!(pause < Duration::from_millis(2_500) && SCHEMA_LIMIT >= Duration::from_secs(60 * 60));
    let (postgres, mysql) = ("SELECT CAST(pg_sleep(2.5) AS TEXT) AS slept", "SELECT SLEEP(2.5)");
    let limited = |schema: &Schema| format!("{}%20-cstatement_timeout%3D1000", schema.url());
    let schema = postgres_of_5_3().await;
    let executor = PostgresExecutor::new(PostgresConfig::from_url(&limited(&schema)).unwrap());
    takes_its_time(executor, postgres, &schema.url()).await;
    let schema = postgres_of_5_3().await;
    takes_its_time(kysely::executor(Driver::Pg, &limited(&schema)), postgres, &schema.url()).await;
    let database = mysql_of_5_3().await;
    let executor = MysqlExecutor::new(MysqlConfig::from_url(&database.url()).unwrap());
    takes_its_time(executor, mysql, &database.url()).await;
    let database = mysql_of_5_3().await;
    takes_its_time(kysely::executor(Driver::Mysql2, &database.url()), mysql, &database.url()).await;
}

/// A database that goes away after so many batches that give identifiers their normal forms.
struct Ending<E> {
    executor: E,
    left: AtomicUsize,
}

#[async_trait]
impl<E: Executor> Executor for Ending<E> {
    fn dialect(&self) -> &'static Dialect {
        self.executor.dialect()
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        let step = |left: usize| left.checked_sub(1);
        if has(batch, ADOPTS) && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step).is_err() {
            return Err(StoreError::Unavailable("the test ends here".into()));
        }
        self.executor.run(batch).await
    }

    async fn close(&self) {
        self.executor.close().await;
    }
}

async fn is_unfinished(executor: impl Executor, url: &str) {
    let ending = Ending { executor, left: AtomicUsize::new(1) };
    let store: AnyStore = Arc::new(SqlStore::new(ending, normalize_adopted));
    let ended = store.migrate(T).await;
    assert!(matches!(ended, Err(StoreError::Unavailable(_))), "{ended:?}");
    store.close().await;
    let store = open(&json!(url)).unwrap();
    assert!(matches!(store.check().await, Err(StoreError::SchemaMissing(_))), "{url}");
    store.migrate(T).await.unwrap();
    store.close().await;
    all_are_found(url).await;
}

/// Identifiers without a normal form are not found, so nobody may serve before all have one.
#[tokio::test]
async fn a_migration_that_ends_before_all_are_adopted_is_unfinished() {
    let folder = sqlite_of_5_3();
    is_unfinished(SqliteExecutor::new(SqliteConfig::at(folder.file())), &folder.url()).await;
    let schema = postgres_of_5_3().await;
    let executor = PostgresExecutor::new(PostgresConfig::from_url(&schema.url()).unwrap());
    is_unfinished(executor, &schema.url()).await;
    let database = mysql_of_5_3().await;
    is_unfinished(MysqlExecutor::new(MysqlConfig::from_url(&database.url()).unwrap()), &database.url()).await;
}
