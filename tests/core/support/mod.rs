//! A client that talks to an `AuthServer` in-process, as an adapter would.
#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "shared by several test binaries, each using a part")]

#[path = "galera.rs"]
pub mod galera;
#[path = "mysql.rs"]
pub mod mysql;
#[path = "node.rs"]
pub mod node;
#[path = "rounds.rs"]
mod rounds;

use std::sync::Arc;

use sentri_core::clock::TestClock;
use sentri_core::config::Config;
use sentri_core::http::guard::{GuardRequest, ProtectResult};
use sentri_core::http::{Body, Handled, Request};
use sentri_core::store::{self, Store};
use sentri_core::{AuthServer, Host};
use serde_json::{Value, json};

#[allow(unused_imports, reason = "not every test binary has what is random")]
pub use rounds::rounds;

/// 2026-01-01T00:00:00Z
pub const START: i64 = 1_767_225_600_000;

pub const PASSWORD: &str = "correct horse 1";

/// Where a test's rows live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Memory,
    SqliteFile,
    Postgres,
    /// The same behind PgBouncer.
    Pgbouncer,
    Mysql,
    /// A cluster of MariaDB.
    Galera,
    /// Through Kysely, by the name of a driver.
    Kysely(&'static str),
}

/// Empties the tables that a migration has made, users at the end since the others are about them.
const CLEAR: &str = "DO $$ DECLARE name text; BEGIN FOR name IN SELECT tablename FROM pg_tables \
    WHERE schemaname = 'SCHEMA' AND tablename <> 'sentri_migrations' ORDER BY tablename = 'sentri_users' \
    LOOP EXECUTE format('DELETE FROM SCHEMA.%I', name); END LOOP; END $$";

/// A database of the test's own, gone with it.
pub struct Own {
    pub option: Value,
    file: Option<std::path::PathBuf>,
    schema: Option<String>,
    mysql: Option<mysql::MysqlDatabase>,
}

impl Own {
    pub async fn new(kind: Database) -> Self {
        let name = format!("sentri_t_{}", sentri_core::crypto::make_id().replace('-', ""));
        match kind {
            Database::Memory => Self { option: json!("sqlite::memory:"), file: None, schema: None, mysql: None },
            Database::SqliteFile => {
                let file = std::env::temp_dir().join(format!("{name}.db"));
                Self {
                    option: json!({ "filename": file.to_str().unwrap() }),
                    file: Some(file),
                    schema: None,
                    mysql: None,
                }
            }
            Database::Pgbouncer => {
                admin(&format!("CREATE SCHEMA {name}")).await;
                let option = json!({ "connectionString": pgbouncer_url(), "schema": name });
                Self { option, file: None, schema: Some(name), mysql: None }
            }
            Database::Postgres => {
                admin(&format!("CREATE SCHEMA {name}")).await;
                let url = postgres_url();
                let glue = if url.contains('?') { '&' } else { '?' };
                let option =
                    json!({ "connectionString": format!("{url}{glue}options=-csearch_path%3D{name}"), "max": 10 });
                Self { option, file: None, schema: Some(name), mysql: None }
            }
            Database::Mysql => {
                let database = mysql::MysqlDatabase::new().await;
                Self { option: json!(database.url()), file: None, schema: None, mysql: Some(database) }
            }
            Database::Galera => {
                let cluster = galera::galera_url();
                let database = galera::database_on(&cluster).await;
                let option = json!(database.url_over(&cluster));
                Self { option, file: None, schema: None, mysql: Some(database) }
            }
            Database::Kysely(driver) => {
                let mut own = match driver {
                    "pg" => Box::pin(Self::new(Database::Postgres)).await,
                    "mysql2" => Box::pin(Self::new(Database::Mysql)).await,
                    _ => Box::pin(Self::new(Database::SqliteFile)).await,
                };
                let place = [&own.option["connectionString"], &own.option["filename"], &own.option];
                let place = place.into_iter().find_map(Value::as_str).unwrap().to_owned();
                let mut members = own.option.as_object().cloned().unwrap_or_default();
                members.insert("kysely".to_owned(), driver.into());
                members.insert("place".to_owned(), place.into());
                own.option = members.into();
                own
            }
        }
    }

    /// The same without what is in it, where that takes less than a new one.
    pub async fn renewed(self, kind: Database) -> Self {
        match (&self.mysql, &self.schema) {
            (Some(database), _) => database.clear().await,
            (_, Some(schema)) => admin(&CLEAR.replace("SCHEMA", schema)).await,
            _ => {
                self.drop().await;
                return Box::pin(Self::new(kind)).await;
            }
        }
        self
    }

    pub async fn drop(self) {
        if let Some(schema) = &self.schema {
            admin(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await;
        }
        if let Some(file) = &self.file {
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
            }
        }
    }
}

