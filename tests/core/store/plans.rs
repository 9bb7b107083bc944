//! No statement of the store reads a whole table that grows, on any database, with statistics or without.
//!
//! The statements are those that the conformance suites send, noted by an executor between the store and the driver. A
//! statement that no case sends is found by its text in the source: then `every_statement_is_sent` fails.

use std::sync::Arc;

use sentri_core::identifier::normalize_adopted;
use sentri_core::store::dialect;
use sentri_core::store::executor::{Batch, Executor, Outcome, Statement, StatementKind, Value};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use sentri_core::store::sql::SqlStore;
use sentri_core::store::sqlite::{SqliteConfig, SqliteExecutor};
use tokio_postgres::SimpleQueryMessage;

use crate::conformance::{AnyStore, Case, T};
use crate::crowd::Crowd;
use crate::fixture::{Folder, Schema, TABLES, connect};
use crate::mysql::{self, MysqlDatabase};
use crate::recorder::{Noted, Notes, Recorder, has, literals};

/// Enough for every database to prefer an index where there is one.
const USERS: u64 = 30_000;

/// Runs of a statement until PostgreSQL may take a plan for any parameters.
const UNTIL_ANY_PLAN: usize = 7;

/// Attempts at a case.
const ATTEMPTS: usize = 5;

/// Tables with a handful of rows whatever the number of users.
const SMALL: [(&str, &str); 3] = [
    ("sentri_keys", "a key for each rotation until its last token is over"),
    ("sentri_migrations", "a row for each version of the tables"),
    ("sentri_deleted_users", "users deleted within the life of an access token"),
];

/// Statements that go through a table that grows, and why they may.
const WHOLE: &[(&str, &str, &str)] = &[
    ("REPLACE(roles, ?, '') <> roles", "sentri_users", "asked at the set-up of a new database: is anybody an admin?"),
    ("sentri_users  ORDER BY id LIMIT", "sentri_users", "a page of all users, in the order of the primary key"),
    (
        "sentri_audit  ORDER BY created_at DESC, id DESC LIMIT",
        "sentri_audit",
        "a page of all, in the order of an index",
    ),
];

type Statements = Vec<Noted>;

/// Runs every case of the suites, one after the other over the same tables, emptied in between.
async fn record<E: Executor>(notes: &Arc<Notes>, executor: impl Fn() -> E, clustered: bool) {
    let store = |inner| -> AnyStore {
        let recorder = Recorder { inner, clustered, notes: Arc::clone(notes) };
        Arc::new(SqlStore::new(recorder, normalize_adopted))
    };
    store(executor()).migrate(T).await.unwrap();
    let cases: Vec<Case> = crate::store_conformance!(@each @list);
    let audit: Vec<Case> = crate::audit_conformance!(@each @list);
    let admin = executor();
    let empty = TABLES.map(|table| Statement::write(format!("DELETE FROM {table}"), []).once());
    for (name, case) in cases.into_iter().chain(audit) {
        // Races of many that a busy machine spoils are run again; the suites themselves judge the cases.
        for attempt in 1.. {
            let store = store(executor());
            // It finds out here whether it is in a cluster.
            store.check().await.unwrap();
            let ended = tokio::spawn(case(store)).await;
            admin.run(&Batch::of(empty.clone())).await.unwrap();
            if ended.is_ok() {
                break;
            }
            assert!(attempt < ATTEMPTS, "{name} fails");
        }
    }
    admin.close().await;
}

/// The statements of the store that name a table of its own, as it sends them to a database.
fn of_tables(notes: &Notes) -> Statements {
    let mut all = notes.all();
    all.retain(|noted| noted.statement.sql.contains("sentri_"));
    all
}

async fn fill(executor: &impl Executor) {
    let crowd = Crowd::of(executor.dialect());
    let mut fill = crowd.users(0, USERS);
    fill.push(crowd.sessions(0, 3 * USERS, USERS, 2));
    fill.extend(crowd.belongings(USERS));
    let fill = fill.into_iter().map(|sql| Statement::write(sql, []).once());
    executor.run(&Batch::schema(fill.collect::<Vec<_>>())).await.unwrap();
}

