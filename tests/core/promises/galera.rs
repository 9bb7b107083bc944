//! P62: three nodes of a MariaDB Galera cluster take writes at once, from a server each. What ends on one has ended on
//! all. A node that is killed or falls silent costs 503s for a few seconds, no session and no login, and leaves nothing
//! half-done; it comes back by itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::failover::Seen;
use crate::support::galera::{Cluster, galera_url, nodes_of};
use crate::support::{Answer, Bench, Database, Login, Own, PASSWORD, mysql, rounds, store_at};

const CLIENTS: usize = 6;
/// How soon the nodes that are left have closed ranks: two seconds until they give up the one that went, on a machine
/// that does other things too.
const SOON: Duration = Duration::from_secs(20);
/// How long an answer may take: two seconds for a database that is away, and as much again for a busy machine.
const PATIENCE: Duration = Duration::from_secs(4);
/// Rows and a sum over what they hold.
const SUMS: [&str; 3] = [
    "SELECT COUNT(*), SUM(CRC32(CONCAT_WS(' ', id, password_hash, roles, updated_at))) FROM sentri_users",
    "SELECT COUNT(*), SUM(CRC32(CONCAT_WS(' ', id, user_id, generation, revoked_at))) FROM sentri_sessions",
    "SELECT COUNT(*), SUM(CRC32(CONCAT_WS(' ', id, user_id, type, value_normalized))) FROM sentri_identifiers",
];

/// A server for each node, which goes to the next ones when its own is away.
async fn benches_on(url: &str) -> Arc<Vec<Bench>> {
    let (user, rest) = url.split_once('@').unwrap();
    let (hosts, database) = rest.split_once('/').unwrap();
    let mut hosts: Vec<&str> = hosts.split(',').collect();
    let mut benches = Vec::new();
    for _ in 0..hosts.len() {
        let url = format!("{user}@{}/{database}", hosts.join(","));
        let more = json!({ "sessionCheck": { "maxAge": 0 } });
        benches.push(Bench::new(&json!({ "connectionString": url, "max": 4 }), more).await);
        hosts.rotate_left(1);
    }
    Arc::new(benches)
}

/// Refreshes at one server and asks for its user at the next, without end.
async fn live(benches: Arc<Vec<Bench>>, mut login: Login, seen: Arc<Seen>) -> Login {
    let mut turn = 0;
    while !seen.over.load(Ordering::SeqCst) {
        turn += 1;
        let settled = seen.settled.load(Ordering::SeqCst);
        let started = Instant::now();
        let refreshed = benches[turn % benches.len()].refresh(&login.refresh).await;
        assert!(started.elapsed() < PATIENCE, "an answer after {:?}", started.elapsed());
        assert!(!refreshed.clears_cookie(), "an outage costs no cookie");
        seen.note(settled, &refreshed);
        if refreshed.status == 200 {
            login = refreshed.into_login();
        }
        let settled = seen.settled.load(Ordering::SeqCst);
        seen.note(settled, &benches[(turn + 1) % benches.len()].me(&login.access).await);
        sleep(Duration::from_millis(5)).await;
    }
    login
}

/// Both names of somebody whom [`arrive`] registers.
fn names(prefix: &str, number: usize) -> [String; 2] {
    ["a", "b"].map(|end| format!("{prefix}-{number}-{end}"))
}

async fn register(bench: &Bench, names: &[String; 2]) -> Answer {
    let [one, other] = names;
    let identifiers = json!([{ "type": "username", "value": one }, { "type": "handle", "value": other }]);
    let body = json!({ "identifiers": identifiers, "password": PASSWORD });
    bench.post("/register", body).await
}

