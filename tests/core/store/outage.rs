//! The server away: known within two seconds, never mistaken for an answer, over by itself when the server is back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable as _;
use sentri_core::crypto::{Secret, make_id};
use sentri_core::failure::StoreError;
use sentri_core::store::executor::{Executor as _, Outcome, Statement};
use sentri_core::store::model::{Identifier, NewUser};
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use sentri_core::store::{Store, open};
use serde_json::json;
use tokio_postgres::config::Host;

use crate::conformance::T;
use crate::fixture::{Schema, connect, server_url};
use crate::mysql::{MysqlDatabase, mysql_url};
use crate::proxy::{Line, Proxy};

/// A promise of two seconds, with a margin for a loaded machine.
const SOON: Duration = Duration::from_millis(2300);

/// A database of the test's own, by the address of a proxy that stands before its server.
struct Place {
    proxy: Proxy,
    url: String,
    own: Own,
}

enum Own {
    Postgres(Schema),
    Mysql(MysqlDatabase),
}

impl Place {
    async fn on_postgres() -> Self {
        let schema = Schema::new().await;
        let config: tokio_postgres::Config = server_url().parse().unwrap();
        let Host::Tcp(host) = &config.get_hosts()[0] else { panic!("the proxy stands before TCP alone") };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let proxy = Proxy::before(format!("{host}:{port}")).await;
        let user = config.get_user().unwrap_or("postgres");
        let password = config.get_password().map(|bytes| format!(":{}", String::from_utf8_lossy(bytes)));
        let database = config.get_dbname().unwrap_or(user);
        let url = format!("postgres://{user}{}@{}/{database}", password.unwrap_or_default(), proxy.address);
        let url = format!("{}&application_name={}", schema.url_over(&url), schema.name());
        Self { proxy, url, own: Own::Postgres(schema) }
    }

    async fn on_mysql() -> Self {
        let database = MysqlDatabase::new().await;
        let opts = mysql_async::Opts::from_url(&mysql_url()).unwrap();
        let proxy = Proxy::before(format!("{}:{}", opts.ip_or_hostname(), opts.tcp_port())).await;
        let password = opts.pass().map(|pass| format!(":{pass}")).unwrap_or_default();
        let url = format!("mysql://{}{password}@{}/x", opts.user().unwrap_or("root"), proxy.address);
        Self { proxy, url: database.url_over(&url), own: Own::Mysql(database) }
    }
}

/// A module of tests for each server.
macro_rules! on_each_server {
    ($($test:ident)*) => {
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::$test(super::Place::on_postgres().await).await; })*
        }
        mod on_mysql {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::$test(super::Place::on_mysql().await).await; })*
        }
    };
}

on_each_server! {
    a_paused_server
    a_server_that_is_down
    connections_that_fell_silent_are_replaced_together
    a_server_that_is_away_at_the_start
    a_lock_that_is_not_let_go
    what_is_given_up_ends_at_the_server
    what_is_given_up_ends_without_a_word
    connections_ended_by_the_server_are_replaced
}

pub fn new_user(value: &str) -> NewUser {
    let (value, normalized) = (value.to_owned(), value.to_owned());
    NewUser {
        id: make_id(),
        password_hash: Some(Secret::new("$2b$12$hash".into())),
        roles: vec![],
        identifiers: vec![Identifier { id: make_id(), kind: "username".into(), value, normalized, verified_at: None }],
        claims: vec![],
        displaces: false,
        now: T,
    }
}

/// Eight reads and four writes at once, all `Unavailable`, all soon.
async fn all_know_of_the_outage(store: &Arc<dyn Store>, user_id: &str) {
    let mut tasks = Vec::new();
    for index in 0..12 {
        let (store, user_id) = (Arc::clone(store), user_id.to_owned());
        tasks.push(tokio::spawn(async move {
            let started = Instant::now();
            let failure = if index % 3 == 0 {
                store.create_user(&new_user(&make_id())).await.map(drop)
            } else {
                store.find_user(&user_id).await.map(drop)
            };
            (failure, started.elapsed())
        }));
    }
    for task in tasks {
        let (result, elapsed) = task.await.unwrap();
        assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
        assert!(elapsed < SOON, "{elapsed:?}");
    }
}

/// Reads and writes work again, within a few seconds and without help.
async fn all_is_well_again(store: &Arc<dyn Store>, user_id: &str) {
    let started = Instant::now();
    while store.find_user(user_id).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(6), "no recovery");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for _ in 0..20 {
        assert!(store.find_user(user_id).await.unwrap().is_some());
        assert!(store.create_user(&new_user(&make_id())).await.unwrap());
    }
}

async fn survives(place: &Place, line: Line) {
    let (proxy, store) = (&place.proxy, open(&json!(place.url)).unwrap());
    store.migrate(T).await.unwrap();
    let user = new_user("anna");
    assert!(store.create_user(&user).await.unwrap());
    for _ in 0..2 {
        proxy.set(line);
        all_know_of_the_outage(&store, &user.id).await;
        all_know_of_the_outage(&store, &user.id).await;
        proxy.set(Line::Open);
        all_is_well_again(&store, &user.id).await;
    }
    store.close().await;
}

