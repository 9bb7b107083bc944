//! A PostgreSQL with a standby that has everything its primary acknowledged, and what happens when the primary dies.
#![allow(dead_code, reason = "shared by several test binaries, each using a part")]

use crate::servers::{Place, Server, free_port, listens, postgres, program};

/// Two servers, of which one takes writes.
pub struct Pair {
    primary: Option<Server>,
    standby: Option<Server>,
    ports: [u16; 2],
}

impl Pair {
    pub async fn new() -> Self {
        let access = "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n";
        let primary = postgres(Place::new("postgres"), &settings(), access).ready(answers).await;
        let standby = follow(&primary).ready(listens).await;
        let pair = Self { ports: [primary.port, standby.port], primary: Some(primary), standby: Some(standby) };
        pair.run_on_primary("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        pair.run_on_primary("SELECT pg_reload_conf()").await;
        pair.until_in_step().await;
        pair
    }

    /// A URL that names both, in the order that they were started in.
    pub fn url(&self) -> String {
        let [one, other] = self.ports;
        format!("postgres://postgres@127.0.0.1:{one},127.0.0.1:{other}/postgres?target_session_attrs=read-write")
    }

    pub fn ports(&self) -> [u16; 2] {
        self.ports
    }

    /// Kills the primary as a power cut would.
    pub fn kill_primary(&mut self) {
        drop(self.primary.take());
    }

    /// Makes the standby the primary.
    pub async fn promote(&mut self) {
        let standby = self.standby.take().expect("a pair has a standby until it is promoted");
        run(standby.port, "SELECT pg_promote()").await;
        self.primary = Some(standby);
    }

    /// Makes a new standby, in the place of the server that was killed.
    pub async fn replace_standby(&mut self) {
        let primary = self.primary.as_ref().expect("there is a primary");
        let dead = self.ports.iter().position(|port| *port != primary.port).expect("two ports");
        let standby = follow_at(primary, self.ports[dead]).ready(listens).await;
        self.standby = Some(standby);
        self.run_on_primary("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        self.run_on_primary("SELECT pg_reload_conf()").await;
        self.until_in_step().await;
    }

    async fn run_on_primary(&self, sql: &str) {
        run(self.primary.as_ref().expect("there is a primary").port, sql).await;
    }

    async fn until_in_step(&self) {
        let client =
            connect(self.primary.as_ref().expect("there is a primary").port).await.expect("the primary answers");
        for _ in 0..600 {
            let sql = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'";
            if !client
                .simple_query(sql)
                .await
                .unwrap()
                .iter()
                .all(|one| !matches!(one, tokio_postgres::SimpleQueryMessage::Row(_)))
            {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the standby does not follow");
    }
}

fn settings() -> Vec<String> {
    ["wal_level=replica", "hot_standby=on", "shared_buffers=16MB", "max_wal_senders=4"].map(str::to_owned).to_vec()
}

fn follow(primary: &Server) -> Server {
    follow_at(primary, free_port())
}

fn follow_at(primary: &Server, port: u16) -> Server {
    let place = Place::new("postgres");
    let from = primary.port.to_string();
    // Beside the real one, since distributions link it elsewhere.
    let server = std::fs::canonicalize(program(&["initdb"], "postgresql")).unwrap().with_file_name("postgres");
    let data = place.path("data");
    let copy = [
        "-h",
        "127.0.0.1",
        "-p",
        &from,
        "-U",
        "postgres",
        "-D",
        &data,
        "-R",
        "-X",
        "stream",
        "-c",
        "fast",
        "--no-sync",
    ];
    place.run(&server.with_file_name("pg_basebackup"), &copy);
    let access = place.write("access", "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n");
    let mut arguments = vec!["-D".into(), data, "-p".into(), port.to_string(), "-k".into(), String::new()];
    let fixed = ["listen_addresses=127.0.0.1".to_owned(), "fsync=off".to_owned(), format!("hba_file={access}")];
    arguments.extend(fixed.into_iter().chain(settings()).flat_map(|setting| ["-c".to_owned(), setting]));
    place.serve("QUIT", &server, &arguments, port)
}

async fn answers(port: u16) -> bool {
    connect(port).await.is_some()
}

async fn connect(port: u16) -> Option<tokio_postgres::Client> {
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.ok()?;
    tokio::spawn(connection);
    Some(client)
}

async fn run(port: u16, sql: &str) {
    connect(port).await.expect("the server answers").simple_query(sql).await.unwrap();
}