/// Registers one after the other, by turns at every server; which of them were told that it worked, and how many there
/// were.
async fn arrive(benches: Arc<Vec<Bench>>, prefix: String, seen: Arc<Seen>) -> (BTreeSet<usize>, usize) {
    let mut registered = BTreeSet::new();
    for number in 0.. {
        if seen.over.load(Ordering::SeqCst) {
            return (registered, number);
        }
        let settled = seen.settled.load(Ordering::SeqCst);
        let mut answer = register(&benches[number % benches.len()], &names(&prefix, number)).await;
        if answer.status == 201 {
            registered.insert(number);
            answer.status = 200;
        }
        seen.note(settled, &answer);
        sleep(Duration::from_millis(20)).await;
    }
    unreachable!("numbers don't end")
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < SOON, "{what} takes longer than {SOON:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Every server answers logins and refreshes, and goes on to do so.
async fn settle(benches: &Arc<Vec<Bench>>, seen: &Seen) {
    for (index, bench) in benches.iter().enumerate() {
        until("the first good answer", async || {
            bench.login_with(&format!("user{index}"), PASSWORD).await.status == 200
        })
        .await;
    }
    // Requests that began before it.
    sleep(Duration::from_secs(2)).await;
    seen.settled.store(true, Ordering::SeqCst);
    let good = seen.good.load(Ordering::SeqCst);
    sleep(Duration::from_millis(700)).await;
    assert!(seen.good.load(Ordering::SeqCst) > good, "load goes on");
    seen.settled.store(false, Ordering::SeqCst);
}

/// Each node holds the same, and of every registration all or nothing.
async fn nothing_is_half_done(cluster: &Cluster, prefix: &str, registered: &BTreeSet<usize>, count: usize) {
    let mut sums = Vec::new();
    for node in nodes_of(&cluster.url) {
        let store = store_at(&json!(node));
        for number in 0..count {
            let [one, other] = names(prefix, number);
            let owner =
                async |name: &str| store.find_credential(name, name, &[]).await.unwrap().map(|found| found.user_id);
            let (owner, second) = (owner(&one).await, owner(&other).await);
            assert_eq!(owner, second, "{one}: both names or none, on {node}");
            assert!(owner.is_some() || !registered.contains(&number), "{one} was told that it is registered");
        }
        store.close().await;
        let mut sum = Vec::new();
        for sql in SUMS {
            sum.push(mysql::first(&node, &format!("SET STATEMENT wsrep_sync_wait = 7 FOR {sql}")).await);
        }
        sums.push(sum);
    }
    assert!(sums[0][0][0].parse::<usize>().unwrap() > CLIENTS, "{sums:?}");
    assert_eq!((&sums[0], &sums[0]), (&sums[1], &sums[2]), "every node holds the same");
}

async fn lose_nodes(turns: usize) {
    let cluster = Cluster::new();
    let benches = benches_on(&cluster.url).await;
    let mut logins = Vec::new();
    for number in 0..CLIENTS {
        let bench = &benches[number % benches.len()];
        assert_eq!(bench.register(&format!("user{number}")).await.status, 201);
        logins.push(bench.login(&format!("user{number}")).await);
    }
    for turn in 0..turns {
        let (node, prefix) = (turn / 2 % 3 + 1, format!("turn{turn}"));
        let seen = Arc::new(Seen::default());
        seen.settled.store(true, Ordering::SeqCst);
        let clients: Vec<_> = std::mem::take(&mut logins)
            .into_iter()
            .map(|login| tokio::spawn(live(Arc::clone(&benches), login, Arc::clone(&seen))))
            .collect();
        let arrivals = tokio::spawn(arrive(Arc::clone(&benches), prefix.clone(), Arc::clone(&seen)));
        sleep(Duration::from_millis(700)).await;
        seen.settled.store(false, Ordering::SeqCst);
        assert!(seen.good.load(Ordering::SeqCst) > 0, "there is load");
        if turn % 2 == 0 {
            cluster.kill(node);
            settle(&benches, &seen).await;
            assert_eq!(cluster.size_beside(node).await, "2");
            cluster.restart(node).await;
        } else {
            cluster.signal(node, "-STOP");
            settle(&benches, &seen).await;
            assert_eq!(cluster.size_beside(node).await, "2");
            cluster.signal(node, "-CONT");
        }
        until("the return of the node", async || cluster.size_beside(node).await == "3").await;
        cluster.until_ready(node).await;
        settle(&benches, &seen).await;
        seen.over.store(true, Ordering::SeqCst);
        for client in clients {
            logins.push(client.await.unwrap());
        }
        let (registered, count) = arrivals.await.unwrap();
        assert!(!registered.is_empty());
        nothing_is_half_done(&cluster, &prefix, &registered, count).await;
        for (login, bench) in logins.iter_mut().zip(benches.iter().cycle()) {
            let refreshed = bench.refresh(&login.refresh).await;
            assert_eq!(refreshed.status, 200, "turn {turn}: every session is there: {}", refreshed.body);
            *login = refreshed.into_login();
        }
    }
    for bench in benches.iter() {
        bench.server.close().await;
    }
}

/// One kill and one silence, or all nodes in turn by `make soak`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p62_p45_p47_soak_nodes_that_go_cost_no_session() {
    lose_nodes(rounds(2, 12)).await;
}

/// A logout at one server is known at another in the next moment, and so are a rotation and a new password.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p62_what_ends_on_one_node_has_ended_on_all() {
    let own = Own::new(Database::Galera).await;
    let benches = benches_on(own.option.as_str().unwrap()).await;
    let checks = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let (benches, checks) = (Arc::clone(&benches), Arc::clone(&checks));
        clients.push(tokio::spawn(async move {
            let name = format!("user{client}");
            assert_eq!(benches[0].register(&name).await.status, 201);
            for turn in client..client + 20 {
                let [one, next, last] = [0, 1, 2].map(|step| &benches[(turn + step) % 3]);
                let login = one.login(&name).await;
                assert_eq!(next.me(&login.access).await.status, 200);
                let rotated = last.refresh(&login.refresh).await.into_login();
                let cookie = format!("refresh_token={}", rotated.refresh);
                assert_eq!(next.request("POST", "/logout", &[("cookie", &cookie)], None).await.status, 200);
                for bench in [one, last] {
                    assert_eq!(bench.me(&rotated.access).await.status, 401);
                    assert_eq!(bench.refresh(&rotated.refresh).await.status, 401);
                }
                checks.fetch_add(1, Ordering::SeqCst);
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(checks.load(Ordering::SeqCst), CLIENTS * 20);
    assert_eq!(galera_url().split(',').count(), benches.len());
    for bench in benches.iter() {
        bench.server.close().await;
    }
    own.drop().await;
}
