//! Many processes at their first start, kills in the middle, and the tables of sentri 5.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sentri_core::crypto::make_random;
use sentri_core::failure::StoreError;
use sentri_core::store::executor::{Executor, Outcome, Statement};
use sentri_core::store::model::{ChangeLimits, IdentifierChange, Rotation, Standing};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use sentri_core::store::sqlite::{SqliteConfig, SqliteExecutor};
use sentri_core::store::value::Value;
use sentri_core::store::{Store, open};
use serde_json::json;

use crate::conformance::T;
use crate::fixture::{Folder, Schema, connect};
use crate::galera;
use crate::kysely::{self, Driver};
use crate::mysql::{self, MysqlDatabase};

const HASH: &str = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
/// Tells a process of this test binary to migrate that database and end.
const CHILD: &str = "SENTRI_TEST_MIGRATE";

/// In a child: migrates, and ends the process.
async fn migrate_if_child() {
    if let Ok(url) = std::env::var(CHILD) {
        let store = open(&json!(url)).unwrap();
        match store.migrate(T).await.and(store.check().await) {
            Ok(()) => std::process::exit(0),
            Err(error) => {
                eprintln!("{error}");
                std::process::exit(1);
            }
        }
    }
}

/// Another process of this binary, which runs the test `name` and there finds that it is a child.
fn spawn(name: &str, url: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&format!("migrations::{name}"), "--exact", "--nocapture"]).env(CHILD, url);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn sixteen_processes_agree(name: &str, url: &str) {
    let children: Vec<Child> = (0..16).map(|_| spawn(name, url)).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    open(&json!(url)).unwrap().check().await.unwrap();
}

#[tokio::test]
async fn sixteen_processes_on_sqlite() {
    migrate_if_child().await;
    for _ in 0..3 {
        let folder = Folder::new();
        sixteen_processes_agree("sixteen_processes_on_sqlite", &folder.url()).await;
    }
}

#[tokio::test]
async fn sixteen_processes_on_postgres() {
    migrate_if_child().await;
    for _ in 0..3 {
        let schema = Schema::new().await;
        sixteen_processes_agree("sixteen_processes_on_postgres", &schema.url()).await;
    }
}

#[tokio::test]
async fn sixteen_processes_on_mysql() {
    migrate_if_child().await;
    for _ in 0..3 {
        let database = MysqlDatabase::new().await;
        sixteen_processes_agree("sixteen_processes_on_mysql", &database.url()).await;
    }
}

/// The URL of a cluster, beginning with another of its nodes.
fn beginning_with(url: &str, node: usize) -> String {
    let (user, rest) = url.split_once('@').unwrap();
    let (hosts, database) = rest.split_once('/').unwrap();
    let mut hosts: Vec<&str> = hosts.split(',').collect();
    let count = hosts.len();
    hosts.rotate_left(node % count);
    format!("{user}@{}/{database}", hosts.join(","))
}

/// Five or six at each node, whose lock the others don't see: of no tables, and of those of sentri 5.
#[tokio::test]
async fn sixteen_processes_on_galera() {
    migrate_if_child().await;
    let rows = ROWS.replace("'rizz'", "'other'");
    for tables in [String::new(), format!("SET time_zone = '+00:00'; {MYSQL_5_0} {rows}")] {
        let cluster = galera::galera_url();
        let database = galera::database_on(&cluster).await;
        if !tables.is_empty() {
            mysql::run(&database.url(), &tables).await;
        }
        let url = database.url_over(&cluster);
        let urls = (0..16).map(|number| beginning_with(&url, number));
        let children: Vec<Child> = urls.map(|url| spawn("sixteen_processes_on_galera", &url)).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        for node in galera::nodes_of(&url) {
            let store = open(&json!(node)).unwrap();
            store.check().await.unwrap();
            if !tables.is_empty() {
                let found = store.find_user("u-old").await.unwrap().unwrap();
                assert_eq!((found.user.created_at, found.identifiers.len()), (1_704_164_645_000, 2), "{node}");
                assert_eq!(store.find_credential("rizz", "RIZZ", &[]).await.unwrap().unwrap().user_id, "u-old");
            }
        }
    }
}

