//! P47: a fault at the n-th batch, for all n, leaves no half state, whatever the operation: neither when the batch was
//! not run nor when it was and its answer got lost. The audit is a part of the state: no change is without its entry,
//! and no entry without its change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sentri_core::Host;
use sentri_core::failure::StoreError;
use sentri_core::identifier::normalize_adopted;
use sentri_core::store::Store;
use sentri_core::store::audit::EntryQuery;
use sentri_core::store::dialect::Dialect;
use sentri_core::store::executor::{Batch, Executor, Outcome};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use sentri_core::store::sql::SqlStore;
use sentri_core::store::sqlite::{SqliteConfig, SqliteExecutor};
use serde_json::{Value, json};

use crate::support::galera::Spread;
use crate::support::node::{Driver, executor};
use crate::support::{Answer, Bench, Database, Login, Own, PASSWORD};

/// When a batch fails.
#[derive(Default)]
struct Plan {
    /// Batches until the one that fails; 0 is never.
    countdown: AtomicUsize,
    /// 1: it is run before it fails.
    late: AtomicUsize,
}

struct Faulty<E> {
    executor: E,
    plan: Arc<Plan>,
}

#[async_trait]
impl<E: Executor> Executor for Faulty<E> {
    fn dialect(&self) -> &'static Dialect {
        self.executor.dialect()
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        let step = |left: usize| left.checked_sub(1);
        if self.plan.countdown.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step) != Ok(1) {
            return self.executor.run(batch).await;
        }
        if self.plan.late.load(Ordering::SeqCst) == 1 {
            self.executor.run(batch).await?;
        }
        Err(StoreError::Unavailable("a fault of the test's".into()))
    }

    async fn close(&self) {
        self.executor.close().await;
    }
}

pub(super) const OPERATIONS: [&str; 13] = [
    "register",
    "login",
    "refresh",
    "logout",
    "logout-all",
    "change password",
    "set password",
    "add identifiers",
    "update identifiers",
    "delete identifiers",
    "assign roles",
    "delete user",
    "delete account",
];

/// The options of the server that an operation is made at.
pub(super) fn options_of(operation: &str) -> Value {
    let mut more = json!({ "apiKey": "key of the application", "sessionCheck": { "maxAge": 0 }, "audit": "all" });
    if operation == "delete account" {
        more["mfa"] = json!({ "totp": { "issuer": "Example" } });
    }
    // Afterwards the user is read, for a message.
    if operation.ends_with(" password") {
        more["messages"] = json!({ "send": "[function]" });
    }
    more
}

const NEW_PASSWORD: &str = "battery staple 2";

pub(super) struct Subject {
    pub bench: Bench,
    pub name: String,
    login: Login,
    /// The ids of `name` and `name-2`.
    identifiers: Vec<String>,
}

