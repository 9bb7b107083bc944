//! Reads values from texts, and checks the kinds of values in a file.

use serde_json::{Value, json};

use crate::config::table::{Group, OptionKind, OptionRow};
use crate::duration;

/// Reads the value of a flag or a variable.
///
/// # Errors
/// The reason, as a sentence to follow the name.
pub(super) fn value(row: &OptionRow, text: &str) -> Result<Value, String> {
    Ok(match row.kind {
        OptionKind::Number(..) => match text.parse::<u32>() {
            Ok(number) if text.bytes().all(|byte| byte.is_ascii_digit()) => checked(row, json!(number))?,
            _ => return Err(out_of_range(row, &json!(text))),
        },
        OptionKind::Switch | OptionKind::Members => match text {
            "on" | "true" => json!(true),
            "off" | "false" => json!(false),
            _ => return Err(format!("must be on or off, not {text}")),
        },
        OptionKind::List => json!(words(text)),
        OptionKind::Proxies => match text.parse::<u32>() {
            Ok(number) => json!(number),
            Err(_) => json!(words(text)),
        },
        _ => checked(row, json!(text))?,
    })
}

fn words(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
}

/// Checks that a value is of the option's kind, as far as the library does not check it itself.
///
/// # Errors
/// The reason, as a sentence to follow the name.
pub(super) fn checked(row: &OptionRow, value: Value) -> Result<Value, String> {
    match row.kind {
        OptionKind::Text if row.group == Group::Serve && !value.is_string() => {
            Err(format!("must be a text, not {value}"))
        }
        OptionKind::Number(least, most) if row.group == Group::Serve => match value.as_u64() {
            Some(number) if (u64::from(least)..=u64::from(most)).contains(&number) => Ok(value),
            _ => Err(out_of_range(row, &value)),
        },
        OptionKind::Switch if !value.is_boolean() => Err(format!("must be true or false, not {value}")),
        OptionKind::Choice([only]) if row.name == "messages" && value != **only => {
            Err(format!("must be {only}, or a table of its members, not {}", shown(&value)))
        }
        OptionKind::Choice(words) if row.group == Group::Serve && !words.iter().any(|word| value == **word) => {
            let (last, others) = words.split_last().unwrap_or((&"", &[]));
            Err(format!("must be {} or {last}, not {}", others.join(", "), shown(&value)))
        }
        OptionKind::Duration if row.group == Group::Serve && !is_zero(&value) => {
            duration::parse(&value)?;
            Ok(value)
        }
        _ => Ok(value),
    }
}

/// Whether a value is zero, with or without a unit, which durations of the command may be.
fn is_zero(value: &Value) -> bool {
    let text = shown(value);
    let unit = text.trim_start_matches(['0', '.']);
    unit.len() < text.len() && unit.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn out_of_range(row: &OptionRow, value: &Value) -> String {
    match row.kind {
        OptionKind::Number(least, most) => format!("must be from {least} to {most}, not {}", shown(value)),
        _ => format!("must be a number, not {}", shown(value)),
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