async fn a_paused_server(place: Place) {
    survives(&place, Line::Paused).await;
}

async fn a_server_that_is_down(place: Place) {
    survives(&place, Line::Cut).await;
}

/// Connections that nobody will ever answer cost one call its two seconds, not one call each.
async fn connections_that_fell_silent_are_replaced_together(place: Place) {
    let store = open(&json!(place.url)).unwrap();
    store.migrate(T).await.unwrap();
    let user = new_user("anna");
    assert!(store.create_user(&user).await.unwrap());
    let uses: Vec<_> = (0..50)
        .map(|_| {
            let (store, id) = (Arc::clone(&store), user.id.clone());
            tokio::spawn(async move { store.find_user(&id).await.unwrap().is_some() })
        })
        .collect();
    for used in uses {
        assert!(used.await.unwrap());
    }
    place.proxy.strand();
    let started = Instant::now();
    assert!(matches!(store.find_user(&user.id).await, Err(StoreError::Unavailable(_))));
    assert!(started.elapsed() < SOON);
    for _ in 0..20 {
        assert!(store.find_user(&user.id).await.unwrap().is_some());
    }
    assert!(started.elapsed() < SOON + Duration::from_secs(1));
}

async fn a_server_that_is_away_at_the_start(place: Place) {
    let store = open(&json!(place.url)).unwrap();
    place.proxy.set(Line::Cut);
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.migrate(T).await, Err(StoreError::Unavailable(_))));
    place.proxy.set(Line::Open);
    store.migrate(T).await.unwrap();
    store.check().await.unwrap();
}

/// A row held by somebody else is an outage to its own operation and to no other.
async fn a_lock_that_is_not_let_go(place: Place) {
    let store = open(&json!(place.url)).unwrap();
    store.migrate(T).await.unwrap();
    let (anna, ben) = (new_user("anna"), new_user("ben"));
    assert!(store.create_user(&anna).await.unwrap() && store.create_user(&ben).await.unwrap());
    let held = place.own.hold(&anna.id).await;
    let started = Instant::now();
    let roles = ["user".to_owned()];
    let (blocked, free) = tokio::join!(store.set_roles(&anna.id, &roles, T), store.set_roles(&ben.id, &roles, T));
    assert!(free.unwrap());
    assert!(matches!(blocked, Err(StoreError::Unavailable(_))), "{blocked:?}");
    assert!(started.elapsed() < SOON);
    drop(held);
    let mut attempts = 0;
    while store.set_roles(&anna.id, &roles, T).await.is_err() {
        attempts += 1;
        assert!(attempts < 5, "the lock is let go");
    }
}

/// Whoever waits for a lock that is never let go, time and again, leaves nothing behind that waits on.
async fn what_is_given_up_ends_at_the_server(place: Place) {
    let store = open(&json!(place.url)).unwrap();
    store.migrate(T).await.unwrap();
    gives_up_for_good(&store, &place.own).await;
    assert!(store.check().await.is_ok());
}

