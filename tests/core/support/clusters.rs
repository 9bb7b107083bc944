//! A Redis Cluster, a master with a sentinel, and a Redis that can be killed and started again, each of a test's own.

use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, Cmd, FromRedisValue, cmd};

use crate::servers::{Place, Server, free_port, listens, program};

const PASSWORD: &str = "secret of the master";
const OF_SENTINEL: &str = "secret of the sentinel";

fn start(port: u16, more: &[&str]) -> Server {
    let place = Place::new("redis");
    let port_text = port.to_string();
    let fixed = ["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    let arguments: Vec<String> = fixed.iter().chain(more).map(|text| (*text).to_owned()).collect();
    place.serve("KILL", &program(&["redis-server", "valkey-server"], "redis-server"), &arguments, port)
}

/// A Redis on this port.
pub async fn redis_at(port: u16) -> Server {
    start(port, &[]).ready(listens).await
}

async fn connect(url: &str) -> MultiplexedConnection {
    Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

fn command(words: &str) -> Cmd {
    let mut command = Cmd::new();
    for word in words.split(' ') {
        command.arg(word);
    }
    command
}

async fn say<T: FromRedisValue>(connection: &mut MultiplexedConnection, words: &str) -> T {
    command(words).query_async(connection).await.unwrap_or_else(|error| panic!("{words}: {error}"))
}

async fn until(mut done: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !done().await {
        assert!(started.elapsed() < Duration::from_secs(40), "the servers don't find each other");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Three masters, with a third of the slots each, and a replica of each.
pub struct Cluster {
    masters: Vec<Option<Server>>,
    replicas: Vec<Server>,
}

impl Cluster {
    pub async fn start() -> Self {
        let bus: Vec<_> = (0..6).map(|_| free_port().to_string()).collect();
        let servers = bus.iter().map(|bus| {
            let more = ["--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "1000"];
            let more =
                [&more[..], &["--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"]].concat();
            start(free_port(), &more)
        });
        let (mut ready, mut connections, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for server in servers.collect::<Vec<_>>() {
            let server = server.ready(listens).await;
            let mut connection = connect(&format!("redis://127.0.0.1:{}", server.port)).await;
            ids.push(say::<String>(&mut connection, "CLUSTER MYID").await);
            connections.push(connection);
            ready.push(server);
        }
        for (index, range) in ["0 5460", "5461 10922", "10923 16383"].iter().enumerate() {
            say::<()>(&mut connections[index], &format!("CLUSTER ADDSLOTSRANGE {range}")).await;
        }
        for (index, connection) in connections.iter_mut().enumerate() {
            say::<()>(connection, &format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1)).await;
            let known = &ready[0];
            say::<()>(connection, &format!("CLUSTER MEET 127.0.0.1 {} {}", known.port, bus[0])).await;
        }
        for connection in &mut connections {
            until(async || say::<String>(connection, "CLUSTER INFO").await.contains("cluster_known_nodes:6")).await;
        }
        for index in 3..6 {
            let words = format!("CLUSTER REPLICATE {}", ids[index - 3]);
            let replica = &mut connections[index];
            until(async || command(&words).query_async::<()>(replica).await.is_ok()).await;
            until(async || say::<String>(replica, "INFO replication").await.contains("master_link_status:up")).await;
        }
        for connection in &mut connections {
            until(async || say::<String>(connection, "CLUSTER INFO").await.contains("cluster_state:ok")).await;
        }
        let replicas = ready.split_off(3);
        Self { masters: ready.into_iter().map(Some).collect(), replicas }
    }

    /// By one server, as somebody writes it who does not know that it is a cluster.
    pub fn plain_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.replicas[0].port)
    }

    pub fn url(&self) -> String {
        let ports = self.masters.iter().flatten().chain(&self.replicas).map(|server| server.port);
        let hosts: Vec<_> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// Kills the master of the first third of the slots.
    pub fn kill_a_master(&mut self) {
        drop(self.masters[0].take());
    }

    /// Whether the master of the first third has `key`.
    pub async fn is_on_the_first(&self, key: &str) -> bool {
        let mut connection = connect(&self.plain_url()).await;
        let slot: u16 = cmd("CLUSTER").arg("KEYSLOT").arg(key).query_async(&mut connection).await.unwrap();
        slot <= 5460
    }
}

/// A master, a replica, and a sentinel that watches them; all of them ask for passwords.
pub struct Watched {
    master: Option<Server>,
    _replica: Server,
    sentinel: Server,
}

impl Watched {
    pub async fn start() -> Self {
        let with_password = ["--requirepass", PASSWORD, "--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0"];
        let master = start(free_port(), &with_password).ready(listens).await;
        let port = master.port.to_string();
        let of_master = ["--replicaof", "127.0.0.1", &port];
        let replica = start(free_port(), &[&with_password[..], &of_master].concat()).ready(listens).await;
        let sentinel = Self::sentinel(master.port).ready(listens).await;
        let mut connection = connect(&format!("redis://:{}@127.0.0.1:{}", encoded(OF_SENTINEL), sentinel.port)).await;
        until(async || {
            let replicas: Vec<Vec<String>> = say(&mut connection, "SENTINEL REPLICAS mymaster").await;
            let is_linked = |replica: &Vec<String>| {
                replica.chunks(2).any(|pair| pair[0] == "master-link-status" && pair[1] == "ok")
            };
            replicas.iter().any(is_linked)
        })
        .await;
        Self { master: Some(master), _replica: replica, sentinel }
    }

    fn sentinel(master: u16) -> Server {
        let place = Place::new("redis");
        let port = free_port();
        let settings = format!(
            "port {port}\nbind 127.0.0.1\nrequirepass \"{OF_SENTINEL}\"\nsentinel monitor mymaster 127.0.0.1 {master} 1\n\
             sentinel auth-pass mymaster \"{PASSWORD}\"\nsentinel down-after-milliseconds mymaster 700\n\
             sentinel failover-timeout mymaster 3000\n"
        );
        let file = place.write("sentinel.conf", &settings);
        let program = program(&["redis-server", "valkey-server"], "redis-server");
        place.serve("KILL", &program, &[file, "--sentinel".to_owned()], port)
    }

    /// Behind a sentinel that is not there.
    pub fn url(&self) -> String {
        let (password, own) = (encoded(PASSWORD), encoded(OF_SENTINEL));
        let (nobody, port) = (free_port(), self.sentinel.port);
        format!("redis+sentinel://:{password}@127.0.0.1:{nobody},127.0.0.1:{port}/mymaster?sentinel_password={own}")
    }

    pub fn kill_the_master(&mut self) {
        drop(self.master.take());
    }
}

fn encoded(password: &str) -> String {
    password.replace(' ', "%20")
}
