//! MySQL and Galera: a transaction that the server takes back is a lost race, whatever the server says of it.
//!
//! A node of a Galera cluster takes a transaction back at any moment. When that is while it prepares a statement,
//! nobody is told: the statements that follow are done outside of any transaction, and COMMIT succeeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sentri_core::failure::StoreError;
use sentri_core::store::executor::{Batch, Executor, Outcome, Statement, Value};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};

use crate::galera::{self, Spread};
use crate::mysql::MysqlDatabase;

const TABLE: &str = "CREATE TABLE things (id BIGINT PRIMARY KEY, step BIGINT NOT NULL)";
const WRITERS: i64 = 24;
const STEPS: i64 = 200;

fn insert(id: i64) -> Statement {
    Statement::write("INSERT INTO things (id, step) VALUES (?, 0)", [Value::Int(id)])
}

async fn one_connection(database: &MysqlDatabase) -> MysqlExecutor {
    let executor = MysqlExecutor::new(MysqlConfig::from_url(&database.url()).unwrap().with_max(1));
    executor.run(&Batch::schema([Statement::write(TABLE, []).once()])).await.unwrap();
    executor
}

async fn run(executor: &impl Executor, batch: impl Into<Batch>) -> Vec<Vec<Vec<Value>>> {
    let Outcome::Done(answers) = executor.run(&batch.into()).await.unwrap() else { panic!("nothing was missed") };
    answers.into_iter().map(|answer| answer.rows).collect()
}

#[tokio::test]
async fn nothing_is_prepared_within_a_transaction() {
    let database = MysqlDatabase::new().await;
    let executor = one_connection(&database).await;
    let prepared = || Statement::read("SHOW SESSION STATUS LIKE 'Com_stmt_prepare'", []);
    let select = || Statement::read("SELECT step FROM things WHERE id = ?", [Value::Int(1)]);
    let rows = run(&executor, Batch::of([prepared(), insert(1), select().once(), select(), prepared()])).await;
    assert_eq!(rows[0], rows[4]);
    assert_eq!(rows[2], [[Value::Int(0)]]);
    executor.close().await;
}

#[tokio::test]
async fn a_transaction_that_is_over_before_its_end_is_a_lost_race() {
    let database = MysqlDatabase::new().await;
    let executor = one_connection(&database).await;
    let taken_back = || Statement::write("ROLLBACK", []).once();
    for batch in [
        Batch::of([insert(1), taken_back(), insert(2)]),
        Batch::of([insert(1), taken_back()]),
        // Not "somebody else has it", which is what the count says.
        Batch::of([insert(1), taken_back().expect(1), insert(2)]),
    ] {
        let outcome = executor.run(&batch).await;
        assert!(matches!(outcome, Err(StoreError::Conflict(_))), "{outcome:?}");
        assert_eq!(run(&executor, Statement::read("SELECT id FROM things", [])).await[0].len(), 0);
    }
    run(&executor, Batch::of([insert(1), insert(2)])).await;
    assert_eq!(run(&executor, Statement::read("SELECT id FROM things", [])).await[0].len(), 2);
    executor.close().await;
}

/// Each writer takes the next step if nobody else has, by statements that every batch prepares anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_on_all_nodes_one_takes_a_step() {
    let cluster = galera::galera_url();
    let database = galera::database_on(&cluster).await;
    let executor = Arc::new(Spread::over(&database.url_over(&cluster)));
    run(&*executor, Batch::schema([Statement::write(TABLE, []).once()])).await;
    run(&*executor, insert(1)).await;
    let conflicts = Arc::new(AtomicI64::new(0));
    for step in 0..STEPS {
        let writer = |_| {
            let (executor, conflicts) = (Arc::clone(&executor), Arc::clone(&conflicts));
            let update = "UPDATE things SET step = step + 1 WHERE id = 1 AND step = ?";
            let update = Statement::write(update, [Value::Int(step)]).once().expect(1);
            let select = Statement::read("SELECT step FROM things WHERE id = ?", [Value::Int(1)]).once();
            let batch = Batch::of([update, select]);
            tokio::spawn(async move {
                loop {
                    match executor.run(&batch).await {
                        Err(StoreError::Conflict(_)) => conflicts.fetch_add(1, Ordering::Relaxed),
                        outcome => return matches!(outcome.unwrap(), Outcome::Done(_)),
                    };
                }
            })
        };
        let mut winners = 0;
        for writer in (0..WRITERS).map(writer).collect::<Vec<_>>() {
            winners += i64::from(writer.await.unwrap());
        }
        assert_eq!(winners, 1, "step {step}");
    }
    let rows = run(&*executor, Statement::read("SELECT step FROM things", [])).await;
    assert_eq!(rows[0], [[Value::Int(STEPS)]]);
    assert!(conflicts.load(Ordering::Relaxed) > 0, "they met");
    executor.close().await;
}
