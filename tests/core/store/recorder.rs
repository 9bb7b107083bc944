//! An executor that notes every statement that it is to run, and the literals of the code that makes them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use sentri_core::failure::StoreError;
use sentri_core::store::dialect::Dialect;
use sentri_core::store::executor::{Answer, Batch, Connections, Executor, Outcome, Statement, Value};

/// The most sets of parameters that are kept of one statement.
const SETS: usize = 3;

/// A statement and parameters with which it was run.
#[derive(Debug, Clone)]
pub struct Noted {
    pub statement: Statement,
    pub sets: Vec<Vec<Value>>,
}

/// Statements by their text, a list of whatever length being one; that with the shortest list stands for all.
#[derive(Debug, Default)]
pub struct Notes(Mutex<BTreeMap<String, Noted>>);

impl Notes {
    fn note(&self, statement: &Statement) {
        let mut notes = self.0.lock();
        let text = shortened(&statement.sql);
        let noted = notes.entry(text).or_insert_with(|| Noted { statement: statement.clone(), sets: Vec::new() });
        // Parameters of another number belong to a longer list.
        if statement.sql.len() < noted.statement.sql.len() {
            *noted = Noted { statement: statement.clone(), sets: Vec::new() };
        }
        let fits = noted.statement.params.len() == statement.params.len();
        if fits && noted.sets.len() < SETS && !noted.sets.contains(&statement.params) {
            noted.sets.push(statement.params.clone());
        }
    }

    pub fn all(&self) -> Vec<Noted> {
        self.0.lock().values().cloned().collect()
    }
}

fn shortened(sql: &str) -> String {
    let mut text = sql.to_owned();
    for part in [", ?", ", (?, ?, ?)", ", (?, ?, ?, 0)", " OR REPLACE(roles, ?, '') <> roles"] {
        let thrice = part.repeat(3);
        while text.contains(&thrice) {
            text = text.replace(&thrice, &part.repeat(2));
        }
    }
    text
}

pub struct Recorder<E> {
    pub inner: E,
    /// Answers that the server is a node of a cluster.
    pub clustered: bool,
    pub notes: Arc<Notes>,
}

#[async_trait]
impl<E: Executor> Executor for Recorder<E> {
    fn dialect(&self) -> &'static Dialect {
        self.inner.dialect()
    }

    async fn run(&self, batch: &Batch) -> Result<Outcome, StoreError> {
        let asks_for_cluster = |one: &Statement| Some(&*one.sql) == self.dialect().cluster;
        if self.clustered && batch.statements.iter().all(asks_for_cluster) {
            let row = vec!["wsrep_on".into(), "ON".into()];
            return Ok(Outcome::Done(vec![Answer { count: 1, rows: vec![row] }]));
        }
        if !batch.schema {
            batch.statements.iter().for_each(|statement| self.notes.note(statement));
        }
        self.inner.run(batch).await
    }

    fn run_now(&self, batch: &Batch) -> Option<Result<Outcome, StoreError>> {
        batch.statements.iter().for_each(|statement| self.notes.note(statement));
        self.inner.run_now(batch)
    }

    fn connections(&self) -> Option<Connections> {
        self.inner.connections()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// The literals in `core/src/store/sql` that are SQL or a part of it, each as the texts between its placeholders.
pub fn literals() -> Vec<(String, Vec<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sql");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let source = std::fs::read_to_string(&file).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        found.extend(
            strings_of(source).into_iter().filter(|text| is_sql(text)).map(|text| (name.clone(), pieces(&text))),
        );
    }
    found
}

fn is_sql(text: &str) -> bool {
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];
    let is_sql = |piece: &String| verbs.iter().any(|verb| piece.contains(verb)) || piece.contains('?');
    pieces(text).iter().any(is_sql)
}

/// The texts of the string literals of a source file.
fn strings_of(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let source = without_comments(source);
    let mut chars = source.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '"' {
            continue;
        }
        let mut text = String::new();
        while let Some(char) = chars.next() {
            match char {
                '"' => break,
                '\\' => match chars.next() {
                    Some('\n') => while chars.next_if(|char| char.is_whitespace()).is_some() {},
                    Some(escaped) => text.push(escaped),
                    None => {}
                },
                char => text.push(char),
            }
        }
        found.push(text);
    }
    found
}

fn without_comments(source: &str) -> String {
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect::<String>().replace("'\"'", "")
}

/// The texts around `{..}`.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    for (at, part) in text.split('{').enumerate() {
        let part = if at == 0 { part } else { part.split_once('}').map_or(part, |(_, after)| after) };
        pieces.push(part.to_owned());
    }
    pieces
}

/// Whether `sql` has these texts in this order.
pub fn has(sql: &str, pieces: &[String]) -> bool {
    let mut rest = sql;
    pieces.iter().all(|piece| match rest.find(piece.as_str()) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}
