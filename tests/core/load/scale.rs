//! P56: a million users and two million sessions cost what a hundred thousand do, and the sessions that ended go while
//! requests run. In short: a fiftieth of them, of which times are printed and not judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sentri_core::crypto::make_id;
use sentri_core::store::executor::{Batch, Executor, Outcome, Statement};
use sentri_core::store::model::{Expected, Rotation, Session};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use sentri_core::store::sqlite::{SqliteConfig, SqliteExecutor};
use sentri_core::store::{Store, open};

use crate::crowd::{Crowd, NOW, id_of, name_of};
use crate::support::{Database, Own};

/// Rows written by one statement.
const PORTION: u64 = 50_000;
/// As the maintenance of a server does it.
const BATCH: u32 = 500;
const PAUSE: Duration = Duration::from_millis(50);
const DAY: i64 = 24 * 60 * 60 * 1000;
/// The most that a tenfold crowd may add to the time of a statement.
const GROWTH: f64 = 1.3;
const ROUNDS: usize = 5;

const OPERATIONS: [&str; 4] = ["login lookup", "session check", "refresh", "new session"];

fn is_soak() -> bool {
    std::env::var_os("SENTRI_SOAK").is_some()
}

/// A database of the test's own, by the store and by an executor for what no store does.
struct Place {
    name: &'static str,
    own: Own,
    store: Arc<dyn Store>,
    executor: Box<dyn Executor>,
}

impl Place {
    async fn new(kind: Database) -> Self {
        let own = Own::new(kind).await;
        let text = |member: &str| own.option[member].as_str().unwrap();
        let (name, executor): (_, Box<dyn Executor>) = match kind {
            Database::Postgres => {
                let config = PostgresConfig::from_url(text("connectionString")).unwrap();
                ("PostgreSQL", Box::new(PostgresExecutor::new(config)))
            }
            Database::Mysql => {
                let config = MysqlConfig::from_url(own.option.as_str().unwrap()).unwrap();
                ("MariaDB", Box::new(MysqlExecutor::new(config)))
            }
            _ => ("SQLite", Box::new(SqliteExecutor::new(SqliteConfig::at(text("filename"))))),
        };
        let store = open(&own.option).unwrap();
        store.migrate(NOW).await.unwrap();
        Self { name, own, store, executor }
    }

    async fn run(&self, sql: String) {
        let outcome = self.executor.run(&Batch::schema([Statement::write(sql, []).once()])).await.unwrap();
        assert!(matches!(outcome, Outcome::Done(_)));
    }

    async fn add(&self, from: u64, to: u64, sql: impl Fn(Crowd, u64, u64) -> Vec<String>) {
        let crowd = Crowd::of(self.executor.dialect());
        for first in (from..to).step_by(PORTION as usize) {
            for sql in sql(crowd, first, to.min(first + PORTION)) {
                self.run(sql).await;
            }
        }
    }

