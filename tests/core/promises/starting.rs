//! Sixteen processes that start at once over one database that is slow to come, on a machine that has no time for them.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

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

/// A start that only waits for the tables waits for the migration of its own process, however long that takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_waits_for_the_migration_of_its_own_process() {
    let own = Own::new(Database::SqliteFile).await;
    let server = AuthServer::new(&options(&own.option, json!({})), Host::default()).unwrap();
    let writer = rusqlite::Connection::open(own.option["filename"].as_str().unwrap()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let migration = tokio::spawn({
        let server = server.clone();
        async move { server.call("migrate", json!([{}])).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let ready = tokio::spawn({
        let server = server.clone();
        async move { server.call("ready", json!([{}])).await }
    });
    // Longer than a request waits.
    tokio::time::sleep(Duration::from_secs(11)).await;
    writer.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ready.await.unwrap().unwrap(), Value::Null);
    assert_eq!(migration.await.unwrap().unwrap(), Value::Null);
    server.close().await;
    own.drop().await;
}
