//! A Galera cluster of three nodes: that of `GALERA_URL`, or one of a test's own whose nodes it may kill.
#![allow(dead_code, reason = "shared by several test binaries, each using a part")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sentri_core::crypto::make_id;
use sentri_core::failure::StoreError;
use sentri_core::store::dialect::Dialect;
use sentri_core::store::executor::{Batch, Executor, Outcome};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};

use super::mysql::{self, MysqlDatabase};

/// Waits until the node has applied what the others have committed.
const CATCH_UP: &str = "SET SESSION wsrep_sync_wait = 7; SELECT COUNT(*) FROM mysql.user";

/// A cluster that is left whole.
pub fn galera_url() -> String {
    std::env::var("GALERA_URL").expect("GALERA_URL is set: run the tests by `make test`")
}

/// The URL of each node of a cluster.
pub fn nodes_of(url: &str) -> Vec<String> {
    let (user, rest) = url.split_once('@').unwrap();
    let (hosts, database) = rest.split_once('/').unwrap();
    hosts.split(',').map(|host| format!("{user}@{host}/{database}")).collect()
}

/// A database with a random name that every node knows.
pub async fn database_on(cluster: &str) -> MysqlDatabase {
    let nodes = nodes_of(cluster);
    let database = MysqlDatabase::on(nodes[0].clone()).await;
    catch_up(cluster).await;
    database
}

/// Waits until all nodes have what one of them has committed.
pub async fn catch_up(cluster: &str) {
    for node in nodes_of(cluster) {
        mysql::run(&node, CATCH_UP).await;
    }
}

/// Each batch goes to the next node, as those of many processes do.
pub struct Spread {
    nodes: Vec<MysqlExecutor>,
    next: AtomicUsize,
}

impl Spread {
    pub fn over(url: &str) -> Self {
        let executor = |node: String| MysqlExecutor::new(MysqlConfig::from_url(&node).unwrap());
        Self { nodes: nodes_of(url).into_iter().map(executor).collect(), next: AtomicUsize::new(0) }
    }
}

#[async_trait]
impl Executor for Spread {
    fn dialect(&self) -> &'static Dialect {
        self.nodes[0].dialect()
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        self.nodes[self.next.fetch_add(1, Ordering::Relaxed) % self.nodes.len()].run(batch).await
    }

    async fn close(&self) {
        for node in &self.nodes {
            node.close().await;
        }
    }
}

/// Ends the servers when nobody holds its input any more, and removes the folder `$1`.
const GUARD: &str = r#"cat >/dev/null; bash "$1/stop"; sleep 0.2; rm -rf "$1""#;

/// Three nodes of a test's own. They end with the test, however it ends.
pub struct Cluster {
    folder: PathBuf,
    pub url: String,
    guard: Child,
}

impl Cluster {
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("sentri-{}", make_id()));
        std::fs::create_dir(&folder).unwrap();
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "sh"]).arg(&folder).stdin(Stdio::piped()).stdout(Stdio::null());
        let guard = guard.spawn().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/services/cluster/galera.sh");
        let output = Command::new("bash").arg(script).arg(&folder).env_remove("GALERA_URL").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let env = std::fs::read_to_string(folder.join("env")).unwrap();
        Self { folder, url: env.trim().trim_start_matches("export GALERA_URL=").to_owned(), guard }
    }

    /// Kills node 1, 2 or 3 as a power cut would.
    pub fn kill(&self, node: usize) {
        self.signal(node, "-KILL");
    }

    /// Sends a signal to the process of a node.
    pub fn signal(&self, node: usize, signal: &str) {
        let pid = std::fs::read_to_string(self.folder.join(node.to_string()).join("pid")).unwrap();
        assert!(Command::new("kill").args([signal, pid.trim()]).status().unwrap().success());
    }

    /// Starts a node that was killed; it fetches what it missed and joins.
    pub async fn restart(&self, node: usize) {
        let folder = self.folder.join(node.to_string());
        std::fs::remove_file(folder.join("pid")).unwrap();
        assert!(Command::new("bash").arg(folder.join("start")).stdin(Stdio::null()).status().unwrap().success());
        self.until_ready(node).await;
    }

    /// How many members the cluster has in the eyes of another node.
    pub async fn size_beside(&self, node: usize) -> String {
        mysql::first(&nodes_of(&self.url)[node % 3], "SHOW STATUS LIKE 'wsrep_cluster_size'").await.remove(1)
    }

    /// Waits until a node is a member and has what it missed.
    pub async fn until_ready(&self, node: usize) {
        let folder = self.folder.join(node.to_string());
        let url = &nodes_of(&self.url)[node - 1];
        let started = Instant::now();
        let ready = async || mysql::answers(url, "SHOW STATUS LIKE 'wsrep_ready'").await;
        while ready().await.is_none_or(|row| row[1] != "ON") {
            let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(90), "node {node} does not come back: {}", log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().unwrap();
    }
}