impl Subject {
    pub async fn new(bench: Bench, number: usize) -> Self {
        let name = format!("user{number}");
        let identifiers =
            json!([{ "type": "username", "value": name }, { "type": "handle", "value": format!("{name}-2") }]);
        let body = json!({ "identifiers": identifiers, "password": PASSWORD });
        let answer = bench.request("POST", "/register", &[("x-api-key", "key of the application")], Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let made = answer.body["data"]["user"]["identifiers"].as_array().unwrap();
        let identifiers = made.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        let login = bench.login(&name).await;
        Self { bench, name, login, identifiers }
    }

    pub async fn operate(&self, operation: &str) -> Answer {
        let Self { bench, name, login, identifiers } = self;
        let bearer = format!("Bearer {}", login.access);
        let by_bearer = async |method: &str, path: &str, body: Option<Value>| {
            bench.request(method, path, &[("authorization", &bearer)], body).await
        };
        let by_key = async |method: &str, path: &str, body: Option<Value>| {
            bench.request(method, path, &[("x-api-key", "key of the application")], body).await
        };
        let user = format!("/users/{}", login.user_id);
        match operation {
            "register" => {
                let both = json!([
                    { "type": "username", "value": format!("{name}-a") }, { "type": "handle", "value": format!("{name}-b") },
                ]);
                by_key("POST", "/register", Some(json!({ "identifiers": both, "password": PASSWORD }))).await
            }
            "login" => bench.login_with(name, PASSWORD).await,
            "refresh" => bench.refresh(&login.refresh).await,
            "logout" => {
                let cookie = format!("refresh_token={}", login.refresh);
                bench.request("POST", "/logout", &[("cookie", &cookie)], None).await
            }
            "logout-all" => by_bearer("POST", "/logout-all", None).await,
            "change password" => {
                let body = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
                by_bearer("PATCH", "/me/password", Some(body)).await
            }
            "set password" => {
                by_key("PATCH", &format!("{user}/password"), Some(json!({ "newPassword": NEW_PASSWORD }))).await
            }
            "add identifiers" => {
                let both = json!([
                    { "type": "username", "value": format!("{name}-a") }, { "type": "handle", "value": format!("{name}-b") },
                ]);
                by_bearer("POST", "/me/identifiers", Some(json!({ "identifiers": both }))).await
            }
            "update identifiers" => {
                let both = json!([
                    { "id": identifiers[0], "value": format!("{name}-a") }, { "id": identifiers[1], "value": format!("{name}-b") },
                ]);
                by_bearer("PUT", "/me/identifiers", Some(json!({ "identifiers": both }))).await
            }
            "delete identifiers" => {
                by_bearer("DELETE", "/me/identifiers", Some(json!({ "ids": [identifiers[1]] }))).await
            }
            "assign roles" => {
                by_key("POST", &format!("{user}/roles"), Some(json!({ "roles": ["user", "editor"] }))).await
            }
            "delete user" => by_key("DELETE", &user, None).await,
            "delete account" => by_bearer("DELETE", "/me", Some(json!({ "password": PASSWORD }))).await,
            other => panic!("{other}"),
        }
    }

    /// Everything that the database knows of it, in words that do not depend on chance.
    pub async fn state(&self, store: &Arc<dyn Store>) -> Value {
        let (id, name) = (self.login.user_id.as_str(), self.name.as_str());
        let user = store.find_user(id).await.unwrap();
        let mut values: Vec<String> =
            user.iter().flat_map(|user| &user.identifiers).map(|one| one.value.clone()).collect();
        values.sort();
        let others = [format!("{name}-a"), format!("{name}-b")];
        let mut owners = Vec::new();
        for value in &others {
            let owner = store.find_credential(value, value, &[]).await.unwrap().map(|found| found.user_id);
            owners.push(owner.map(|owner| if owner == id { "the same" } else { "another" }));
        }
        let mut sessions: Vec<i64> =
            store.list_sessions(id, self.bench.server.now()).await.unwrap().iter().map(|one| one.generation).collect();
        sessions.sort_unstable();
        let hash = store.credential_of(id).await.unwrap().map(|found| found.password_hash.unwrap());
        let fits = async |password: &str| match &hash {
            None => Value::Null,
            Some(hash) => {
                let arguments = json!([password, hash.expose()]);
                self.bench.server.call("verifyPassword", arguments).await.unwrap()
            }
        };
        let query = EntryQuery { limit: 100, subject: Some(id), ..EntryQuery::default() };
        let mut noted: Vec<String> =
            store.list_entries(&query).await.unwrap().into_iter().map(|entry| entry.event).collect();
        // Of another user of the same name.
        for value in &others {
            if let Some(made) =
                store.find_credential(value, value, &[]).await.unwrap().filter(|made| made.user_id != id)
            {
                let query = EntryQuery { subject: Some(&made.user_id), ..query };
                noted.extend(store.list_entries(&query).await.unwrap().into_iter().map(|entry| entry.event));
            }
        }
        json!({
            "noted": noted,
            "roles": user.map(|user| user.user.roles), "values": values, "owners": owners, "sessions": sessions,
            "old password": fits(PASSWORD).await, "new password": fits(NEW_PASSWORD).await,
        })
    }
}

async fn leaves_no_half_state<E: Executor>(db: &Value, make: impl Fn() -> E) {
    let plan = Arc::new(Plan::default());
    let store: Arc<dyn Store> =
        Arc::new(SqlStore::new(Faulty { executor: make(), plan: Arc::clone(&plan) }, normalize_adopted));
    let bench = |operation: &str| Bench::unmigrated(db, options_of(operation), Host::default(), Arc::clone(&store));
    let first = bench("");
    first.server.migrate().await.unwrap();
    let mut number = 0;
    for operation in OPERATIONS {
        number += 1;
        let ready = async |number: usize| {
            let bench = bench(operation);
            bench.server.ready().await.unwrap();
            Subject::new(bench, number).await
        };
        // What it is before and after, without a fault. Names differ from subject to subject, so they are taken out.
        let subject = ready(number).await;
        let bare = |state: &Value, subject: &Subject| state.to_string().replace(&subject.name, "user");
        let before = bare(&subject.state(&store).await, &subject);
        assert!(subject.operate(operation).await.status < 300, "{operation}");
        let after = bare(&subject.state(&store).await, &subject);
        assert_ne!(before, after, "{operation} does something");
        for late in [0, 1] {
            for n in 1.. {
                number += 1;
                let subject = ready(number).await;
                plan.late.store(late, Ordering::SeqCst);
                plan.countdown.store(n, Ordering::SeqCst);
                let answer = subject.operate(operation).await;
                let fired = plan.countdown.swap(0, Ordering::SeqCst) == 0;
                let what = format!("{operation}, batch {n}, late {late}: {} {}", answer.status, answer.body);
                assert!(answer.status < 300 || answer.status == 503, "{what}");
                // Who logs out is let go of, whatever becomes of the session.
                let keeps_cookie = !answer.clears_cookie() || operation.starts_with("logout");
                assert!(answer.status < 300 || keeps_cookie, "{what}");
                let state = bare(&subject.state(&store).await, &subject);
                assert!(state == before || state == after, "{what}\nbefore {before}\nafter  {after}\nis     {state}");
                if answer.status < 300 {
                    assert_eq!(state, after, "{what}");
                }
                if operation.ends_with(" password") && late == 0 {
                    assert_eq!(answer.status < 300, state == after, "{what}: what is changed is answered so");
                }
                if operation == "refresh" {
                    let again = subject.bench.refresh(&subject.login.refresh).await;
                    assert_eq!(again.status, 200, "{what}: a lost answer costs no session: {}", again.body);
                }
                if !fired {
                    assert!(n > 1, "{operation} asks the database");
                    break;
                }
            }
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_sqlite() {
    let own = Own::new(Database::SqliteFile).await;
    let path = own.option["filename"].as_str().unwrap().to_owned();
    leaves_no_half_state(&own.option, || SqliteExecutor::new(SqliteConfig::at(path.clone()))).await;
    own.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_postgres() {
    let own = Own::new(Database::Postgres).await;
    let url = own.option["connectionString"].as_str().unwrap().to_owned();
    leaves_no_half_state(&own.option, || PostgresExecutor::new(PostgresConfig::from_url(&url).unwrap())).await;
    own.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_mysql() {
    let own = Own::new(Database::Mysql).await;
    let url = own.option.as_str().unwrap().to_owned();
    leaves_no_half_state(&own.option, || MysqlExecutor::new(MysqlConfig::from_url(&url).unwrap())).await;
    own.drop().await;
}

/// Each batch on another node.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_galera() {
    let own = Own::new(Database::Galera).await;
    let url = own.option.as_str().unwrap().to_owned();
    leaves_no_half_state(&own.option, || Spread::over(&url)).await;
    own.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn through_kysely() {
    for driver in [Driver::Pg, Driver::Mysql2, Driver::BetterSqlite3] {
        let own = Own::new(Database::Kysely(driver.names().0)).await;
        let place = own.option["place"].as_str().unwrap().to_owned();
        leaves_no_half_state(&own.option, || executor(driver, &place)).await;
        own.drop().await;
    }
}
