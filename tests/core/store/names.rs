//! Statements that a server has lost by name, as behind a pooler that nobody could find out.

use std::sync::Arc;

use async_trait::async_trait;
use sentri_core::failure::StoreError;
use sentri_core::identifier::normalize_adopted;
use sentri_core::store::Store;
use sentri_core::store::dialect::Dialect;
use sentri_core::store::executor::{Batch, Executor, Outcome, Statement};
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use sentri_core::store::sql::SqlStore;

use crate::conformance::T;
use crate::fixture::Schema;

/// A store's executor that the test speaks through, too.
struct Shared(Arc<PostgresExecutor>);

#[async_trait]
impl Executor for Shared {
    fn dialect(&self) -> &'static Dialect {
        self.0.dialect()
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        self.0.run(batch).await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

/// A store over one connection, and the executor that has it.
fn over_one_connection(schema: &Schema) -> (SqlStore<Shared>, Arc<PostgresExecutor>) {
    let config = PostgresConfig::from_url(&format!("{}&connection_limit=1", schema.url())).unwrap();
    let executor = Arc::new(PostgresExecutor::new(config));
    (SqlStore::new(Shared(Arc::clone(&executor)), normalize_adopted), executor)
}

async fn number(executor: &PostgresExecutor, sql: &'static str) -> Result<i64, StoreError> {
    let batch = Statement::read(sql, []).once().into();
    let Outcome::Done(mut answers) = executor.run(&batch).await? else { panic!("nothing was expected") };
    answers.remove(0).rows.remove(0).remove(0).into_int()
}

async fn do_on_server(executor: &PostgresExecutor, sql: &'static str) {
    executor.run(&Statement::write(sql, []).once().into()).await.unwrap();
}

/// How many statements the server keeps by name, and which process it is.
const KEPT: &str = "SELECT count(*) FROM pg_prepared_statements";
const PROCESS: &str = "SELECT pg_backend_pid()::bigint";

/// What every login asks; prepared by name where names are kept.
async fn look_up(store: &impl Store) {
    assert!(store.find_credential("nobody", "nobody", &[]).await.unwrap().is_none());
}

/// 26000: the server has none of the statements any more.
#[tokio::test]
async fn a_connection_that_lost_its_statements_goes_on_without_names() {
    let schema = Schema::new().await;
    let (store, executor) = over_one_connection(&schema);
    store.migrate(T).await.unwrap();
    look_up(&store).await;
    assert!(number(&executor, KEPT).await.unwrap() > 0, "statements are kept by name at first");
    do_on_server(&executor, "DEALLOCATE ALL").await;
    look_up(&store).await;
    let process = number(&executor, PROCESS).await.unwrap();
    for _ in 0..3 {
        look_up(&store).await;
        assert_eq!(number(&executor, KEPT).await.unwrap(), 0, "none is kept by name any more");
        do_on_server(&executor, "DEALLOCATE ALL").await;
    }
    assert_eq!(number(&executor, PROCESS).await.unwrap(), process, "and no further connection was spoilt");
    store.close().await;
}

/// 42P05: the server has other statements of those names.
#[tokio::test]
async fn a_connection_with_foreign_statements_goes_on_without_names() {
    let schema = Schema::new().await;
    let (store, executor) = over_one_connection(&schema);
    store.migrate(T).await.unwrap();
    let foreign = "DO $$ BEGIN FOR i IN 0..3000 LOOP \
                   BEGIN EXECUTE 'PREPARE s' || i || ' AS SELECT 42::bigint'; \
                   EXCEPTION WHEN duplicate_prepared_statement THEN NULL; END; END LOOP; END $$";
    do_on_server(&executor, foreign).await;
    assert!(number(&executor, PROCESS).await.is_err(), "the name is taken, by a statement that would answer 42");
    let process = number(&executor, PROCESS).await.unwrap();
    assert_ne!(process, 42);
    do_on_server(&executor, foreign).await;
    for _ in 0..3 {
        look_up(&store).await;
        assert_eq!(number(&executor, PROCESS).await.unwrap(), process, "no further connection was spoilt");
    }
    store.close().await;
}
