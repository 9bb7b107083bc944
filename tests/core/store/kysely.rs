//! The stores that speak through Kysely: batches go to a Node process over a pipe, and there by the package's own code
//! to the driver of a dialect.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sentri_core::store::foreign::ForeignDatabase;
use sentri_core::store::{Store, over};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::conformance;
use crate::fixture::{Fixture, Folder, Schema};
use crate::mysql::MysqlDatabase;
use crate::node::NodeDatabase;
pub use crate::node::{Driver, executor};

/// A store over a driver.
pub fn store(driver: Driver, place: &str) -> Arc<dyn Store> {
    over(NodeDatabase::new(driver, place), driver.dialect())
}

pub async fn pg() -> Fixture {
    let schema = Schema::new().await;
    Fixture::over(store(Driver::Pg, &schema.url()), schema).await
}

pub async fn mysql2() -> Fixture {
    let database = MysqlDatabase::new().await;
    Fixture::over(store(Driver::Mysql2, &database.url()), database).await
}

pub async fn better_sqlite3() -> Fixture {
    let folder = Folder::new();
    Fixture::over(store(Driver::BetterSqlite3, folder.file().to_str().unwrap()), folder).await
}

pub async fn node_sqlite() -> Fixture {
    let folder = Folder::new();
    Fixture::over(store(Driver::NodeSqlite, folder.file().to_str().unwrap()), folder).await
}

/// A disk that takes so long for what is written to it, and does one thing after the other.
struct SlowDisk {
    database: Arc<NodeDatabase>,
    head: Mutex<()>,
}

const SLOW: Duration = Duration::from_millis(40);

#[async_trait]
impl ForeignDatabase for SlowDisk {
    async fn run(&self, batch: String) -> Result<String, String> {
        let _head = self.head.lock().await;
        sleep(SLOW).await;
        self.database.run(batch).await
    }

    async fn close(&self) {
        self.database.close().await;
    }
}

/// 64 logins at once take longer there than a batch may, and each is let in: a queue is no outage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_at_once_wait_for_a_slow_disk() {
    let folder = Folder::new();
    let driver = Driver::BetterSqlite3;
    let database = NodeDatabase::new(driver, folder.file().to_str().unwrap());
    let store = over(Arc::new(SlowDisk { database, head: Mutex::new(()) }), driver.dialect());
    let fixture = Fixture::over(store, folder).await;
    conformance::users_log_in_at_once(&fixture.store, 1, 64).await;
}