/// Kills processes at random moments of a migration of `count` adopted identifiers, until one ran through.
async fn survives_kills(name: &str, url: &str, count: usize) {
    let mut finished = 0;
    for round in 0..40_u64 {
        let mut children: Vec<Child> = (0..3).map(|_| spawn(name, url)).collect();
        let [random] = make_random::<1>();
        tokio::time::sleep(Duration::from_millis(10 + 12 * round + u64::from(random) / 8)).await;
        for child in &mut children {
            child.kill().unwrap();
            finished += usize::from(child.wait().unwrap().success());
        }
        if finished > 0 {
            break;
        }
        let store = open(&json!(url)).unwrap();
        if store.check().await.is_ok() {
            all_are_found(&store, count).await;
        }
        store.close().await;
    }
    let store = open(&json!(url)).unwrap();
    store.migrate(T).await.unwrap();
    store.check().await.unwrap();
    all_are_found(&store, count).await;
    store.close().await;
}

async fn all_are_found(store: &Arc<dyn Store>, count: usize) {
    for index in (0..count).step_by(97) {
        let value = format!("user{index}");
        let owner = store.find_credential(&value, &value, &[]).await.unwrap().unwrap().user_id;
        assert_eq!(owner, id(index), "{value}");
        let exact = format!("USER{index}");
        let owner = store.find_credential(&value, &exact, &[]).await.unwrap().unwrap().user_id;
        assert_eq!(owner, id(index + count), "{exact}");
    }
}

/// UUIDs in the order of `index`.
pub fn id(index: usize) -> String {
    format!("01900000-0000-7000-8000-{index:012}")
}

/// `count` users, and as many younger ones whose identifiers differ from theirs by case alone.
pub fn many_users(count: usize, instant: &str) -> String {
    let mut sql = String::new();
    for index in 0..2 * count {
        let value = if index < count { format!("user{index}") } else { format!("USER{}", index - count) };
        let id = id(index);
        sql += &format!(
            "INSERT INTO sentri_users (id, password_hash, created_at) VALUES ('{id}', '{HASH}', '{instant}');\n\
             INSERT INTO sentri_identifiers (id, user_id, type, value, created_at) \
             VALUES ('{id}', '{id}', 'username', '{value}', '{instant}');\n"
        );
    }
    sql
}

#[tokio::test]
async fn kills_on_sqlite() {
    migrate_if_child().await;
    let folder = Folder::new();
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.execute_batch(&SQLITE_5_3.replace("'[]'", "'[\"user\"]'")).unwrap();
    let rows = many_users(1500, "2024-05-06 07:08:09");
    connection.execute_batch(&format!("BEGIN; {rows} COMMIT;")).unwrap();
    drop(connection);
    survives_kills("kills_on_sqlite", &folder.url(), 1500).await;
}

#[tokio::test]
async fn kills_on_postgres() {
    migrate_if_child().await;
    let schema = Schema::new().await;
    let client = connect(&schema.url()).await;
    client.batch_execute(POSTGRES_5_3).await.unwrap();
    let rows = many_users(1500, "2024-05-06 07:08:09");
    client.batch_execute(&format!("BEGIN; {rows} COMMIT;")).await.unwrap();
    survives_kills("kills_on_postgres", &schema.url(), 1500).await;
}

#[tokio::test]
async fn kills_on_mysql() {
    migrate_if_child().await;
    let database = MysqlDatabase::new().await;
    // Names that differ by case alone need a column that tells them apart.
    let tables = MYSQL_5_3.replace("value VARCHAR(255)", "value VARCHAR(255) COLLATE utf8mb4_bin");
    mysql::run(&database.url(), &tables).await;
    mysql::run(&database.url(), &format!("BEGIN; {} COMMIT;", many_users(1500, "2024-05-06 07:08:09"))).await;
    survives_kills("kills_on_mysql", &database.url(), 1500).await;
}

