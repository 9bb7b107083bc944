//! Databases that a Node process speaks to over a pipe, by the package's own code and the driver of a Kysely dialect.
#![allow(dead_code, reason = "shared by several test binaries, each using a part")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sentri_core::store::dialect::Dialect;
use sentri_core::store::foreign::{ForeignDatabase, ForeignExecutor};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// A driver for Node, and the name of the database that it speaks to.
#[derive(Clone, Copy, Debug)]
pub enum Driver {
    Pg,
    Mysql2,
    BetterSqlite3,
    NodeSqlite,
}

impl Driver {
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Pg => ("pg", "postgres"),
            Self::Mysql2 => ("mysql2", "mysql"),
            Self::BetterSqlite3 => ("better-sqlite3", "sqlite"),
            Self::NodeSqlite => ("node:sqlite", "sqlite"),
        }
    }

    /// The driver of that name.
    pub fn from_name(name: &str) -> Self {
        [Self::Pg, Self::Mysql2, Self::BetterSqlite3, Self::NodeSqlite]
            .into_iter()
            .find(|driver| driver.names().0 == name)
            .unwrap()
    }

    pub fn dialect(self) -> &'static Dialect {
        Dialect::foreign(self.names().1).unwrap()
    }
}

/// A Node process that runs batches. It ends with this.
pub struct NodeDatabase {
    child: Mutex<Child>,
    input: Mutex<ChildStdin>,
    waiting: Waiting,
    last: Mutex<u64>,
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<String>>>>;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/node")
}

impl NodeDatabase {
    /// A process with a pool of `driver` for a URL or a file.
    pub fn new(driver: Driver, place: &str) -> Arc<Self> {
        let script = tests().join("support/dialects.mjs");
        for (needed, cure) in
            [("node_modules/kysely", "make target/stamps/node-test-install"), ("../../npm/dist", "make")]
        {
            assert!(tests().join(needed).exists(), "{needed} is not there: run the tests by `make test`, or `{cure}`");
        }
        // node:sqlite came with Node 22, which need not be the one in use.
        let newer = tests().join("node_modules/node22/bin/node");
        let node = if let Driver::NodeSqlite = driver { newer } else { "node".into() };
        let mut child = Command::new(node)
            .arg("--no-warnings")
            .arg(script)
            .args([driver.names().0, place])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node is there");
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let waiting = Waiting::default();
        let answered = Arc::clone(&waiting);
        // A batch has two seconds, and starting Node is no part of them.
        let mut lines = BufReader::new(output).lines();
        assert_eq!(lines.next().expect("the process starts").unwrap(), "ready");
        std::thread::spawn(move || {
            for line in lines {
                let answer: Value = serde_json::from_str(&line.unwrap()).unwrap();
                let asker = answered.lock().unwrap().remove(&answer["id"].as_u64().unwrap());
                // An asker that gave up is gone.
                drop(asker.map(|asker| asker.send(answer["outcome"].as_str().unwrap().to_owned())));
            }
            answered.lock().unwrap().clear();
        });
        Arc::new(Self { child: Mutex::new(child), input: Mutex::new(input), waiting, last: Mutex::new(0) })
    }

    async fn ask(&self, batch: Option<Value>) -> Result<String, String> {
        let (asker, answer) = oneshot::channel();
        let id = {
            let mut last = self.last.lock().unwrap();
            *last += 1;
            *last
        };
        self.waiting.lock().unwrap().insert(id, asker);
        let line = batch.map_or_else(|| json!({ "id": id }), |batch| json!({ "id": id, "batch": batch }));
        writeln!(self.input.lock().unwrap(), "{line}").map_err(|error| error.to_string())?;
        answer.await.map_err(|_| "the Node process ended".to_owned())
    }
}

impl Drop for NodeDatabase {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        drop(child.kill());
        drop(child.wait());
    }
}

#[async_trait]
impl ForeignDatabase for NodeDatabase {
    async fn run(&self, batch: String) -> Result<String, String> {
        self.ask(Some(serde_json::from_str(&batch).unwrap())).await
    }

    async fn close(&self) {
        self.ask(None).await.unwrap();
    }
}

/// An executor over a driver.
pub fn executor(driver: Driver, place: &str) -> ForeignExecutor {
    ForeignExecutor::new(NodeDatabase::new(driver, place), driver.dialect())
}
