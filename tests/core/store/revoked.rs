//! MySQL, which has no RETURNING for an UPDATE: whoever ends sessions learns of each one.

use std::sync::Arc;

use async_trait::async_trait;
use sentri_core::failure::StoreError;
use sentri_core::identifier::normalize_adopted;
use sentri_core::store::dialect::Dialect;
use sentri_core::store::executor::{Batch, Executor, Outcome, Statement};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};
use sentri_core::store::open;
use sentri_core::store::sql::SqlStore;
use serde_json::json;
use tokio::sync::Notify;

use crate::conformance::{AnyStore, T, logged_in, registered};
use crate::mysql::MysqlDatabase;

/// Takes its time before the last statement of a batch, and says when it begins.
struct Slow {
    executor: MysqlExecutor,
    begins: Arc<Notify>,
}

#[async_trait]
impl Executor for Slow {
    fn dialect(&self) -> &'static Dialect {
        self.executor.dialect()
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        if batch.schema || batch.statements.len() < 2 {
            return self.executor.run(batch).await;
        }
        let mut batch = batch.clone();
        let last = batch.statements.len() - 1;
        batch.statements.insert(last, Statement::read("SELECT SLEEP(0.5)", []));
        self.begins.notify_one();
        self.executor.run(&batch).await
    }

    async fn close(&self) {
        self.executor.close().await;
    }
}

#[tokio::test]
async fn who_ends_sessions_learns_of_one_that_is_opened_meanwhile() {
    let database = MysqlDatabase::new().await;
    let quick: AnyStore = open(&json!(database.url())).unwrap();
    quick.migrate(T).await.unwrap();
    let user = registered(&quick, &["anna"]).await;
    let first = logged_in(&quick, &user.id).await;
    let (executor, begins) =
        (MysqlExecutor::new(MysqlConfig::from_url(&database.url()).unwrap()), Arc::new(Notify::new()));
    let slow: AnyStore = Arc::new(SqlStore::new(Slow { executor, begins: Arc::clone(&begins) }, normalize_adopted));
    let ends = tokio::spawn({
        let (slow, user_id) = (Arc::clone(&slow), user.id.clone());
        async move { slow.revoke_sessions(&user_id, T).await.unwrap() }
    });
    begins.notified().await;
    // It has read the live sessions by now, and has not ended them.
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    let second = logged_in(&quick, &user.id).await;
    let named = ends.await.unwrap();
    for id in [first.id, second.id] {
        let is_revoked = quick.find_session(&id).await.unwrap().unwrap().session.revoked_at.is_some();
        assert_eq!(is_revoked, named.contains(&id), "{id} of {named:?}");
    }
    assert_eq!(named.len(), 1);
    slow.close().await;
    quick.close().await;
}
