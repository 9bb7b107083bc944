//! A user who deletes their account leaves nothing of theirs in any table, which is read whole, and the deletion is all
//! or nothing beside whatever else happens to the user.

use std::collections::BTreeSet;
use std::sync::Arc;

use sentri_core::clock::Clock as _;
use sentri_core::factor::{base32, totp};
use sentri_core::store::dialect::Adoption;
use sentri_core::store::executor::{Batch, Executor, Outcome, Statement};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use sentri_core::store::sqlite::{SqliteConfig, SqliteExecutor};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::node::{Driver, executor};
use crate::support::{Answer, Bench, Database, Own, PASSWORD};

const EMAIL: &str = "canary.of.anna@example.com";
const OTHER_EMAIL: &str = "canary.elsewhere@example.com";
const NAME: &str = "canary_name";
const LABEL: &str = "canary of a label";
const AGENT: &str = "canary of an agent/1";
const ADDRESS: &str = "198.51.100.99";

pub fn options() -> Value {
    let links = json!({ "verify": "https://app.example.com/verify", "reset": "https://app.example.com/reset" });
    json!({
        "messages": { "send": "[function]", "links": links },
        "verification": {},
        "mfa": { "totp": { "issuer": "Example" } },
        "encryptionKey": "a-key-of-32-bytes-for-the-tests--",
        "audit": "all",
    })
}

/// A user of whom every table holds something.
struct Lived {
    bench: Arc<Bench>,
    user_id: String,
    access: String,
    refresh: String,
    secret: Vec<u8>,
    recovery: Vec<String>,
}

impl Lived {
    async fn new(db: &Value) -> Self {
        let mut bench = Bench::new(db, options()).await;
        ADDRESS.clone_into(&mut bench.address);
        let identifiers = json!([{ "type": "username", "value": NAME }, { "type": "email", "value": EMAIL }]);
        let body = json!({ "identifiers": identifiers, "password": PASSWORD });
        let registered = bench.post("/register", body).await;
        assert_eq!(registered.status, 201, "{}", registered.body);
        let agent = [("user-agent", AGENT)];
        let body = json!({ "identifier": NAME, "password": PASSWORD });
        let login = bench.request("POST", "/login", &agent, Some(body)).await.into_login();
        let mut user = Self {
            bench: Arc::new(bench),
            user_id: login.user_id,
            access: login.access,
            refresh: login.refresh,
            secret: vec![],
            recovery: vec![],
        };
        let app = user.ask("POST", "/me/factors/totp", json!({ "label": LABEL })).await;
        user.secret = base32::decode(app.body["data"]["secret"].as_str().unwrap()).unwrap();
        let confirmation = json!({ "id": app.body["data"]["id"], "code": user.code() });
        let confirmed = user.ask("POST", "/me/factors/totp/confirm", confirmation).await;
        user.recovery = serde_json::from_value(confirmed.body["data"]["recoveryCodes"].clone()).unwrap();
        user.bench.clock.advance(60_000);
        let proof = json!({ "method": "totp", "code": user.code() });
        let strong = user.ask("POST", "/me/reauthenticate", proof).await;
        (user.access, user.refresh) = (strong.clone().into_login().access, strong.into_login().refresh);
        let asked = user.bench.post("/password/forgot", json!({ "identifier": EMAIL })).await;
        assert_eq!(asked.handled.messages.len(), 1, "{}", asked.body);
        let changes = json!({ "identifiers": [{ "type": "email", "value": OTHER_EMAIL }] });
        let changed = user.ask("PUT", "/me/identifiers", changes).await;
        assert!(changed.body["data"]["identifiers"][0]["pending"].is_object(), "{}", changed.body);
        let begun = user.bench.login_with(NAME, PASSWORD).await;
        assert_eq!(begun.code(), "MFA_REQUIRED");
        let wrong = json!({ "flow": begun.body["data"]["flow"], "method": "recovery", "code": "A".repeat(24) });
        assert_eq!(user.bench.post("/login/mfa", wrong).await.code(), "CODE_INVALID");
        user
    }