/// The steps of a plan, as texts.
async fn explain(executor: &impl Executor, how: &str, statement: &Statement, params: &[Value]) -> Vec<Vec<String>> {
    let sql = format!("{how} {}", statement.sql);
    let asked = Statement { kind: StatementKind::Read, ..Statement::read(sql, params).once() };
    let outcome = executor.run(&asked.clone().into()).await.unwrap_or_else(|error| panic!("{error:?}: {asked:?}"));
    let Outcome::Done(mut answers) = outcome else { panic!("nothing was expected") };
    let text = |value: Value| match value {
        Value::Int(int) => int.to_string(),
        value => value.into_optional_text().unwrap().unwrap_or_default(),
    };
    answers.remove(0).rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect()
}

/// The faults of a database's plans: a statement and the step that reads a whole table.
#[derive(Default)]
struct Faults {
    found: Vec<String>,
    excused: Vec<&'static str>,
}

impl Faults {
    fn judge(&mut self, sql: &str, table: &str, step: &str) {
        if SMALL.iter().any(|(small, _)| *small == table) {
            return;
        }
        match WHOLE.iter().find(|(part, whole, _)| *whole == table && sql.contains(part)) {
            Some((part, ..)) => self.excused.push(part),
            None if self.found.iter().any(|found| found.starts_with(sql)) => {}
            None => self.found.push(format!("{sql}\n    {step}")),
        }
    }
}

/// The table of this name or alias in a statement. Empty: it is a derived one.
fn table_of(sql: &str, name: &str) -> String {
    let aliased = sql.split("sentri_").skip(1).find_map(|after| {
        let (table, after) = after.split_once(' ')?;
        let alias = after.strip_prefix("AS ")?.split([' ', ')']).next()?;
        (alias == name).then(|| format!("sentri_{table}"))
    });
    aliased.unwrap_or_else(|| if name.starts_with("sentri_") { name.to_owned() } else { String::new() })
}

fn judge_sqlite(faults: &mut Faults, sql: &str, steps: Vec<Vec<String>>) {
    for step in steps {
        let detail = &step[3];
        if let Some(name) = detail.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()) {
            let table = table_of(sql, name);
            if !table.is_empty() {
                faults.judge(sql, &table, detail);
            }
        }
    }
}

fn judge_mysql(faults: &mut Faults, sql: &str, steps: Vec<Vec<String>>) {
    for step in steps {
        let (table, kind) = (table_of(sql, &step[2]), step[3].as_str());
        // Of an INSERT of values it says ALL, too.
        if step[1] != "INSERT" && !table.is_empty() && matches!(kind, "ALL" | "index") {
            faults.judge(sql, &table, &step.join(" | "));
        }
    }
}

