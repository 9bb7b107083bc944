//! Conditions that find normal forms by their beginnings.

use crate::store::executor::Value;

/// Returns the condition that `value_normalized` begins with one of `prefixes`, and its parameters.
///
/// The condition is a range for each prefix. Normal forms compare byte by byte in every database, so the unique index
/// finds them, and no character is special as in LIKE and GLOB.
pub(super) fn begins_with(prefixes: &[String]) -> (String, Vec<Value>) {
    let (mut ranges, mut params) = (Vec::new(), Vec::new());
    for prefix in prefixes {
        params.push(Value::from(prefix.as_str()));
        match after_all(prefix) {
            Some(end) => {
                ranges.push("value_normalized >= ? AND value_normalized < ?");
                params.push(Value::from(end.as_str()));
            }
            None => ranges.push("value_normalized >= ?"),
        }
    }
    (ranges.join(" OR "), params)
}

/// Returns the first text after all texts that begin with `prefix`, in the order of code points, which UTF-8 keeps.
/// Returns `None` if there is no such text, since every character is the last of all.
fn after_all(prefix: &str) -> Option<String> {
    let (at, next) = prefix.char_indices().rev().find_map(|(at, last)| {
        let mut after = u32::from(last) + 1..=u32::from(char::MAX);
        // Surrogates are no characters.
        Some((at, after.find_map(char::from_u32)?))
    })?;
    let mut end = prefix[..at].to_owned();
    end.push(next);
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_range() {
        for (prefix, end) in [
            ("a", Some("b")),
            ("a%", Some("a&")),
            ("a_", Some("a`")),
            ("anna@", Some("annaA")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}\u{10ffff}", None),
            ("ü", Some("ý")),
        ] {
            assert_eq!(after_all(prefix).as_deref(), end, "{prefix:?}");
        }
    }

    #[test]
    fn a_range_for_each() {
        let (condition, params) = begins_with(&["a".to_owned(), "\u{10ffff}".to_owned()]);
        assert_eq!(condition, "value_normalized >= ? AND value_normalized < ? OR value_normalized >= ?");
        assert_eq!(params, [Value::from("a"), Value::from("b"), Value::from("\u{10ffff}")]);
    }
}