    fn code(&self) -> String {
        totp::code_at(&self.secret, totp::step_at(self.bench.clock.now()))
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {}", self.access);
        let headers = [("authorization", bearer.as_str()), ("user-agent", AGENT)];
        self.bench.request(method, path, &headers, Some(body)).await
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let answer = self.send(method, path, body).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.body);
        answer
    }

    /// The values that only this user can have brought into the database.
    fn canaries(&self) -> Vec<&str> {
        vec![EMAIL, OTHER_EMAIL, NAME, LABEL, AGENT, ADDRESS, &self.user_id]
    }
}

/// Every row of every table, as texts.
async fn dump(database: &impl Executor) -> Vec<String> {
    let (tables, columns, text) = match database.dialect().adoption {
        Adoption::Instants => (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'sentri%'",
            "SELECT name FROM pragma_table_info(?)",
            "TEXT",
        ),
        Adoption::Types => (
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()",
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = ?",
            "TEXT",
        ),
        Adoption::Collations => (
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?",
            "CHAR",
        ),
    };
    let read = async |statement: Statement| {
        let Outcome::Done(mut answers) = database.run(&Batch::of([statement.once()])).await.unwrap() else {
            panic!("a read has no expectation")
        };
        answers.pop().unwrap().rows
    };
    let mut rows = Vec::new();
    for table in read(Statement::read(tables, [])).await {
        let table = table.into_iter().next().unwrap().into_text().unwrap();
        for column in read(Statement::read(columns, [table.as_str().into()])).await {
            let column = column.into_iter().next().unwrap().into_text().unwrap();
            let cells = format!("SELECT CAST({column} AS {text}) FROM {table}");
            for cell in read(Statement::read(cells, [])).await {
                let cell = cell.into_iter().next().unwrap().into_optional_text().unwrap();
                rows.extend(cell.map(|cell| format!("{table}.{column}: {cell}")));
            }
        }
    }
    rows
}

async fn leaves_nothing(db: &Value, database: impl Executor) {
    let user = Lived::new(db).await;
    let holding = |rows: &[String], canary: &str| -> Vec<String> {
        rows.iter().filter(|row| row.to_lowercase().contains(&canary.to_lowercase())).cloned().collect()
    };
    let before = dump(&database).await;
    for canary in user.canaries() {
        assert!(!holding(&before, canary).is_empty(), "{canary} is there at first");
    }
    let of_user = holding(&before, &user.user_id);
    let tables: BTreeSet<&str> = of_user.iter().filter_map(|row| row.split('.').next()).collect();
    assert!(tables.len() >= 7, "the user is in {tables:?}");
    exports_everything_but_secrets(&user).await;
    let deleted = user.ask("DELETE", "/me", json!({ "password": PASSWORD })).await;
    assert!(deleted.clears_cookie());
    let after = dump(&database).await;
    for canary in user.canaries() {
        let mut left = holding(&after, canary);
        // For as long as a token without a session could live.
        left.retain(|row| !row.starts_with("sentri_deleted_users.id"));
        // The audit keeps bare ids, and digests.
        let ids = ["subject", "actor"].map(|column| format!("sentri_audit.{column}: {}", user.user_id));
        left.retain(|row| !ids.contains(row));
        assert_eq!(left, [] as [String; 0], "{canary} is left");
    }
    let kept = |event: &str| after.iter().filter(|row| **row == format!("sentri_audit.event: {event}")).count();
    assert_eq!(kept("auth.register.success"), 1);
    assert_eq!(kept("auth.user.deleted"), 1);
    assert_eq!(user.bench.refresh(&user.refresh).await.status, 401);
    assert_eq!(user.bench.login_with(NAME, PASSWORD).await.code(), "INVALID_CREDENTIALS");
    database.close().await;
}