/// A request to cancel that does not arrive leaves nothing behind that waits on.
async fn what_is_given_up_ends_without_a_word(place: Place) {
    let store = open(&json!(place.url)).unwrap();
    store.migrate(T).await.unwrap();
    let user = new_user("anna");
    assert!(store.create_user(&user).await.unwrap());
    let held = place.own.hold(&user.id).await;
    let blocked = tokio::spawn({
        let (store, id) = (Arc::clone(&store), user.id.clone());
        async move { store.set_roles(&id, &["user".to_owned()], T).await }
    });
    let started = Instant::now();
    while place.own.waiting().await == 0 {
        assert!(started.elapsed() < SOON, "it waits at the server");
    }
    place.proxy.set(Line::Cut);
    let blocked = blocked.await.unwrap();
    assert!(matches!(blocked, Err(StoreError::Unavailable(_))), "{blocked:?}");
    let given_up = Instant::now();
    while place.own.waiting().await > 0 {
        assert!(given_up.elapsed() < 2 * SOON, "a statement that nobody waits for waits on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(held);
}

/// The limit is that of a direct connection. The operator's own goes before it, and behind a pooler nothing is set that
/// the next client would find.
#[tokio::test]
async fn postgres_waits_for_a_lock_as_long_as_for_a_batch() {
    let schema = Schema::new().await;
    let pooler = std::env::var("PGBOUNCER_URL").expect("PGBOUNCER_URL is set: run the tests by `make test`");
    for (url, limit) in
        [(schema.url(), "2s"), (format!("{}%20-clock_timeout%3D700", schema.url()), "700ms"), (pooler, "0")]
    {
        let executor = PostgresExecutor::new(PostgresConfig::from_url(&url).unwrap());
        let asked = Statement::read("SELECT current_setting('lock_timeout') AS found", []);
        let Outcome::Done(answers) = executor.run(&asked.into()).await.unwrap() else { panic!("nothing was expected") };
        assert_eq!(answers[0].rows, [[limit.into()]]);
        executor.close().await;
    }
}

/// A pooler passes a request to cancel on to the server that it is for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_ends_behind_a_pooler() {
    let schema = Schema::new().await;
    let url = std::env::var("PGBOUNCER_URL").expect("PGBOUNCER_URL is set: run the tests by `make test`");
    let store = open(&json!(format!("{url}?schema={}", schema.name()))).unwrap();
    store.migrate(T).await.unwrap();
    gives_up_for_good(&store, &Own::Postgres(schema)).await;
    store.close().await;
}

async fn gives_up_for_good(store: &Arc<dyn Store>, own: &Own) {
    let user = new_user(&make_id());
    assert!(store.create_user(&user).await.unwrap());
    let held = own.hold(&user.id).await;
    for _ in 0..2 {
        let blocked = (0..4).map(|_| {
            let (store, id) = (Arc::clone(store), user.id.clone());
            tokio::spawn(async move { store.change_password(&id, None, "hash", T).await })
        });
        let (blocked, started) = (blocked.collect::<Vec<_>>(), Instant::now());
        while own.waiting().await == 0 {
            assert!(started.elapsed() < SOON, "they wait at the server while we wait for it");
        }
        for call in blocked {
            let blocked = call.await.unwrap();
            assert!(matches!(blocked, Err(StoreError::Unavailable(_))), "{blocked:?}");
        }
        let given_up = Instant::now();
        while own.waiting().await > 0 {
            assert!(given_up.elapsed() < SOON, "statements that nobody waits for wait on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    drop(held);
}

/// The server ends our connections, as it does when it is restarted; the next calls find new ones.
async fn connections_ended_by_the_server_are_replaced(place: Place) {
    let store = open(&json!(place.url)).unwrap();
    store.migrate(T).await.unwrap();
    let user = new_user("anna");
    assert!(store.create_user(&user).await.unwrap());
    for _ in 0..5 {
        place.own.end_connections().await;
        assert!(store.find_user(&user.id).await.unwrap().is_some(), "a read is run again");
        assert!(store.create_user(&new_user(&make_id())).await.unwrap());
        place.own.end_connections().await;
        let another = new_user(&make_id());
        assert!(store.create_user(&another).await.unwrap(), "so is a transaction of which nothing was done");
        assert_eq!(store.find_user(&another.id).await.unwrap().unwrap().identifiers, another.identifiers);
    }
}

impl Own {
    /// Locks a user's row until the answer is dropped.
    async fn hold(&self, user_id: &str) -> Box<dyn Send> {
        let lock = format!("SELECT id FROM sentri_users WHERE id = '{user_id}' FOR UPDATE");
        match self {
            Self::Postgres(schema) => {
                let client = connect(&schema.url()).await;
                client.batch_execute(&format!("BEGIN; {lock}")).await.unwrap();
                Box::new(client)
            }
            Self::Mysql(database) => {
                let opts = mysql_async::Opts::from_url(&database.url()).unwrap();
                let mut connection = mysql_async::Conn::new(opts).await.unwrap();
                connection.query_drop("START TRANSACTION").await.unwrap();
                connection.query_drop(lock).await.unwrap();
                Box::new(connection)
            }
        }
    }

    /// The number of statements that wait for a lock on our tables.
    async fn waiting(&self) -> usize {
        match self {
            Self::Postgres(schema) => {
                let sql = "SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid) \
                           WHERE NOT granted AND query LIKE '%sentri_users%' AND pid IN (SELECT pid FROM pg_locks \
                           WHERE relation = to_regclass('sentri_users'))";
                connect(&schema.url()).await.query(sql, &[]).await.unwrap().len()
            }
            Self::Mysql(database) => {
                let opts = mysql_async::Opts::from_url(&mysql_url()).unwrap();
                let mut admin = mysql_async::Conn::new(opts).await.unwrap();
                let sql = "SELECT id FROM information_schema.processlist WHERE db = ? AND info LIKE '%sentri_users%'";
                let ids: Vec<u64> = admin.exec(sql, (database.name(),)).await.unwrap();
                ids.len()
            }
        }
    }

    /// Ends every connection to the database, of which there is one at least.
    async fn end_connections(&self) {
        match self {
            Self::Postgres(schema) => {
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
                let ended = connect(&server_url()).await.query(sql, &[&schema.name()]).await.unwrap();
                assert!(!ended.is_empty());
            }
            Self::Mysql(database) => {
                let opts = mysql_async::Opts::from_url(&mysql_url()).unwrap();
                let mut admin = mysql_async::Conn::new(opts).await.unwrap();
                let sql = "SELECT id FROM information_schema.processlist WHERE db = ?";
                let ids: Vec<u64> = admin.exec(sql, (database.name(),)).await.unwrap();
                assert!(!ids.is_empty());
                for id in ids {
                    admin.query_drop(format!("KILL {id}")).await.unwrap();
                }
            }
        }
    }
}