const SQLITE_5_0: &str = "
CREATE TABLE sentri_users (id varchar(36) PRIMARY KEY, password_hash varchar(255) NOT NULL,
  roles text NOT NULL DEFAULT '[]', created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE sentri_sessions (id varchar(36) PRIMARY KEY,
  user_id varchar(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  expires_at timestamp NOT NULL, created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE sentri_identifiers (id varchar(36) PRIMARY KEY,
  user_id varchar(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  type varchar(50) NOT NULL, value varchar(255) NOT NULL UNIQUE,
  created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);
";

pub const SQLITE_5_3: &str = "
CREATE TABLE sentri_users (id varchar(36) PRIMARY KEY, password_hash varchar(255) NOT NULL,
  roles text NOT NULL DEFAULT '[]', created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE sentri_sessions (id varchar(36) PRIMARY KEY,
  user_id varchar(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  expires_at timestamp NOT NULL, created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  ip_address varchar(45), user_agent text, replaced_by varchar(36));
CREATE TABLE sentri_identifiers (id varchar(36) PRIMARY KEY,
  user_id varchar(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  type varchar(50) NOT NULL, value varchar(255) NOT NULL,
  created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT sentri_identifiers_value_unique UNIQUE (value));
CREATE UNIQUE INDEX sentri_identifiers_user_type ON sentri_identifiers (user_id, type);
";

const POSTGRES_5_0: &str = "
CREATE TABLE sentri_users (id VARCHAR(36) PRIMARY KEY, password_hash VARCHAR(255) NOT NULL,
  roles JSON NOT NULL DEFAULT '[]', created_at TIMESTAMPTZ NOT NULL DEFAULT now());
CREATE TABLE sentri_sessions (id VARCHAR(36) PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  expires_at TIMESTAMPTZ NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
CREATE TABLE sentri_identifiers (id VARCHAR(36) PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  type VARCHAR(50) NOT NULL, value VARCHAR(255) NOT NULL UNIQUE, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
";

pub const POSTGRES_5_3: &str = "
CREATE TABLE sentri_users (id VARCHAR(36) PRIMARY KEY, password_hash VARCHAR(255) NOT NULL,
  roles TEXT NOT NULL DEFAULT '[]', created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE sentri_sessions (id VARCHAR(36) PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  expires_at TIMESTAMP(6) NOT NULL, created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  ip_address VARCHAR(45), user_agent TEXT, replaced_by VARCHAR(36));
CREATE TABLE sentri_identifiers (id VARCHAR(36) PRIMARY KEY,
  user_id VARCHAR(36) NOT NULL REFERENCES sentri_users (id) ON DELETE CASCADE,
  type VARCHAR(50) NOT NULL, value VARCHAR(255) NOT NULL, created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT \"odd \"\"name\" UNIQUE (value));
CREATE UNIQUE INDEX sentri_identifiers_user_type ON sentri_identifiers (user_id, type);
";

pub const MYSQL_5_0: &str = "
CREATE TABLE sentri_users (id VARCHAR(36) PRIMARY KEY, password_hash VARCHAR(255) NOT NULL,
  roles JSON NOT NULL, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE sentri_sessions (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(36) NOT NULL,
  expires_at DATETIME NOT NULL, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (user_id) REFERENCES sentri_users (id) ON DELETE CASCADE);
CREATE TABLE sentri_identifiers (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(36) NOT NULL, type VARCHAR(50) NOT NULL,
  value VARCHAR(255) NOT NULL UNIQUE, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (user_id) REFERENCES sentri_users (id) ON DELETE CASCADE);
";

pub const MYSQL_5_3: &str = "
CREATE TABLE sentri_users (id VARCHAR(36) PRIMARY KEY, password_hash VARCHAR(255) NOT NULL,
  roles VARCHAR(1000) NOT NULL DEFAULT '[]', created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6));
CREATE TABLE sentri_sessions (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(36) NOT NULL,
  expires_at DATETIME(6) NOT NULL, created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  ip_address VARCHAR(45), user_agent TEXT, replaced_by VARCHAR(36),
  CONSTRAINT sentri_sessions_user FOREIGN KEY (user_id) REFERENCES sentri_users (id) ON DELETE CASCADE);
CREATE TABLE sentri_identifiers (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(36) NOT NULL, type VARCHAR(50) NOT NULL,
  value VARCHAR(255) NOT NULL, created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  CONSTRAINT `odd ``name` UNIQUE (value),
  UNIQUE KEY sentri_identifiers_user_type (user_id, type),
  FOREIGN KEY (user_id) REFERENCES sentri_users (id) ON DELETE CASCADE);
";

/// Two people whose names differ by case, in an order of ids that is not that of age; a session each way.
pub const ROWS: &str = "
INSERT INTO sentri_users (id, password_hash, roles, created_at) VALUES
  ('u-old', '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW', '[\"admin\",\"user\"]', '2024-01-02 03:04:05'),
  ('a-new', '$2b$12$GhvMmNVjRW29ulnudl.LbuAnUtN/LRfe1JsBm1Xu6LE3059z5Tr8m', '[]', '2024-02-03 04:05:06');
INSERT INTO sentri_identifiers (id, user_id, type, value, created_at) VALUES
  ('i1', 'u-old', 'username', 'Rizz', '2024-01-02 03:04:05'),
  ('i2', 'a-new', 'username', 'rizz', '2024-02-03 04:05:06'),
  ('i3', 'u-old', 'email', 'Rizz@Example.com', '2024-01-02 03:04:06');
INSERT INTO sentri_sessions (id, user_id, expires_at, created_at) VALUES
  ('s-live', 'u-old', '2099-01-01 00:00:00', '2024-03-04 05:06:07'),
  ('s-dead', 'u-old', '2024-03-05 00:00:00', '2024-03-04 05:06:07');
";

/// What must hold of [`ROWS`] after adoption, whatever database they were in.
async fn is_adopted(store: &Arc<dyn Store>) {
    assert!(matches!(store.check().await, Err(StoreError::SchemaMissing(_))), "not ours yet");
    store.migrate(T).await.unwrap();
    store.migrate(T + 1).await.unwrap();
    store.check().await.unwrap();

    let owner = async |normalized: &str, exact: &str| {
        store.find_credential(normalized, exact, &[]).await.unwrap().map(|found| found.user_id)
    };
    assert_eq!(owner("rizz", "RIZZ").await.as_deref(), Some("u-old"), "the older holds the normal form");
    assert_eq!(owner("rizz", "Rizz").await.as_deref(), Some("u-old"));
    assert_eq!(owner("rizz", "rizz").await.as_deref(), Some("a-new"), "the younger logs in by its exact spelling");
    assert_eq!(owner("rizz@example.com", "RIZZ@example.com").await.as_deref(), Some("u-old"));

    let user = store.find_user("u-old").await.unwrap().unwrap();
    assert_eq!(user.user.roles, ["admin", "user"]);
    assert_eq!(user.user.created_at, 1_704_164_645_000);
    let values: Vec<&str> = user.identifiers.iter().map(|one| one.value.as_str()).collect();
    assert_eq!(values, ["Rizz", "Rizz@Example.com"], "as they were given");
    let credential = store.credential_of("u-old").await.unwrap().unwrap();
    assert_eq!(credential.password_hash.unwrap().expose(), HASH);

    let live = store.list_sessions("u-old", T).await.unwrap();
    assert_eq!(live.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["s-live"]);
    assert_eq!((live[0].generation, live[0].expires_at), (0, 4_070_908_800_000));
    assert_eq!(live[0].created_at, 1_709_528_767_000);
    let Rotation::Rotated(state) = store.rotate("s-live", 0, T + 1000, T).await.unwrap() else {
        panic!("an adopted session lives on");
    };
    assert_eq!((state.session.generation, state.roles), (1, user.user.roles.clone()));
    assert!(store.set_roles("a-new", &["user".into()], T).await.unwrap());

    // One identifier of a type was the limit of sentri 5, and so was the value as it was typed.
    let more = [("username", "second", "second"), ("handle", "Rizz", "handle:Rizz")];
    let more = more.map(|(kind, value, normalized)| sentri_core::store::model::Identifier {
        id: sentri_core::crypto::make_id(),
        kind: kind.into(),
        value: value.into(),
        normalized: normalized.into(),
        verified_at: None,
    });
    assert_eq!(
        store.add_identifiers("u-old", &more, &ChangeLimits::default(), T).await.unwrap(),
        IdentifierChange::Done
    );
    assert!(store.delete_user("u-old", T).await.unwrap());
    assert!(store.find_session("s-live").await.unwrap().is_none());
}

#[tokio::test]
async fn sqlite_tables_of_5_0_and_5_3_are_adopted() {
    for tables in [SQLITE_5_0, SQLITE_5_3] {
        let folder = Folder::new();
        let connection = rusqlite::Connection::open(folder.file()).unwrap();
        connection.execute_batch(tables).unwrap();
        connection.execute_batch(ROWS).unwrap();
        drop(connection);
        is_adopted(&open(&json!(folder.url())).unwrap()).await;
    }
}

#[tokio::test]
async fn postgres_tables_of_5_0_and_5_3_are_adopted() {
    for tables in [POSTGRES_5_0, POSTGRES_5_3] {
        let schema = Schema::new().await;
        let client = connect(&schema.url()).await;
        client.batch_execute("SET timezone = 'UTC'").await.unwrap();
        client.batch_execute(tables).await.unwrap();
        client.batch_execute(ROWS).await.unwrap();
        is_adopted(&open(&json!(schema.url())).unwrap()).await;
    }
}

#[tokio::test]
async fn mysql_tables_of_5_0_and_5_3_are_adopted() {
    // Sentri 5 kept `Rizz` and `rizz` apart only where the database did; the other time zone is that of the server.
    let binary = "value VARCHAR(255) COLLATE utf8mb4_bin";
    for tables in [MYSQL_5_0, MYSQL_5_3].map(|tables| tables.replace("value VARCHAR(255)", binary)) {
        let database = MysqlDatabase::new().await;
        mysql::run(&database.url(), &format!("SET time_zone = '+00:00'; {tables} {ROWS}")).await;
        is_adopted(&open(&json!(database.url())).unwrap()).await;
        // Names, hashes and addresses in every script, whatever the tables' character set was.
        let store = open(&json!(database.url())).unwrap();
        let crab = sentri_core::store::model::Identifier {
            id: sentri_core::crypto::make_id(),
            kind: "x".repeat(64),
            value: "\u{1F980}".into(),
            normalized: "\u{1F980}".into(),
            verified_at: None,
        };
        assert_eq!(
            store.add_identifiers("a-new", &[crab], &ChangeLimits::default(), T).await.unwrap(),
            IdentifierChange::Done
        );
    }
}

/// The same through Kysely: rows that one driver reads as objects of its own are what another reads as texts.
#[tokio::test]
async fn tables_of_5_0_and_5_3_are_adopted_through_kysely() {
    for (sqlite, postgres, mysql) in [(SQLITE_5_0, POSTGRES_5_0, MYSQL_5_0), (SQLITE_5_3, POSTGRES_5_3, MYSQL_5_3)] {
        for driver in [Driver::BetterSqlite3, Driver::NodeSqlite] {
            let folder = Folder::new();
            let connection = rusqlite::Connection::open(folder.file()).unwrap();
            connection.execute_batch(sqlite).unwrap();
            connection.execute_batch(ROWS).unwrap();
            drop(connection);
            is_adopted(&kysely::store(driver, folder.file().to_str().unwrap())).await;
        }
        let schema = Schema::new().await;
        let client = connect(&schema.url()).await;
        client.batch_execute("SET timezone = 'UTC'").await.unwrap();
        client.batch_execute(postgres).await.unwrap();
        client.batch_execute(ROWS).await.unwrap();
        is_adopted(&kysely::store(Driver::Pg, &schema.url())).await;

        let database = MysqlDatabase::new().await;
        let tables = mysql.replace("value VARCHAR(255)", "value VARCHAR(255) COLLATE utf8mb4_bin");
        mysql::run(&database.url(), &format!("SET time_zone = '+00:00'; {tables} {ROWS}")).await;
        is_adopted(&kysely::store(Driver::Mysql2, &database.url())).await;
    }
}

/// The tables of a database whose character set is an old one.
#[tokio::test]
async fn mysql_tables_in_latin1_are_adopted() {
    let database = MysqlDatabase::new().await;
    let rows = ROWS.replace("'rizz'", "'other'");
    let before = "ALTER DATABASE CHARACTER SET latin1; SET time_zone = '+00:00';";
    mysql::run(&database.url(), &format!("{before} {MYSQL_5_3} {rows}")).await;
    let store = open(&json!(database.url())).unwrap();
    store.migrate(T).await.unwrap();
    assert_eq!(store.find_credential("rizz", "RIZZ", &[]).await.unwrap().unwrap().user_id, "u-old");
    assert_eq!(store.find_user("u-old").await.unwrap().unwrap().user.created_at, 1_704_164_645_000);
    let crab = sentri_core::store::model::Identifier {
        id: sentri_core::crypto::make_id(),
        kind: "handle".into(),
        value: "\u{1F980}".into(),
        normalized: "\u{1F980}".into(),
        verified_at: None,
    };
    assert_eq!(
        store.add_identifiers("a-new", &[crab], &ChangeLimits::default(), T).await.unwrap(),
        IdentifierChange::Done
    );
}

/// Sentri 5.3 rotated into a new row. The row left behind must not come alive as a session of its own.
#[tokio::test]
async fn a_session_that_was_replaced_is_dead() {
    let (folder, schema, database) = (Folder::new(), Schema::new().await, MysqlDatabase::new().await);
    let rows = format!(
        "{ROWS} INSERT INTO sentri_sessions (id, user_id, expires_at, created_at, replaced_by) \
         VALUES ('s-left', 'u-old', '2099-01-01 00:00:00', '2024-03-04 05:06:07', 's-live');"
    );
    rusqlite::Connection::open(folder.file()).unwrap().execute_batch(&format!("{SQLITE_5_3}{rows}")).unwrap();
    connect(&schema.url()).await.batch_execute(&format!("{POSTGRES_5_3}{rows}")).await.unwrap();
    let binary = MYSQL_5_3.replace("value VARCHAR(255)", "value VARCHAR(255) COLLATE utf8mb4_bin");
    mysql::run(&database.url(), &format!("{binary}{rows}")).await;
    for url in [folder.url(), schema.url(), database.url()] {
        let store = open(&json!(url)).unwrap();
        store.migrate(T).await.unwrap();
        assert!(matches!(store.rotate("s-left", 0, T + 1000, T).await.unwrap(), Rotation::Behind(_)));
        assert_eq!(store.find_session("s-left").await.unwrap().unwrap().session.revoked_at, Some(T));
        assert!(matches!(store.rotate("s-live", 0, T + 1000, T).await.unwrap(), Rotation::Rotated(_)));
    }
}

/// SQLite has no time type, and drivers wrote what they liked.
#[tokio::test]
async fn sqlite_instants_of_every_form_are_understood() {
    let folder = Folder::new();
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.execute_batch(SQLITE_5_3).unwrap();
    connection.execute_batch(ROWS).unwrap();
    for (id, expires_at) in [
        ("iso", "'2099-01-01T00:00:00.000Z'"),
        ("blank", "'2099-01-01 00:00:00'"),
        ("offset", "'2099-01-01T02:00:00+02:00'"),
        ("ms", "4070908800000"),
        ("seconds", "4070908800"),
        ("text", "'4070908800000'"),
        ("real", "4070908800000.0"),
    ] {
        let sql =
            format!("INSERT INTO sentri_sessions (id, user_id, expires_at) VALUES ('{id}', 'a-new', {expires_at})");
        connection.execute_batch(&sql).unwrap();
    }
    let nonsense = "INSERT INTO sentri_sessions (id, user_id, expires_at) VALUES ('nonsense', 'a-new', 'soon')";
    connection.execute_batch(nonsense).unwrap();
    drop(connection);
    let store = open(&json!(folder.url())).unwrap();
    store.migrate(T).await.unwrap();
    let live = store.list_sessions("a-new", T).await.unwrap();
    for session in &live {
        assert_eq!(session.expires_at, 4_070_908_800_000, "{}", session.id);
    }
    assert_eq!(live.len(), 7, "and a session of unknown end has ended");
    assert_eq!(store.find_session("nonsense").await.unwrap().unwrap().session.expires_at, 0);
}

/// A sentri 5 that still runs beside us registers somebody; the next start takes the row in.
#[tokio::test]
async fn rows_of_a_sentri_5_beside_us_are_taken_in() {
    let schema = Schema::new().await;
    let client = connect(&schema.url()).await;
    client.batch_execute(POSTGRES_5_3).await.unwrap();
    let store = open(&json!(schema.url())).unwrap();
    store.migrate(T).await.unwrap();
    client.batch_execute(ROWS).await.unwrap();
    assert!(store.find_credential("rizz", "RIZZ", &[]).await.unwrap().is_none());
    store.migrate(T).await.unwrap();
    assert_eq!(store.find_credential("rizz", "RIZZ", &[]).await.unwrap().unwrap().user_id, "u-old");
}

/// Another table of the application that refers to ours keeps its rows while SQLite rebuilds.
#[tokio::test]
async fn a_rebuild_cascades_to_nobody() {
    cascades_to_nobody(async |file| open(&json!({ "filename": file })).unwrap().migrate(T).await.unwrap()).await;
    for driver in [Driver::BetterSqlite3, Driver::NodeSqlite] {
        cascades_to_nobody(async |file| kysely::store(driver, file).migrate(T).await.unwrap()).await;
    }
}

async fn cascades_to_nobody(migrate: impl AsyncFn(&str)) {
    let folder = Folder::new();
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.execute_batch(SQLITE_5_0).unwrap();
    connection.execute_batch(ROWS).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, identifier varchar(36) REFERENCES sentri_identifiers (id)
             ON DELETE CASCADE); INSERT INTO notes (identifier) VALUES ('i1'), ('i2');",
        )
        .unwrap();
    drop(connection);
    migrate(folder.file().to_str().unwrap()).await;
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM notes"), 2);
    assert_eq!(count("SELECT count(*) FROM sentri_identifiers"), 3);
    assert_eq!(count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_eq!(
        count("SELECT count(*) FROM pragma_foreign_key_list('notes') WHERE \"table\" = 'sentri_identifiers'"),
        1
    );
}

/// Takes back what came after 6.0.0, whose last version is the second.
const TO_6_0: [&str; 14] = [
    "DROP TABLE sentri_audit",
    "ALTER TABLE sentri_users DROP COLUMN disabled_at",
    "ALTER TABLE sentri_users DROP COLUMN disabled_until",
    "ALTER TABLE sentri_users DROP COLUMN disabled_reason",
    "DROP TABLE sentri_factors",
    "DROP TABLE sentri_recovery_codes",
    "DROP TABLE sentri_factor_attempts",
    "DROP TABLE sentri_flows",
    "ALTER TABLE sentri_identifiers DROP COLUMN verified_at",
    "DROP TABLE sentri_deleted_users",
    "DROP INDEX sentri_sessions_live",
    "ALTER TABLE sentri_sessions DROP COLUMN amr",
    "ALTER TABLE sentri_sessions DROP COLUMN auth_time",
    "DELETE FROM sentri_migrations WHERE version > 2",
];
const LEDGER: &str = "SELECT version, name, [applied_at] FROM sentri_migrations ORDER BY version";

/// The tables of 6.0.0 get what they lack and lose nothing; those of the present version stay as they are.
#[tokio::test]
async fn tables_of_6_0_and_of_now_are_adopted() {
    let (folder, schema, database) = (Folder::new(), Schema::new().await, MysqlDatabase::new().await);
    let executors: [(String, Box<dyn Executor>); 3] = [
        (folder.url(), Box::new(SqliteExecutor::new(SqliteConfig::at(folder.file())))),
        (schema.url(), Box::new(PostgresExecutor::new(PostgresConfig::from_url(&schema.url()).unwrap()))),
        (database.url(), Box::new(MysqlExecutor::new(MysqlConfig::from_url(&database.url()).unwrap()))),
    ];
    for (url, executor) in executors {
        let store = open(&json!(url)).unwrap();
        store.migrate(T).await.unwrap();
        let user = crate::outage::new_user("anna");
        assert!(store.create_user(&user).await.unwrap());
        for sql in TO_6_0 {
            let on_table = if url.starts_with("mysql") {
                "sentri_sessions_live ON sentri_sessions"
            } else {
                "sentri_sessions_live"
            };
            let sql = sql.replace("sentri_sessions_live", on_table);
            executor.run(&Statement::write(sql, []).once().into()).await.unwrap();
        }
        assert!(matches!(store.check().await, Err(StoreError::SchemaMissing(_))), "{url}");
        for later in [T + 1000, T + 2000] {
            let store = open(&json!(url)).unwrap();
            store.migrate(later).await.unwrap();
            store.check().await.unwrap();
            assert_eq!(store.find_user(&user.id).await.unwrap().unwrap().identifiers, user.identifiers);
            assert_eq!(store.standing(&user.id, later).await.unwrap(), Standing::Good);
            store.close().await;
            let outcome = executor.run(&Statement::read(LEDGER, []).once().into()).await.unwrap();
            let Outcome::Done(mut answers) = outcome else { panic!("nothing was expected") };
            let mut ledger = Vec::new();
            for row in answers.remove(0).rows {
                let [version, name, at]: [Value; 3] = row.try_into().unwrap();
                ledger.push((version.into_int().unwrap(), name.into_text().unwrap(), at.into_time().unwrap()));
            }
            let (old, new) = (
                ["tables", "indexes"],
                [
                    "deleted_users",
                    "live_sessions",
                    "flows",
                    "verified_identifiers",
                    "ended_sessions",
                    "session_amr",
                    "session_auth_time",
                    "factors",
                    "disabled_users",
                    "audit",
                    "adopted_identifiers",
                ],
            );
            let wanted = old.map(|name| (name, T)).into_iter().chain(new.map(|name| (name, T + 1000)));
            let wanted = (1..).zip(wanted).map(|(version, (name, at))| (version, name.to_owned(), at));
            assert_eq!(ledger, wanted.collect::<Vec<_>>(), "{url}");
        }
        executor.close().await;
    }
}

/// Tables whose ids are UUIDs, roles JSON and instants ones with a time zone, as some teams made them for sentri 5.
#[tokio::test]
async fn postgres_tables_with_types_of_their_own_are_adopted() {
    let own = POSTGRES_5_3
        .replace("id VARCHAR(36)", "id UUID")
        .replace("VARCHAR(36)", "UUID")
        .replace("VARCHAR(45)", "INET")
        .replace(" TIMESTAMP(6)", " TIMESTAMPTZ");
    let (user, session) = ("0196b7a0-0000-7000-8000-00000000000a", "0196b7a0-0000-7000-8000-00000000000b");
    let rows = format!(
        "INSERT INTO sentri_users (id, password_hash, roles, created_at) VALUES ('{user}', 'hash', '[\"user\"]', now());
         INSERT INTO sentri_identifiers (id, user_id, type, value, created_at)
         VALUES ('{session}', '{user}', 'username', 'Rizz', now());
         INSERT INTO sentri_sessions (id, user_id, expires_at, created_at)
         VALUES ('{session}', '{user}', now() + interval '9 years', now());"
    );
    for refers in [false, true] {
        let schema = Schema::new().await;
        let client = connect(&schema.url()).await;
        client.batch_execute(&format!("{own}; {rows}")).await.unwrap();
        if refers {
            let order = "CREATE TABLE orders (buyer UUID CONSTRAINT buys REFERENCES sentri_users (id))";
            client.batch_execute(order).await.unwrap();
            let store = open(&json!(schema.url())).unwrap();
            let Err(StoreError::Configuration(text)) = store.migrate(T).await else { panic!("orders refers to it") };
            assert!(["sentri_users", "orders", "buys", "VARCHAR(36)"].iter().all(|word| text.contains(word)), "{text}");
            client.batch_execute("ALTER TABLE orders DROP CONSTRAINT buys").await.unwrap();
        }
        let url = format!("{}&schema={}", schema.url(), schema.name());
        let store = open(&json!(url)).unwrap();
        store.migrate(T).await.unwrap();
        store.migrate(T).await.unwrap();
        let found = store.find_credential("rizz", "Rizz", &[]).await.unwrap().unwrap();
        assert_eq!((found.user_id.as_str(), found.roles.as_slice()), (user, &["user".to_owned()][..]));
        assert!(store.find_session(session).await.unwrap().is_some());
        assert!(store.find_session("no uuid").await.unwrap().is_none());
        assert!(store.delete_user(user, T).await.unwrap());
        assert!(store.find_session(session).await.unwrap().is_none());
        let keys = "SELECT 1 FROM pg_constraint WHERE contype = 'f' AND confrelid = 'sentri_users'::regclass";
        assert_eq!(client.query(keys, &[]).await.unwrap().len(), 2, "foreign keys are back");
        store.close().await;
    }
    let schema = Schema::new().await;
    let odd = POSTGRES_5_3.replacen("created_at TIMESTAMP(6)", "created_at BIGINT", 1);
    connect(&schema.url()).await.batch_execute(&odd.replace(" DEFAULT CURRENT_TIMESTAMP", "")).await.unwrap();
    let Err(StoreError::Configuration(text)) = open(&json!(schema.url())).unwrap().migrate(T).await else {
        panic!("a number is no instant")
    };
    assert!(["created_at", "sentri_users", "bigint", "ALTER TABLE"].iter().all(|word| text.contains(word)), "{text}");
}
