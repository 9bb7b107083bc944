//! Databases of a test's own: random names, gone when the test ends, however it ends.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::memory::MemoryStore;
use sentri_core::crypto::make_id;
use sentri_core::identifier::normalize_adopted;
use sentri_core::store::executor::{Batch, Executor as _, Statement};
use sentri_core::store::sql::SqlStore;
use sentri_core::store::sqlite::{SqliteConfig, SqliteExecutor};
use sentri_core::store::{Store, open};
use serde_json::json;

use crate::galera::{self, Spread};
use crate::mysql::MysqlDatabase;

/// The tables in the order in which their rows may be deleted.
pub const TABLES: [&str; 10] = [
    "sentri_sessions",
    "sentri_identifiers",
    "sentri_users",
    "sentri_flows",
    "sentri_factors",
    "sentri_recovery_codes",
    "sentri_factor_attempts",
    "sentri_audit",
    "sentri_deleted_users",
    "sentri_keys",
];

/// The place of a store's rows.
#[async_trait]
pub trait Place: Send + Sync {
    /// Deletes all rows, where that takes less than a new place; otherwise says no.
    async fn empty(&self) -> bool;

    /// The number of times that a case may be run until it is held.
    fn attempts(&self) -> usize {
        1
    }
}

/// Memory, or a place that its maker keeps.
#[async_trait]
impl Place for () {
    async fn empty(&self) -> bool {
        false
    }
}

/// A store and the place that it keeps its data in.
pub struct Fixture {
    pub store: Arc<dyn Store>,
    place: Box<dyn Place>,
}

impl Fixture {
    /// A store over `place`, migrated.
    pub async fn over(store: Arc<dyn Store>, place: impl Place + 'static) -> Self {
        store.migrate(super::conformance::T).await.unwrap();
        Self { store, place: Box::new(place) }
    }

    pub fn attempts(&self) -> usize {
        self.place.attempts()
    }

    /// Deletes all rows; says no where a new fixture is needed.
    pub async fn empty(&self) -> bool {
        self.store.check().await.is_ok() && self.place.empty().await
    }
}

pub async fn memory() -> Fixture {
    Fixture::over(Arc::new(MemoryStore::new()), ()).await
}

pub async fn sqlite_memory() -> Fixture {
    Fixture::over(open(&json!("sqlite::memory:")).unwrap(), ()).await
}

pub async fn sqlite_file() -> Fixture {
    let folder = Folder::new();
    Fixture::over(open(&json!(folder.url())).unwrap(), folder).await
}

pub async fn postgres() -> Fixture {
    let schema = Schema::new().await;
    Fixture::over(open(&json!(schema.url())).unwrap(), schema).await
}

/// Behind PgBouncer in transaction mode, in a schema that is named in the URL.
pub async fn pgbouncer() -> Fixture {
    let schema = Schema::new().await;
    let url = std::env::var("PGBOUNCER_URL").expect("PGBOUNCER_URL is set: run the tests by `make test`");
    let url = format!("{url}?schema={}", schema.name());
    Fixture::over(open(&json!(url)).unwrap(), schema).await
}

pub async fn mysql() -> Fixture {
    let database = MysqlDatabase::new().await;
    Fixture::over(open(&json!(database.url())).unwrap(), database).await
}

/// On a cluster, each batch on another node.
pub async fn galera() -> Fixture {
    let cluster = galera::galera_url();
    let database = galera::database_on(&cluster).await;
    let executor = Spread::over(&database.url_over(&cluster));
    let place = GaleraDatabase { database, cluster };
    Fixture::over(Arc::new(SqlStore::new(executor, normalize_adopted)), place).await
}

struct GaleraDatabase {
    database: MysqlDatabase,
    cluster: String,
}

#[async_trait]
impl Place for GaleraDatabase {
    async fn empty(&self) -> bool {
        self.database.clear().await;
        galera::catch_up(&self.cluster).await;
        true
    }

    /// A request gives up after 1.8 seconds, which three servers beside all other tests may take.
    fn attempts(&self) -> usize {
        3
    }
}

#[async_trait]
impl Place for MysqlDatabase {
    async fn empty(&self) -> bool {
        self.clear().await;
        true
    }
}

/// A folder for one SQLite file.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("sentri-{}", make_id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("auth.db")
    }

    pub fn url(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }
}

#[async_trait]
impl Place for Folder {
    async fn empty(&self) -> bool {
        let executor = SqliteExecutor::new(SqliteConfig::at(self.file()));
        let empty = TABLES.map(|table| Statement::write(format!("DELETE FROM {table}"), []).once());
        executor.run(&Batch::of(empty)).await.unwrap();
        executor.close().await;
        true
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Where the tests find PostgreSQL.
pub fn server_url() -> String {
    std::env::var("DATABASE_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".into())
}

/// A connection of the test's own, beside the store's.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A PostgreSQL schema.
pub struct Schema(String);

impl Schema {
    pub async fn new() -> Self {
        let name = format!("sentri_{}", make_id().replace('-', ""));
        connect(&server_url()).await.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
        Self(name)
    }

    pub fn name(&self) -> &str {
        &self.0
    }

    pub fn url(&self) -> String {
        self.url_over(&server_url())
    }

    /// The URL of this schema on a server known by another URL.
    pub fn url_over(&self, server: &str) -> String {
        let joint = if server.contains('?') { '&' } else { '?' };
        format!("{server}{joint}options=-csearch_path%3D{}", self.0)
    }
}

#[async_trait]
impl Place for Schema {
    async fn empty(&self) -> bool {
        let empty = TABLES.map(|table| format!("DELETE FROM {}.{table}", self.0)).join(";");
        connect(&server_url()).await.batch_execute(&empty).await.unwrap();
        true
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.0);
        // A thread with a runtime of its own, since the test's may be ending.
        let work = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                connect(&server_url()).await.batch_execute(&format!("DROP SCHEMA {name} CASCADE")).await.unwrap();
            });
        });
        work.join().unwrap();
    }
}