/// The export shows each value, and nothing by which anybody could sign in or find out a secret.
async fn exports_everything_but_secrets(user: &Lived) {
    let answer = user.ask("GET", "/me/export", json!({})).await;
    let shown = answer.body.to_string();
    for canary in user.canaries() {
        assert!(shown.contains(canary), "{canary} is missing in {shown}");
    }
    let secret = base32::encode(&user.secret);
    let recovery = user.recovery.iter().map(String::as_str);
    let hidden = ["$2b$", "digest", "secret", "hash", "token", &secret, &user.access, &user.refresh];
    for hidden in hidden.into_iter().chain(recovery) {
        assert!(!shown.contains(hidden), "{hidden} stands in {shown}");
    }
    let by_code = user.bench.server.call("exportUser", json!([user.user_id])).await.unwrap();
    assert_eq!(by_code, answer.body["data"], "code sees the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p77_nothing_is_left_on_sqlite() {
    let own = Own::new(Database::SqliteFile).await;
    let path = own.option["filename"].as_str().unwrap().to_owned();
    leaves_nothing(&own.option, SqliteExecutor::new(SqliteConfig::at(path))).await;
    own.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p77_nothing_is_left_on_postgres() {
    let own = Own::new(Database::Postgres).await;
    let url = own.option["connectionString"].as_str().unwrap().to_owned();
    leaves_nothing(&own.option, PostgresExecutor::new(PostgresConfig::from_url(&url).unwrap())).await;
    own.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p77_nothing_is_left_on_mysql_and_galera() {
    for kind in [Database::Mysql, Database::Galera] {
        let own = Own::new(kind).await;
        let url = own.option.as_str().unwrap().to_owned();
        leaves_nothing(&own.option, MysqlExecutor::new(MysqlConfig::from_url(&url).unwrap())).await;
        own.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p77_nothing_is_left_through_kysely() {
    for driver in [Driver::Pg, Driver::Mysql2, Driver::BetterSqlite3] {
        let own = Own::new(Database::Kysely(driver.names().0)).await;
        let place = own.option["place"].as_str().unwrap().to_owned();
        leaves_nothing(&own.option, executor(driver, &place)).await;
        own.drop().await;
    }
}

/// Of deletions by one code one succeeds, and no login, refresh or reset beside them leaves anything.
pub async fn a_deletion_is_whole_beside_others(db: &Value) {
    let user = Arc::new(Lived::new(db).await);
    user.bench.clock.advance(60_000);
    let asked = user.bench.post("/password/forgot", json!({ "identifier": EMAIL })).await;
    let token = asked.handled.messages[0].to_json()["token"].clone();
    let code = user.code();
    let mut all = JoinSet::new();
    for number in 0..8 {
        let (user, code, token) = (Arc::clone(&user), code.clone(), token.clone());
        all.spawn(async move {
            let answer = match number {
                0 | 1 => user.send("DELETE", "/me", json!({ "method": "totp", "code": code })).await,
                2 => user.send("DELETE", "/me", json!({ "password": PASSWORD })).await,
                3 => user.bench.refresh(&user.refresh).await,
                4 => user.bench.login_with(NAME, PASSWORD).await,
                5 => user.send("POST", "/me/reauthenticate", json!({ "password": PASSWORD })).await,
                6 => user.send("GET", "/me/export", json!({})).await,
                _ => {
                    let body = json!({ "token": token, "newPassword": "battery staple 2" });
                    user.bench.post("/password/reset", body).await
                }
            };
            (number, answer)
        });
    }
    let mut deleted = 0;
    while let Some(done) = all.join_next().await {
        let (number, answer) = done.unwrap();
        assert!(answer.status < 500, "{number}: {}", answer.body);
        deleted += usize::from(number < 3 && answer.status == 200);
    }
    // A reset before them ends the session, and with it the right to delete.
    assert!(deleted <= 1, "{deleted} deletions of one account");
    let user_id = user.user_id.as_str();
    let found = user.bench.server.call("getUser", json!([user_id])).await.unwrap();
    assert_eq!(found.is_null(), deleted == 1);
    if deleted == 1 {
        for call in ["exportUser", "getUser"] {
            assert!(user.bench.server.call(call, json!([user_id])).await.unwrap().is_null());
        }
        assert_eq!(user.bench.server.call("listSessions", json!([user_id])).await.unwrap(), json!([]));
        assert_eq!(user.bench.refresh(&user.refresh).await.status, 401);
    }
}
