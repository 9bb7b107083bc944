//! Reads a file of options. Returns every value with the path of its key and its line.

use std::io::Read as _;
use std::path::Path;

use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};
use serde_json::{Number, Value};
use toml::de::{DeTable, DeValue};

/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// A value of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileEntry {
    /// The names of its tables and its own name, with points between them.
    pub path: String,
    /// The value. It is a table only if that is empty.
    pub value: Value,
    /// The line, from 1.
    pub line: usize,
}

/// Reads a file, in the format that its ending names.
///
/// # Errors
/// A sentence that names the file, the line if known, and the cure.
pub fn read(path: &str) -> Result<Vec<FileEntry>, String> {
    let text = text_of(path, MAX_BYTES).map_err(|why| format!("{path} {why}"))?;
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    parse(ending, &text)
        .ok_or_else(|| format!("{path} must end in .toml, .json or .yaml, which say how to read it"))?
        .map_err(|(line, why)| format!("{path}, line {line}: {why}"))
}

/// Reads the text of a file with this ending. `None`: no format has this ending.
///
/// # Errors
/// The line, and a sentence on the fault in it.
pub fn parse(ending: &str, text: &str) -> Option<Result<Vec<FileEntry>, Failed>> {
    Some(match ending {
        "toml" => toml_entries(text),
        "json" => json_entries(text),
        "yaml" | "yml" => yaml_entries(text),
        _ => return None,
    })
}

/// Reads the text of a file that is not longer than `most` bytes.
///
/// # Errors
/// The reason, as a sentence to follow the name.
pub fn text_of(path: &str, most: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("can't be read: {}", reason(&error)))?;
    if bytes.len() as u64 > most {
        return Err(format!("has more than {} KiB, which is too much", most / 1024));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8: save it as such".to_owned())
}

/// Returns the system's description of an error, without its number.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// A line, and the fault in it.
pub type Failed = (usize, String);

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn toml_entries(text: &str) -> Result<Vec<FileEntry>, Failed> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        (line, format!("is no TOML: {}", error.message()))
    })?;
    let mut found = Vec::new();
    toml_table("", table.get_ref(), text, &mut found)?;
    // The parser sorts tables by name, so the entries are put back into the order of the file.
    found.sort_by_key(|entry| entry.line);
    Ok(found)
}

fn toml_table(path: &str, table: &DeTable<'_>, text: &str, found: &mut Vec<FileEntry>) -> Result<(), Failed> {
    for (key, value) in table {
        let (path, line) = (joined(path, key.get_ref()), line_of(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => toml_table(&path, inner, text, found)?,
            plain => {
                let value = toml_value(plain).map_err(|why| (line, format!("{path} {why}")))?;
                found.push(FileEntry { path, value, line });
            }
        }
    }
    Ok(())
}

fn toml_value(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(is) => Value::from(*is),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|_| "is too large a number".to_owned())?,
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number)
            .ok_or("must be a finite number")?,
        DeValue::Datetime(_) => return Err("is a date, which no option takes: write a text in quotes".to_owned()),
        DeValue::Array(items) => items.iter().map(|item| toml_value(item.get_ref())).collect::<Result<_, _>>()?,
        DeValue::Table(table) => Value::Object(
            table
                .iter()
                .map(|(key, value)| Ok((key.get_ref().to_string(), toml_value(value.get_ref())?)))
                .collect::<Result<_, String>>()?,
        ),
    })
}

/// Reads JSON as YAML, since that parser reports lines. Text that is valid YAML but no JSON is refused first.
fn json_entries(text: &str) -> Result<Vec<FileEntry>, Failed> {
    serde_json::from_str::<Value>(text).map_err(|error| (error.line(), format!("is no JSON: {error}")))?;
    yaml_entries(text)
}

fn yaml_entries(text: &str) -> Result<Vec<FileEntry>, Failed> {
    let documents = MarkedYaml::load_from_str(text)
        .map_err(|error| (error.marker().line().max(1), format!("is no YAML: {}", error.info())))?;
    let mut found = Vec::new();
    match documents.as_slice() {
        [] => {}
        [document] => match &document.data {
            YamlData::Mapping(_) => yaml_table("", document, &mut found)?,
            YamlData::Value(Scalar::Null) => {}
            _ => return Err((line(document), "must be a table of options".to_owned())),
        },
        [_, second, ..] => return Err((line(second), "is a second document: a file holds one".to_owned())),
    }
    Ok(found)
}

fn line(node: &MarkedYaml<'_>) -> usize {
    node.span.start.line()
}

fn yaml_table(path: &str, node: &MarkedYaml<'_>, found: &mut Vec<FileEntry>) -> Result<(), Failed> {
    let YamlData::Mapping(members) = &node.data else { return Ok(()) };
    for (key, value) in members {
        let YamlData::Value(Scalar::String(name)) = &key.data else {
            return Err((line(key), "has a key that is no text: put it in quotes".to_owned()));
        };
        let path = joined(path, name);
        match &value.data {
            YamlData::Mapping(inner) if !inner.is_empty() => yaml_table(&path, value, found)?,
            _ => {
                let value = yaml_value(value).map_err(|why| (line(key), format!("{path} {why}")))?;
                found.push(FileEntry { path, value, line: line(key) });
            }
        }
    }
    Ok(())
}

fn yaml_value(node: &MarkedYaml<'_>) -> Result<Value, String> {
    Ok(match &node.data {
        YamlData::Value(Scalar::Null) => Value::Null,
        YamlData::Value(Scalar::Boolean(is)) => Value::from(*is),
        YamlData::Value(Scalar::Integer(number)) => Value::from(*number),
        YamlData::Value(Scalar::FloatingPoint(number)) => {
            Number::from_f64(number.into_inner()).map(Value::Number).ok_or("must be a finite number")?
        }
        YamlData::Value(Scalar::String(text)) => Value::from(text.as_ref()),
        YamlData::Sequence(items) => items.iter().map(yaml_value).collect::<Result<_, _>>()?,
        YamlData::Mapping(members) if members.is_empty() => Value::Object(serde_json::Map::new()),
        _ => return Err("is written in a way that options are not: no tags, and tables not in lists".to_owned()),
    })
}
