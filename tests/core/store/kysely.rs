//! The stores that speak through Kysely: batches go to a Node process over a pipe, and there by the package's own code to
//! the driver of a dialect.

use std::sync::Arc;

use sentri_core::store::{Store, over};

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