    /// Statistics as a database keeps them by itself; SQLite has none unless it is asked to.
    async fn settle(&self) {
        let tables = ["sentri_users", "sentri_identifiers", "sentri_sessions"];
        for table in tables {
            match self.name {
                "PostgreSQL" => self.run(format!("ANALYZE {table}")).await,
                "MariaDB" => {
                    let sql = format!("ANALYZE TABLE {table}");
                    self.executor.run(&Batch::schema([Statement::read(sql, []).once()])).await.map(drop).unwrap();
                }
                _ => {}
            }
        }
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn new_session(user: u64) -> Session {
    Session {
        id: make_id(),
        user_id: id_of(user),
        expires_at: NOW + DAY,
        created_at: NOW,
        generation: 0,
        rotated_at: None,
        last_used_at: None,
        revoked_at: None,
        ip_address: None,
        user_agent: None,
        assurance: None,
    }
}

/// One operation on a user and a session taken at random; `users` have two sessions each.
async fn operate(store: &Arc<dyn Store>, operation: &str, users: u64, dice: &mut Dice) {
    match operation {
        "login lookup" => {
            let name = name_of(dice.below(users));
            assert!(store.find_credential(&name, &name, &[]).await.unwrap().is_some());
        }
        "session check" => {
            assert!(store.find_session(&id_of(dice.below(2 * users))).await.unwrap().is_some());
        }
        "refresh" => {
            let id = id_of(dice.below(2 * users));
            let mut generation = 0;
            while let Rotation::Behind(state) = store.rotate(&id, generation, NOW + DAY, NOW).await.unwrap() {
                generation = state.session.generation;
            }
        }
        _ => {
            let session = new_session(dice.below(users));
            assert!(store.create_session(&session, Expected::default(), 100).await.unwrap().is_some());
        }
    }
}

/// The middle and the 99th percentile, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    p50: f64,
    p99: f64,
}

fn times(mut all: Vec<Duration>) -> Times {
    all.sort_unstable();
    let at = |part: usize| all[all.len() * part / 100].as_secs_f64() * 1e6;
    Times { p50: at(50), p99: at(99) }
}

/// The best round of each operation: what else a machine does comes and goes.
async fn measure(place: &Place, users: u64, count: usize) -> [Times; 4] {
    let mut best = [Times { p50: f64::MAX, p99: f64::MAX }; 4];
    let mut dice = Dice(users);
    for _ in 0..ROUNDS {
        for (operation, best) in OPERATIONS.iter().zip(&mut best) {
            let mut all = Vec::with_capacity(count);
            for _ in 0..count {
                let started = Instant::now();
                operate(&place.store, operation, users, &mut dice).await;
                all.push(started.elapsed());
            }
            let times = times(all);
            *best = Times { p50: best.p50.min(times.p50), p99: best.p99.min(times.p99) };
        }
    }
    best
}

/// Requests of four clients, one every few milliseconds, until told to stop.
async fn requests(place: &Place, users: u64, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let clients = (0..4).map(|client| {
        let (store, stop) = (Arc::clone(&place.store), Arc::clone(&stop));
        tokio::spawn(async move {
            let (mut all, mut dice) = (Vec::new(), Dice(client));
            while !stop.load(Ordering::Relaxed) {
                for operation in OPERATIONS {
                    let started = Instant::now();
                    operate(&store, operation, users, &mut dice).await;
                    all.push(started.elapsed());
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
            }
            all
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await.unwrap());
    }
    all
}

/// Purges all dead sessions while requests run; their times without it, with it, and how long it took.
async fn purge(place: &Place, users: u64, dead: u64) -> (Times, Times, Duration) {
    let quiet = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&quiet);
    let seconds = if is_soak() { 20 } else { 1 };
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        ends.store(true, Ordering::Relaxed);
    });
    let without = times(requests(place, users, quiet).await);
    let (done, store, started) = (Arc::new(AtomicBool::new(false)), Arc::clone(&place.store), Instant::now());
    let ends = Arc::clone(&done);
    let purging = tokio::spawn(async move {
        let mut purged = 0;
        loop {
            let count = store.purge_sessions(NOW - DAY, BATCH).await.unwrap();
            purged += count;
            if count < u64::from(BATCH) {
                ends.store(true, Ordering::Relaxed);
                return (purged, started.elapsed());
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    let with = times(requests(place, users, done).await);
    let (purged, took) = purging.await.unwrap();
    assert_eq!(purged, dead);
    (without, with, took)
}

async fn scales(kind: Database) {
    let _alone = crate::ALONE.lock().await;
    let (few, count) = if is_soak() { (100_000, 4_000) } else { (2_000, 100) };
    let (many, dead) = (10 * few, 10 * few);
    let place = Place::new(kind).await;
    place.add(0, few, |crowd, from, to| crowd.users(from, to)).await;
    place.add(0, 2 * few, |crowd, from, to| vec![crowd.sessions(from, to, few, 0)]).await;
    place.settle().await;
    let before = measure(&place, few, count).await;
    place.add(few, many, |crowd, from, to| crowd.users(from, to)).await;
    place.add(2 * few, 2 * many, |crowd, from, to| vec![crowd.sessions(from, to, many, 0)]).await;
    place.settle().await;
    let after = measure(&place, many, count).await;
    println!("| {} | {few} users p50, p99 | {many} users p50, p99 | growth p50, p99 |", place.name);
    for ((operation, few), many) in OPERATIONS.iter().zip(before).zip(after) {
        println!(
            "| {operation} | {:.0} µs, {:.0} µs | {:.0} µs, {:.0} µs | {:.2}, {:.2} |",
            few.p50,
            few.p99,
            many.p50,
            many.p99,
            many.p50 / few.p50,
            many.p99 / few.p99
        );
    }
    place.add(2 * many, 2 * many + dead, |crowd, from, to| vec![crowd.sessions(from, to, many, 100)]).await;
    place.settle().await;
    let (without, with, took) = purge(&place, many, dead).await;
    println!(
        "| purge of {dead} in {:.0} s | without {:.0} µs, {:.0} µs | with {:.0} µs, {:.0} µs | {:.2}, {:.2} |",
        took.as_secs_f64(),
        without.p50,
        without.p99,
        with.p50,
        with.p99,
        with.p50 / without.p50,
        with.p99 / without.p99
    );
    if is_soak() {
        for ((operation, few), many) in OPERATIONS.iter().zip(before).zip(after) {
            assert!(many.p50 / few.p50 <= GROWTH, "{}: {operation} grew: {few:?}, {many:?}", place.name);
            assert!(many.p99 < 10_000.0, "{}: {operation}: {many:?}", place.name);
        }
    }
    place.executor.close().await;
    place.store.close().await;
    place.own.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p56_soak_scale_on_sqlite() {
    scales(Database::SqliteFile).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p56_soak_scale_on_postgres() {
    scales(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p56_soak_scale_on_mysql() {
    scales(Database::Mysql).await;
}