fn judge_postgres(faults: &mut Faults, sql: &str, lines: &[String]) {
    for (at, line) in lines.iter().enumerate() {
        let mut own = lines[at + 1..].iter().take_while(|line| !line.contains("->"));
        let is_whole = line.contains("Seq Scan on ")
            || line.contains(" Scan using ") && !own.any(|line| line.trim_start().starts_with("Index Cond:"));
        let name = line.split(" on ").nth(1).and_then(|rest| rest.split(' ').next());
        if let (true, Some(table)) = (is_whole, name.filter(|name| name.starts_with("sentri_"))) {
            faults.judge(sql, table, &lines.join("\n    "));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_statement_reads_a_whole_table() {
    let all = [on_sqlite().await, on_postgres().await, on_mysql().await];
    let faults: Vec<String> = all.iter().flat_map(|(_, faults)| faults.found.clone()).collect();
    assert!(faults.is_empty(), "{} statements read whole tables:\n{}", faults.len(), faults.join("\n"));
    for (part, _, why) in WHOLE {
        let is_used = all.iter().any(|(_, faults)| faults.excused.contains(part));
        assert!(is_used, "no statement needs the excuse any more: {part}: {why}");
    }
    every_statement_is_sent(all.iter().flat_map(|(statements, _)| statements));
}

/// A statement that is not sent here has no plan here.
fn every_statement_is_sent<'a>(sent: impl Iterator<Item = &'a Noted>) {
    let sent: Vec<&str> = sent.map(|noted| &*noted.statement.sql).collect();
    println!("{} statements", sent.len());
    let unsent: Vec<_> = literals().into_iter().filter(|(_, text)| !sent.iter().any(|sql| has(sql, text))).collect();
    assert!(unsent.is_empty(), "no case of the conformance suites sends {unsent:#?}");
}

async fn on_sqlite() -> (Statements, Faults) {
    let (notes, folder) = (Arc::default(), Folder::new());
    let executor = || SqliteExecutor::new(SqliteConfig::at(folder.file()));
    record(&notes, executor, false).await;
    let (statements, mut faults, executor) = (of_tables(&notes), Faults::default(), executor());
    fill(&executor).await;
    for statistics in ["SELECT 1", "ANALYZE"] {
        executor.run(&Batch::schema([Statement::read(statistics, []).once()])).await.unwrap();
        for Noted { statement, sets } in &statements {
            for params in sets {
                let steps = explain(&executor, "EXPLAIN QUERY PLAN", statement, params).await;
                judge_sqlite(&mut faults, &statement.sql, steps);
            }
        }
    }
    executor.close().await;
    (statements, faults)
}

async fn on_mysql() -> (Statements, Faults) {
    let (notes, database) = (Arc::default(), MysqlDatabase::new().await);
    let executor = || MysqlExecutor::new(MysqlConfig::from_url(&database.url()).unwrap());
    let other = MysqlDatabase::new().await;
    let in_cluster = || MysqlExecutor::new(MysqlConfig::from_url(&other.url()).unwrap());
    record(&notes, executor, false).await;
    record(&notes, in_cluster, true).await;
    let (statements, mut faults, executor) = (of_tables(&notes), Faults::default(), executor());
    fill(&executor).await;
    mysql::run(&database.url(), &format!("ANALYZE TABLE {}", TABLES.join(", "))).await;
    for Noted { statement, sets } in &statements {
        for params in sets {
            judge_mysql(&mut faults, &statement.sql, explain(&executor, "EXPLAIN", statement, params).await);
        }
    }
    executor.close().await;
    (statements, faults)
}

/// Of a statement that is kept prepared PostgreSQL makes a plan for any parameters, if that promises to be no worse than
/// the five before it.
async fn on_postgres() -> (Statements, Faults) {
    let (notes, schema) = (Arc::default(), Schema::new().await);
    let executor = || PostgresExecutor::new(PostgresConfig::from_url(&schema.url()).unwrap());
    record(&notes, executor, false).await;
    let (statements, mut faults, executor) = (of_tables(&notes), Faults::default(), executor());
    fill(&executor).await;
    executor.close().await;
    let client = connect(&schema.url()).await;
    client.batch_execute("ANALYZE").await.unwrap();
    for Noted { statement, sets } in &statements {
        let sql = dialect::POSTGRES.spell(&statement.sql);
        client.batch_execute(&format!("PREPARE it AS {sql}")).await.unwrap();
        for params in sets.iter().cycle().take(if statement.fixed { UNTIL_ANY_PLAN } else { 1 }) {
            let answer = client.simple_query(&format!("EXPLAIN EXECUTE it{}", listed(params))).await.unwrap();
            let lines = answer.into_iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            });
            judge_postgres(&mut faults, &statement.sql, &lines.collect::<Vec<_>>());
        }
        client.batch_execute("DEALLOCATE it").await.unwrap();
    }
    (statements, faults)
}

/// Parameters as the server reads them in a text.
fn listed(params: &[Value]) -> String {
    let literal = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(int) => int.to_string(),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Time(at) => format!("'{}'", sentri_core::clock::to_iso(*at)),
    };
    if params.is_empty() {
        return String::new();
    }
    format!("({})", params.iter().map(literal).collect::<Vec<_>>().join(", "))
}
