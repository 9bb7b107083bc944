//! Sixteen processes that start at once over one database that is slow to come, on a machine that has no time for them.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use sentri_core::config::Config;
use sentri_core::failure::StoreError;
use sentri_core::identifier::normalize_adopted;
use sentri_core::store::dialect::Dialect;
use sentri_core::store::executor::{Batch, Executor, Outcome};
use sentri_core::store::sql::SqlStore;
use sentri_core::store::sqlite::{SqliteConfig, SqliteExecutor};
use sentri_core::{AuthServer, Host};
use serde_json::{Value, json};

use super::processes::proxied;
use crate::proxy::Line;
use crate::support::{Database, Own, options};

/// Tells a process of this test binary to start a server over that database and end.
const CHILD: &str = "SENTRI_TEST_START";
const PROCESSES: usize = 16;
/// Longer than one attempt to connect.
const SILENT_FOR: Duration = Duration::from_secs(4);

/// Starts as a host does: goes on for as long as there is something to wait for.
async fn start(db: &Value) -> Result<(), sentri_core::Error> {
    let server = AuthServer::new(&options(db, json!({})), Host::default())?;
    let mut step = server.call("migrate", json!([{}])).await?;
    while !step.is_null() {
        eprintln!("{}", step["waiting"]);
        step = server.call("migrate", json!([step["again"]])).await?;
    }
    server.ready().await?;
    server.close().await;
    Ok(())
}

/// In a child: starts, and ends the process.
async fn start_if_child() {
    if let Ok(db) = std::env::var(CHILD) {
        let ended = start(&serde_json::from_str(&db).unwrap()).await;
        if let Err(error) = &ended {
            eprintln!("{error}");
        }
        std::process::exit(i32::from(ended.is_err()));
    }
}

fn spawn(db: &Value) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["starting::a4_sixteen_processes_start_on_a_loaded_machine", "--exact", "--nocapture"]);
    command.env(CHILD, db.to_string()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Threads that take all the time there is, four times over.
fn burn() -> (Arc<AtomicBool>, Vec<thread::JoinHandle<()>>) {
    let ends = Arc::new(AtomicBool::new(false));
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let burn = |ends: Arc<AtomicBool>| {
        move || {
            while !ends.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        }
    };
    let threads = (0..4 * cores).map(|_| thread::spawn(burn(Arc::clone(&ends)))).collect();
    (ends, threads)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a4_sixteen_processes_start_on_a_loaded_machine() {
    start_if_child().await;
    let own = Own::new(Database::Postgres).await;
    let (proxy, url) = proxied(&own).await;
    proxy.set(Line::Paused);
    let (ends, threads) = burn();
    let children: Vec<Child> = (0..PROCESSES).map(|_| spawn(&json!({ "connectionString": url }))).collect();
    tokio::time::sleep(SILENT_FOR).await;
    proxy.set(Line::Open);
    let wait = move || children.into_iter().map(|child| child.wait_with_output().unwrap()).collect::<Vec<_>>();
    let outputs = tokio::task::spawn_blocking(wait).await.unwrap();
    ends.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
    for output in outputs {
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && told.contains("database"),
            "each waits, says for what, and ends well: {told}"
        );
    }
    start(&own.option).await.unwrap();
    own.drop().await;
}

/// A database of which the first change of the tables takes longer than a request waits.
struct Slow {
    executor: SqliteExecutor,
    is_slow: AtomicBool,
}

#[async_trait]
impl Executor for Slow {
    fn dialect(&self) -> &'static Dialect {
        self.executor.dialect()
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        if batch.schema && self.is_slow.swap(false, Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_secs(11)).await;
        }
        self.executor.run(batch).await
    }

    async fn close(&self) {
        self.executor.close().await;
    }
}

/// A start that only waits for the tables waits for the migration of its own process, however long that takes.
#[tokio::test]
async fn ready_waits_for_the_migration_of_its_own_process() {
    let own = Own::new(Database::SqliteFile).await;
    let file = own.option["filename"].as_str().unwrap();
    let slow = Slow { executor: SqliteExecutor::new(SqliteConfig::at(file)), is_slow: AtomicBool::new(true) };
    let config = Config::from_options(&options(&own.option, json!({}))).unwrap();
    let store = Arc::new(SqlStore::new(slow, normalize_adopted));
    let server = AuthServer::with_store(config, Host::default(), store).unwrap();
    let migration = tokio::spawn({
        let server = server.clone();
        async move { server.call("migrate", json!([{}])).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.call("ready", json!([{}])).await.unwrap(), Value::Null);
    assert_eq!(migration.await.unwrap().unwrap(), Value::Null);
    server.close().await;
    own.drop().await;
}
