//! What every executor owes to the SQL store, and what only one of them can get wrong.

use std::sync::Arc;

use async_trait::async_trait;
use sentri_core::clock::Millis;
use sentri_core::crypto::{Secret, make_id};
use sentri_core::failure::StoreError;
use sentri_core::identifier::normalize_adopted;
use sentri_core::store::dialect::{Dialect, SQLITE};
use sentri_core::store::executor::{Batch, Executor, Outcome, Statement, Value};
use sentri_core::store::model::{Expected, Identifier, NewUser, Session};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use sentri_core::store::sql::SqlStore;
use sentri_core::store::sqlite::{SqliteConfig, SqliteExecutor};
use sentri_core::store::{Store, open};
use serde_json::json;

use crate::conformance::T;
use crate::fixture::{self, Fixture, Folder, Schema};
use crate::kysely::{self, Driver};
use crate::mysql::{self, MysqlDatabase};

/// SQLite, spoken to as a database without RETURNING has to be.
struct WithoutReturning(SqliteExecutor);

static PLAIN: Dialect = Dialect { returning: false, ..SQLITE };

#[async_trait]
impl Executor for WithoutReturning {
    fn dialect(&self) -> &'static Dialect {
        &PLAIN
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        assert!(!batch.statements.iter().any(|statement| statement.sql.contains("RETURNING")));
        self.0.run(batch).await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

pub async fn sqlite_without_returning() -> Fixture {
    let executor = WithoutReturning(SqliteExecutor::new(SqliteConfig::at(":memory:")));
    Fixture::over(Arc::new(SqlStore::new(executor, normalize_adopted)), ()).await
}

fn sqlite(folder: &Folder) -> SqliteExecutor {
    SqliteExecutor::new(SqliteConfig::at(folder.file()))
}

fn postgres(schema: &Schema) -> PostgresExecutor {
    PostgresExecutor::new(PostgresConfig::from_url(&schema.url()).unwrap())
}

fn mysql(database: &MysqlDatabase) -> MysqlExecutor {
    MysqlExecutor::new(MysqlConfig::from_url(&database.url()).unwrap())
}

fn insert(id: i64) -> Statement {
    Statement::write("INSERT INTO things (id, name, at) VALUES (?, ?, ?)", [Value::Int(id), "x".into(), Value::Time(T)])
}

async fn ids(executor: &impl Executor) -> Vec<i64> {
    let batch = Statement::read("SELECT id FROM things ORDER BY id", []).into();
    let Outcome::Done(mut answers) = executor.run(&batch).await.unwrap() else { panic!("nothing was expected") };
    answers.remove(0).rows.into_iter().map(|mut row| row.remove(0).into_int().unwrap()).collect()
}

async fn keeps_batches_whole(executor: impl Executor) {
    let time = executor.dialect().time;
    let table = format!("CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT, at {time})");
    executor.run(&Batch::schema([Statement::write(table, []).once()])).await.unwrap();

    let done = executor.run(&Batch::of([insert(1), insert(2).expect(1)])).await.unwrap();
    assert!(matches!(done, Outcome::Done(answers) if answers.len() == 2));
    let missing = Statement::write("UPDATE things SET name = ? WHERE id = ?", ["y".into(), Value::Int(9)]);
    let unmet = executor.run(&Batch::of([insert(3), missing.clone().expect(1), insert(4)])).await.unwrap();
    assert_eq!(unmet, Outcome::Unmet(1));
    let alone = Statement::write("UPDATE things SET name = ?", ["z".into()]).expect(1);
    assert_eq!(executor.run(&alone.into()).await.unwrap(), Outcome::Unmet(0), "one statement too is taken back");
    let unique = executor.run(&Batch::of([insert(5), insert(1)])).await;
    assert!(matches!(unique, Err(StoreError::Unique(_))), "{unique:?}");
    assert_eq!(ids(&executor).await, [1, 2]);

    let row = Statement::read("SELECT name, at, NULL FROM things WHERE id = ?", [Value::Int(1)]);
    let Outcome::Done(answers) = executor.run(&row.into()).await.unwrap() else { panic!("nothing was expected") };
    let mut columns = answers[0].rows[0].clone().into_iter();
    assert_eq!(columns.next().unwrap().into_text().unwrap(), "x");
    assert_eq!(columns.next().unwrap().into_time().unwrap(), T);
    assert_eq!(columns.next().unwrap(), Value::Null);

    let absent = executor.run(&Statement::read("SELECT id FROM absent", []).into()).await;
    assert!(matches!(absent, Err(StoreError::SchemaMissing(_))), "{absent:?}");
    let defect = executor.run(&Statement::read("SELECT", [Value::Int(1)]).into()).await;
    assert!(defect.is_err());
    assert_eq!(ids(&executor).await, [1, 2], "the connection serves on");
    executor.close().await;
    assert!(matches!(executor.run(&insert(6).into()).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn sqlite_keeps_batches_whole() {
    let folder = Folder::new();
    keeps_batches_whole(sqlite(&folder)).await;
}

#[tokio::test]
async fn postgres_keeps_batches_whole() {
    let schema = Schema::new().await;
    keeps_batches_whole(postgres(&schema)).await;
}

#[tokio::test]
async fn mysql_keeps_batches_whole() {
    let database = MysqlDatabase::new().await;
    keeps_batches_whole(mysql(&database)).await;
}

#[tokio::test]
async fn kysely_keeps_batches_whole() {
    let (folder, other, schema, database) =
        (Folder::new(), Folder::new(), Schema::new().await, MysqlDatabase::new().await);
    keeps_batches_whole(kysely::executor(Driver::Pg, &schema.url())).await;
    keeps_batches_whole(kysely::executor(Driver::Mysql2, &database.url())).await;
    keeps_batches_whole(kysely::executor(Driver::BetterSqlite3, folder.file().to_str().unwrap())).await;
    keeps_batches_whole(kysely::executor(Driver::NodeSqlite, other.file().to_str().unwrap())).await;
}

/// A caller that gives up in the middle of a transaction must not hand it on with the connection.
#[tokio::test]
async fn an_abandoned_batch_leaves_nothing_behind() {
    let schema = Schema::new().await;
    let executor = Arc::new(PostgresExecutor::new(PostgresConfig::from_url(&schema.url()).unwrap().with_max(1)));
    let table = Statement::write("CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT, at TIMESTAMP)", []).once();
    executor.run(&table.into()).await.unwrap();
    let batch = Batch::of([insert(1), Statement::read("SELECT pg_sleep(1)", []).once(), insert(2)]);
    let run = tokio::time::timeout(std::time::Duration::from_millis(200), executor.run(&batch)).await;
    assert!(run.is_err(), "abandoned");
    executor.run(&insert(3).into()).await.unwrap();
    assert_eq!(ids(&*executor).await, [3]);
}

#[tokio::test]
async fn an_abandoned_batch_leaves_nothing_behind_on_mysql() {
    let database = MysqlDatabase::new().await;
    let executor = MysqlExecutor::new(MysqlConfig::from_url(&database.url()).unwrap().with_max(1));
    let table = Statement::write("CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT, at DATETIME(6))", []).once();
    executor.run(&table.into()).await.unwrap();
    let batch = Batch::of([insert(1), Statement::read("SELECT SLEEP(1)", []).once(), insert(2)]);
    let run = tokio::time::timeout(std::time::Duration::from_millis(200), executor.run(&batch)).await;
    assert!(run.is_err(), "abandoned");
    executor.run(&insert(3).into()).await.unwrap();
    assert_eq!(ids(&executor).await, [3]);
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = Folder::new();
    let path = folder.file().join("absent").join("auth.db");
    let store = open(&json!({ "filename": path })).unwrap();
    let Err(StoreError::Unavailable(cause)) = store.check().await else { panic!("there is no such folder") };
    assert!(cause.contains(&*path.to_string_lossy()) && cause.contains("does not exist"), "{cause}");
    let store = open(&json!({ "filename": std::env::temp_dir() })).unwrap();
    let Err(StoreError::Unavailable(cause)) = store.migrate(T).await else { panic!("a folder is no file") };
    assert!(cause.contains(&*std::env::temp_dir().to_string_lossy()), "{cause}");
}

#[tokio::test]
async fn tables_that_are_missing_are_told_from_an_outage() {
    let (folder, schema, database) = (Folder::new(), Schema::new().await, MysqlDatabase::new().await);
    for url in [folder.url(), schema.url(), database.url()] {
        let store = open(&json!(url)).unwrap();
        assert!(matches!(store.check().await, Err(StoreError::SchemaMissing(_))));
        assert!(matches!(store.find_user(&make_id()).await, Err(StoreError::SchemaMissing(_))));
    }
    for url in ["postgres://nobody@127.0.0.1:1/none", "mysql://nobody@127.0.0.1:1/none"] {
        let store = open(&json!(url)).unwrap();
        assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    }
}

fn user(value: &str) -> NewUser {
    let identifier = Identifier {
        id: make_id(),
        kind: "username".into(),
        value: value.into(),
        normalized: value.into(),
        verified_at: None,
    };
    NewUser {
        id: make_id(),
        password_hash: Some(Secret::new("$2b$12$hash".into())),
        roles: vec![],
        identifiers: vec![identifier],
        claims: vec![],
        displaces: false,
        now: T,
    }
}

fn session(user_id: &str, created_at: Millis) -> Session {
    Session {
        id: make_id(),
        user_id: user_id.into(),
        expires_at: T + 1000,
        created_at,
        generation: 0,
        rotated_at: None,
        last_used_at: None,
        revoked_at: None,
        ip_address: None,
        user_agent: Some("agent".into()),
        assurance: None,
    }
}

/// U+0000, which PostgreSQL's text can't hold, is an error that tells nothing of the value, and no panic.
#[tokio::test]
async fn nul_is_refused_by_postgres_without_harm() {
    let fixture = fixture::postgres().await;
    let Err(StoreError::Other(cause)) = fixture.store.create_user(&user("secret\0value")).await else {
        panic!("text holds no NUL");
    };
    assert!(!cause.contains("secret"), "{cause}");
    assert!(fixture.store.find_credential("a\0b", "a\0b", &[]).await.is_err());
    assert!(fixture.store.create_user(&user("fine")).await.unwrap());
}

async fn tells_the_key_and_not_the_value(executor: impl Executor) {
    let table = "CREATE TABLE things (id BIGINT, name VARCHAR(99), CONSTRAINT things_name_key UNIQUE (name))";
    executor.run(&Statement::write(table, []).once().into()).await.unwrap();
    let row = || Statement::write("INSERT INTO things (name) VALUES (?)", ["someone@example.com".into()]);
    executor.run(&row().into()).await.unwrap();
    let Err(StoreError::Unique(cause)) = executor.run(&row().into()).await else { panic!("it is unique") };
    assert!(cause.contains("things_name_key") && !cause.contains("someone"), "{cause}");
    assert_eq!(format!("{:?}", row().params), "[Text(..)]");
}

#[tokio::test]
async fn a_unique_violation_does_not_quote_the_value() {
    let (schema, database) = (Schema::new().await, MysqlDatabase::new().await);
    tells_the_key_and_not_the_value(postgres(&schema)).await;
    tells_the_key_and_not_the_value(mysql(&database)).await;
}

/// A migration that another process ran changes what prepared statements answer.
#[tokio::test]
async fn prepared_statements_survive_a_changed_table() {
    let schema = Schema::new().await;
    let fixture = Fixture::over(open(&json!({ "connectionString": schema.url(), "max": 1 })).unwrap(), ()).await;
    let someone = user("anna");
    assert!(fixture.store.create_user(&someone).await.unwrap());
    let session = session(&someone.id, T);
    assert!(fixture.store.create_session(&session, Expected::default(), 100).await.unwrap().is_some());
    assert!(fixture.store.find_session(&session.id).await.unwrap().is_some());
    let sql = "ALTER TABLE sentri_sessions ALTER COLUMN user_agent TYPE VARCHAR(600)";
    fixture::connect(&schema.url()).await.batch_execute(sql).await.unwrap();
    let found = fixture.store.find_session(&session.id).await.unwrap().unwrap();
    assert_eq!(found.session, session);
}

#[tokio::test]
async fn prepared_statements_survive_a_changed_table_on_mysql() {
    let database = MysqlDatabase::new().await;
    let store = open(&json!({ "connectionString": database.url(), "max": 1 })).unwrap();
    store.migrate(T).await.unwrap();
    let someone = user("anna");
    assert!(store.create_user(&someone).await.unwrap());
    let session = session(&someone.id, T);
    assert!(store.create_session(&session, Expected::default(), 100).await.unwrap().is_some());
    assert!(store.find_session(&session.id).await.unwrap().is_some());
    for kind in ["VARCHAR(600)", "LONGTEXT"] {
        mysql::run(&database.url(), &format!("ALTER TABLE sentri_sessions MODIFY user_agent {kind}")).await;
        assert_eq!(store.find_session(&session.id).await.unwrap().unwrap().session, session);
    }
}

/// What the server would do by itself to what does not fit, cut it, is a wrong row and no success.
#[tokio::test]
async fn mysql_cuts_nothing() {
    let fixture = fixture::mysql().await;
    let mut someone = user("anna");
    someone.password_hash = Some(Secret::new("x".repeat(300)));
    let Err(StoreError::Other(cause)) = fixture.store.create_user(&someone).await else { panic!("it does not fit") };
    assert!(!cause.contains("xx"), "{cause}");
    assert!(fixture.store.find_user(&someone.id).await.unwrap().is_none());
    let mut emoji = user("\u{1F980}\u{10FFFD} \u{0}x");
    emoji.roles = vec!["\u{1F980}".into()];
    assert!(fixture.store.create_user(&emoji).await.unwrap());
    let found = fixture.store.find_user(&emoji.id).await.unwrap().unwrap();
    assert_eq!((found.identifiers, found.user.roles), (emoji.identifiers, emoji.roles));
}

/// Text on MySQL compares without the spaces at its end, and `id` is text.
#[tokio::test]
async fn an_id_with_a_space_behind_it_is_another_one() {
    for fixture in [fixture::mysql().await, fixture::postgres().await, fixture::sqlite_memory().await] {
        let someone = user("anna");
        assert!(fixture.store.create_user(&someone).await.unwrap());
        let live = session(&someone.id, T);
        assert!(fixture.store.create_session(&live, Expected::default(), 100).await.unwrap().is_some());
        let (user_id, session_id) = (format!("{} ", someone.id), format!("{} ", live.id));
        let store = &fixture.store;
        assert!(store.find_user(&user_id).await.unwrap().is_none());
        assert!(store.credential_of(&user_id).await.unwrap().is_none());
        assert!(store.find_session(&session_id).await.unwrap().is_none());
        assert!(!store.set_roles(&user_id, &[], T).await.unwrap());
        assert!(!store.revoke_session(&session_id, None, T).await.unwrap());
        assert!(!store.revoke_session(&session_id, Some(&someone.id), T).await.unwrap());
        assert_eq!(store.revoke_sessions(&user_id, T).await.unwrap(), Vec::<String>::new());
        assert!(!store.change_password(&user_id, None, "hash", T).await.unwrap());
        assert!(!store.delete_user(&user_id, T).await.unwrap());
        assert_eq!(store.list_sessions(&someone.id, T).await.unwrap().len(), 1);
    }
}

/// Sessions are read at once, without a thread or a wait, once a file is open.
#[tokio::test]
async fn sqlite_answers_a_session_check_at_once() {
    for fixture in [fixture::sqlite_file().await, fixture::sqlite_memory().await] {
        let someone = user("anna");
        assert!(fixture.store.create_user(&someone).await.unwrap());
        let session = session(&someone.id, T);
        assert!(fixture.store.create_session(&session, Expected::default(), 100).await.unwrap().is_some());
        fixture.store.find_session(&session.id).await.unwrap();
        let started = std::time::Instant::now();
        for _ in 0..1000 {
            let found = fixture.store.find_session_now(&session.id).expect("nobody else uses it").unwrap().unwrap();
            assert_eq!(found.session, session);
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(2), "{:?}", started.elapsed());
        assert!(fixture.store.find_session_now(&make_id()).unwrap().unwrap().is_none());
    }
}

/// No query of a common operation reads a whole table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_finds_surplus_sessions_among_the_live_ones_of_their_user() {
    let folder = Folder::new();
    let executor = sqlite(&folder);
    SqlStore::new(executor.clone(), normalize_adopted).migrate(T).await.unwrap();
    let live = "user_id = 'x' AND revoked_at IS NULL AND expires_at > 'x' AND id <> 'y'";
    let beyond = format!("SELECT id FROM sentri_sessions WHERE {live} ORDER BY created_at DESC LIMIT 1 OFFSET 9");
    let oldest =
        format!("SELECT id FROM sentri_sessions WHERE {live} ORDER BY created_at DESC, id DESC LIMIT 500 OFFSET 9");
    let end = format!("UPDATE sentri_sessions SET revoked_at = 'x' WHERE id IN (SELECT id FROM ({oldest}) AS surplus)");
    for sql in [beyond, end] {
        let explain = Statement::read(format!("EXPLAIN QUERY PLAN {sql}"), []).once();
        let Outcome::Done(answers) = executor.run(&explain.into()).await.unwrap() else { panic!("a plan") };
        let plan: Vec<String> = answers[0].rows.iter().map(|row| row[3].clone().into_text().unwrap()).collect();
        assert!(plan.iter().any(|line| line.contains("USING INDEX sentri_sessions_live (user_id=?)")), "{plan:?}");
        assert!(!plan.iter().any(|line| line.contains("revoked_at=?")), "{plan:?}");
    }
}

/// Also when PostgreSQL last counted few live sessions of all users, as after the logins of a program.
#[tokio::test]
async fn postgres_counts_the_live_sessions_of_one_user_alone() {
    let schema = Schema::new().await;
    SqlStore::new(postgres(&schema), normalize_adopted).migrate(T).await.unwrap();
    let client = fixture::connect(&schema.url()).await;
    let sessions = |users: &str, count: u32, revoked: &str| {
        format!(
            "INSERT INTO sentri_sessions (id, user_id, created_at, expires_at, revoked_at) \
             SELECT gen_random_uuid(), {users}, now()::timestamp - n * interval '1 ms', 'infinity', {revoked} \
             FROM generate_series(1, {count}) AS n;"
        )
    };
    let made = [
        "INSERT INTO sentri_users (id, password_hash, created_at) SELECT 'u' || n, '', now() \
         FROM generate_series(0, 500) AS n;"
            .to_owned(),
        sessions("'u0'", 110, "NULL"),
        sessions("'u0'", 5000, "now()"),
        "ANALYZE sentri_users, sentri_sessions;".to_owned(),
        sessions("'u' || (1 + n % 500)", 5000, "NULL"),
    ];
    client.batch_execute(&made.concat()).await.unwrap();
    let live = "user_id = 'u0' AND revoked_at IS NULL AND expires_at > now()::timestamp AND id <> 'x'";
    for sql in [
        format!("SELECT id FROM sentri_sessions WHERE {live} ORDER BY created_at DESC LIMIT 1 OFFSET 109"),
        format!("SELECT id FROM sentri_sessions WHERE {live} ORDER BY created_at DESC, id DESC LIMIT 500 OFFSET 99"),
    ] {
        let rows = client.query(&format!("EXPLAIN (ANALYZE, COSTS OFF) {sql}"), &[]).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(plan.iter().any(|line| line.contains("sentri_sessions_live")), "{plan:#?}");
    }
    let purge = "EXPLAIN SELECT id FROM sentri_sessions WHERE revoked_at < timestamp '1970-01-01'";
    let plan: String = client.query(purge, &[]).await.unwrap()[0].get(0);
    assert!(plan.contains("sentri_sessions_ended"), "{plan}");
}

#[tokio::test]
async fn sqlite_uses_an_index_for_every_lookup() {
    let folder = Folder::new();
    let executor = sqlite(&folder);
    SqlStore::new(executor.clone(), normalize_adopted).migrate(T).await.unwrap();
    for sql in [
        "SELECT id FROM sentri_sessions WHERE id = 'x'",
        "SELECT id FROM sentri_sessions WHERE user_id = 'x' AND revoked_at IS NULL",
        "SELECT id FROM sentri_sessions INDEXED BY sentri_sessions_live WHERE user_id = 'x' AND revoked_at IS NULL",
        "SELECT id FROM sentri_sessions WHERE expires_at < 'x' OR revoked_at < 'x' LIMIT 3",
        "SELECT id FROM sentri_identifiers WHERE value_normalized IN ('a', 'b', 'c')",
        "SELECT id FROM sentri_identifiers WHERE user_id = 'x'",
        "SELECT id FROM sentri_identifiers WHERE value_normalized IS NULL",
    ] {
        let explain = Statement::read(format!("EXPLAIN QUERY PLAN {sql}"), []).once();
        let Outcome::Done(answers) = executor.run(&explain.into()).await.unwrap() else { panic!("a plan") };
        for row in &answers[0].rows {
            let detail = row[3].clone().into_text().unwrap();
            assert!(!detail.starts_with("SCAN"), "{sql}: {detail}");
        }
    }
}
