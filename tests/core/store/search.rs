//! The users of identifiers that begin in a certain way: the same ones in every store, and by an index.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use sentri_core::failure::StoreError;
use sentri_core::identifier::normalize_adopted;
use sentri_core::store::dialect::Dialect;
use sentri_core::store::executor::{Batch, Executor, Outcome, Statement, Value};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use sentri_core::store::sql::SqlStore;
use sentri_core::store::sqlite::{SqliteConfig, SqliteExecutor};

use crate::conformance::{AnyStore, T, registered};
use crate::fixture::{self, Schema};
use crate::imports::import_of;
use crate::mysql::{self, MysqlDatabase};

fn texts(prefixes: &[&str]) -> Vec<String> {
    prefixes.iter().map(|prefix| (*prefix).to_owned()).collect()
}

pub async fn users_are_found_by_the_beginning_of_an_identifier(store: AnyStore) {
    let anna = registered(&store, &["anna", "zoe", "annabel"]).await.id;
    let ben = registered(&store, &["ben", "100%", "a_b"]).await.id;
    let chloe = registered(&store, &["chloé", "10", "\u{1}Chloe", "axb"]).await.id;
    let last = registered(&store, &["\u{10ffff}\u{10ffff}", "BEN"]).await.id;
    for (prefixes, wanted) in [
        (&["anna"][..], &[&anna][..]),
        (&["ann"], &[&anna]),
        (&["annab"], &[&anna]),
        (&["annabelle"], &[]),
        (&["Anna"], &[]),
        (&["nna"], &[]),
        (&["z", "be"], &[&anna, &ben]),
        (&["10"], &[&ben, &chloe]),
        (&["100%"], &[&ben]),
        (&["%"], &[]),
        (&["_"], &[]),
        (&["a_"], &[&ben]),
        (&["a"], &[&anna, &ben, &chloe]),
        (&["*", "?", "[a-z]"], &[]),
        (&["'"], &[]),
        (&["chloe"], &[]),
        (&["chlo", "\u{1}C"], &[&chloe]),
        (&["B"], &[&last]),
        (&["\u{10ffff}"], &[&last]),
        (&["\u{10fffe}"], &[]),
    ] {
        let page = store.list_users(10, None, &texts(prefixes)).await.unwrap();
        let ids: Vec<&String> = page.users.iter().map(|user| &user.user.id).collect();
        assert_eq!((&ids[..], page.next), (wanted, None), "{prefixes:?}");
        assert!(page.users.iter().all(|user| user.identifiers.len() >= 2), "with all of their identifiers");
    }
}

pub async fn the_users_of_a_search_are_listed_in_pages(store: AnyStore) {
    let mut ids = Vec::new();
    for index in 0..5 {
        registered(&store, &[&format!("b{index}")]).await;
        // The last one first: pages go by users, not by identifiers.
        ids.push(registered(&store, &[&format!("a{}", 9 - index), &format!("aa{index}")]).await.id);
    }
    let (mut seen, mut after) = (Vec::new(), None);
    for size in [2, 2, 1] {
        let page = store.list_users(2, after.as_deref(), &texts(&["a"])).await.unwrap();
        assert_eq!(page.users.len(), size);
        seen.extend(page.users.into_iter().map(|user| user.user.id));
        after = page.next;
    }
    assert_eq!((seen, after), (ids, None));
}

/// Has a database explain the one statement of each batch that reads, and keeps what it says.
struct Explaining<E> {
    executor: E,
    explain: &'static str,
    plan: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl<E: Executor> Executor for Explaining<E> {
    fn dialect(&self) -> &'static Dialect {
        self.executor.dialect()
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        if let ([only], true) = (&batch.statements[..], batch.is_read_only()) {
            let explain = Statement::read(format!("{} {}", self.explain, only.sql), only.params.clone()).once();
            let Outcome::Done(answers) = self.executor.run(&explain.into()).await? else { panic!("a plan") };
            let line = |row: &Vec<Value>| row.last().cloned().unwrap().into_text().unwrap();
            *self.plan.lock() = answers[0].rows.iter().map(line).collect();
        }
        self.executor.run(batch).await
    }

    async fn close(&self) {
        self.executor.close().await;
    }
}

const INDEX: &str = "sentri_identifiers_value_normalized";

/// Nobody's beginning, few people's and everybody's, on the first page and the next.
async fn plans<E: Executor>(executor: E, explain: &'static str, analyze: impl AsyncFnOnce()) -> Vec<Vec<String>> {
    let plan = Arc::new(Mutex::default());
    let executor = Explaining { executor, explain, plan: Arc::clone(&plan) };
    let store: AnyStore = Arc::new(SqlStore::new(executor, normalize_adopted));
    store.migrate(T).await.unwrap();
    for part in 0..4 {
        let users: Vec<_> = (0..500).map(|n| import_of(&[("username", &format!("user{part}{n:03}"))])).collect();
        store.import_users(&users, T, true).await.unwrap();
    }
    analyze().await;
    let first = store.list_users(1, None, &[]).await.unwrap().users.remove(0).user.id;
    let mut plans = Vec::new();
    for (prefix, count) in [("nobody", 0), ("user100", 10), ("user31", 50)] {
        for after in [None, Some(first.as_str())] {
            let prefixes = texts(&[prefix, "\u{1}user", "+1"]);
            assert_eq!(store.list_users(50, after, &prefixes).await.unwrap().users.len(), count, "{prefix}");
            plans.push(plan.lock().clone());
        }
    }
    plans
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_searches_by_the_index() {
    let executor = SqliteExecutor::new(SqliteConfig::at(":memory:"));
    for plan in plans(executor, "EXPLAIN QUERY PLAN", async || {}).await {
        assert!(plan.iter().any(|line| line.contains(INDEX)), "{plan:#?}");
        assert!(!plan.iter().any(|line| line.starts_with("SCAN sentri")), "{plan:#?}");
    }
}

#[tokio::test]
async fn postgres_searches_by_the_index() {
    let schema = Schema::new().await;
    let executor = PostgresExecutor::new(PostgresConfig::from_url(&schema.url()).unwrap());
    let url = schema.url();
    let analyze = async || fixture::connect(&url).await.batch_execute("ANALYZE").await.unwrap();
    for plan in plans(executor, "EXPLAIN", analyze).await {
        assert!(plan.iter().any(|line| line.contains(INDEX)), "{plan:#?}");
    }
}

#[tokio::test]
async fn mysql_searches_by_the_index() {
    let database = MysqlDatabase::new().await;
    let executor = MysqlExecutor::new(MysqlConfig::from_url(&database.url()).unwrap());
    let url = database.url();
    let analyze = async || mysql::run(&url, "ANALYZE TABLE sentri_identifiers, sentri_users").await;
    for plan in plans(executor, "EXPLAIN FORMAT=JSON", analyze).await {
        let is_key = |line: &String| line.contains("\"key\"") && line.contains(INDEX);
        assert!(plan.iter().flat_map(|json| json.lines().map(str::to_owned)).any(|line| is_key(&line)), "{plan:#?}");
    }
}