pub fn postgres_url() -> String {
    std::env::var("DATABASE_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned())
}

/// PgBouncer in transaction mode, with five connections to the server of [`postgres_url`].
pub fn pgbouncer_url() -> String {
    std::env::var("PGBOUNCER_URL").expect("PGBOUNCER_URL is set: run the tests by `make test`")
}

pub async fn admin(sql: &str) {
    let (client, connection) = tokio_postgres::connect(&postgres_url(), tokio_postgres::NoTls)
        .await
        .expect("PostgreSQL answers: run the tests by `make test`, or set DATABASE_URL");
    let task = tokio::spawn(connection);
    client.batch_execute(sql).await.expect("the statement is accepted");
    task.abort();
}

/// A server with a clock that stands still and the cheapest bcrypt that verifies.
pub struct Bench {
    pub server: AuthServer,
    pub clock: Arc<TestClock>,
    /// The address that requests come from.
    pub address: String,
}

/// The store of an [`Own`].
pub fn store_at(db: &Value) -> Arc<dyn Store> {
    let Some(driver) = db["kysely"].as_str() else { return store::open(db).unwrap() };
    let driver = node::Driver::from_name(driver);
    store::over(node::NodeDatabase::new(driver, db["place"].as_str().unwrap()), driver.dialect())
}

pub fn options(db: &Value, more: Value) -> Value {
    let mut options = json!({
        "mode": "server",
        "secret": "a secret of at least thirty-two bytes, for tests",
        "validRoles": ["user", "admin", "editor"],
        "logger": { "info": "[function]", "warn": "[function]", "error": "[function]" },
        "rateLimit": false,
    });
    match db["kysely"].as_str() {
        Some(driver) => options["dialect"] = node::Driver::from_name(driver).names().1.into(),
        None => options["db"] = db.clone(),
    }
    for (name, value) in more.as_object().unwrap() {
        if value == "[absent]" {
            options.as_object_mut().unwrap().remove(name);
        } else {
            options[name] = value.clone();
        }
    }
    options
}

impl Bench {
    pub async fn new(db: &Value, more: Value) -> Self {
        Self::with_host(db, more, Host::default()).await
    }

    pub async fn with_host(db: &Value, more: Value, host: Host) -> Self {
        let bench = Self::unmigrated(db, more, host, store_at(db));
        bench.server.migrate().await.unwrap();
        bench
    }

    pub fn unmigrated(db: &Value, more: Value, host: Host, store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(TestClock::at(START));
        let mut config = Config::from_options(&options(db, more)).unwrap();
        config.password.cost = 4;
        let host = Host { clock: Arc::<TestClock>::clone(&clock), ..host };
        let server = AuthServer::with_store(config, host, store).unwrap();
        Self { server, clock, address: "203.0.113.7".to_owned() }
    }

    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q.to_owned())));
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query,
            headers: headers.iter().map(|(n, v)| (n.to_lowercase(), (*v).to_owned())).collect(),
            body: body.map_or(Body::Empty, |body| Body::Raw(body.to_string().into_bytes())),
            client_ip: Some(self.address.clone()),
            ..Request::default()
        };
        Answer::from(self.server.handle(request).await)
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.request("POST", path, &[], Some(body)).await
    }

    pub async fn register(&self, name: &str) -> Answer {
        self.post("/register", json!({ "identifiers": [{ "type": "username", "value": name }], "password": PASSWORD }))
            .await
    }

    pub async fn login(&self, name: &str) -> Login {
        self.login_with(name, PASSWORD).await.into_login()
    }

    pub async fn login_with(&self, name: &str, password: &str) -> Answer {
        self.post("/login", json!({ "identifier": name, "password": password })).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.request("POST", "/refresh", &[("cookie", &format!("refresh_token={token}"))], None).await
    }

    pub async fn me(&self, token: &str) -> Answer {
        self.request("GET", "/me", &[("authorization", &format!("Bearer {token}"))], None).await
    }

    pub async fn guard(&self, token: &str) -> ProtectResult {
        let request = bearer(token);
        match self.server.guard_now(&request) {
            Some(guarded) => guarded,
            None => self.server.guard(&request).await,
        }
    }
}

pub fn bearer(token: &str) -> GuardRequest {
    GuardRequest { method: "GET".to_owned(), authorization: Some(format!("Bearer {token}")), ..GuardRequest::default() }
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(String, String)>,
    pub events: Vec<Value>,
    pub handled: Handled,
}

#[derive(Debug, Clone)]
pub struct Login {
    pub user_id: String,
    pub access: String,
    pub refresh: String,
}

impl From<Handled> for Answer {
    fn from(handled: Handled) -> Self {
        Self {
            status: handled.response.status,
            body: serde_json::from_str(&handled.response.body).unwrap(),
            headers: handled.response.headers.clone(),
            events: handled.events.iter().map(|event| event.to_log_entry("sentri", None)).collect(),
            handled,
        }
    }
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn cookies(&self) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == "Set-Cookie").map(|(_, v)| v.as_str()).collect()
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        let prefix = format!("{name}=");
        let cookie = self.cookies().into_iter().find(|cookie| cookie.starts_with(&prefix))?;
        Some(cookie[prefix.len()..].split(';').next().unwrap().to_owned())
    }

    /// Whether the refresh cookie is taken back.
    pub fn clears_cookie(&self) -> bool {
        self.cookies().iter().any(|cookie| cookie.starts_with("refresh_token=;"))
    }

    pub fn into_login(self) -> Login {
        assert_eq!(self.status, 200, "{}", self.body);
        Login {
            user_id: self.body["data"]["user"]["id"].as_str().unwrap().to_owned(),
            access: self.body["data"]["accessToken"].as_str().unwrap().to_owned(),
            refresh: self.cookie("refresh_token").unwrap(),
        }
    }

    pub fn has_event(&self, name: &str) -> bool {
        self.events.iter().any(|event| event["event"] == name)
    }
}
