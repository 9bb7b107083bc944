//! Databases of a test's own: random names, gone when the test ends, however it ends.

use std::path::PathBuf;
use std::sync::Arc;

use crate::memory::MemoryStore;
use sentri_core::crypto::make_id;
use sentri_core::identifier::normalize_adopted;
use sentri_core::store::sql::SqlStore;
use sentri_core::store::{Store, open};
use serde_json::json;

use crate::galera::{self, Spread};
use crate::mysql::MysqlDatabase;

/// A store and the place that it keeps its data in.
pub struct Fixture {
    pub store: Arc<dyn Store>,
    _place: Box<dyn Send>,
}

impl Fixture {
    /// A store over `place`, migrated.
    pub async fn over(store: Arc<dyn Store>, place: impl Send + 'static) -> Self {
        store.migrate(super::conformance::T).await.unwrap();
        Self { store, _place: Box::new(place) }
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
    Fixture::over(Arc::new(SqlStore::new(executor, normalize_adopted)), database).await
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
