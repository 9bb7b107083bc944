//! Durations of options.

use std::time::Duration;

use sentri_core::duration::{LONGEST, parse};
use serde_json::{Value, json};

pub fn check(data: &[u8]) {
    let Some(text) = super::text(data) else { return };
    let read = parse(&json!(text));
    match &read {
        Ok(length) => {
            assert!(*length >= Duration::from_millis(1) && *length <= LONGEST);
            let again = parse(&json!(format!("{}ms", length.as_millis())));
            assert_eq!(again.as_ref(), Ok(length), "in milliseconds: a fixed point");
            assert!((millis(text).unwrap() - length.as_secs_f64() * 1000.0).abs() <= 0.501, "{text:?} is {length:?}");
            assert_eq!(parse(&json!(format!(" {} ", text.to_ascii_uppercase()))).as_ref(), Ok(length));
        }
        Err(message) => assert!(message.len() < 200, "{message}"),
    }
    if let Ok(Value::Number(number)) = serde_json::from_str(text) {
        let seconds = parse(&Value::Number(number.clone()));
        assert_eq!(seconds.is_ok(), (0.0005..=LONGEST.as_secs_f64()).contains(&number.as_f64().unwrap()), "{number}");
        assert!(read.is_err(), "a bare number in a text is ambiguous");
    }
}

/// The same by the last letters: a number and a unit, each as another reader has it.
fn millis(text: &str) -> Option<f64> {
    let text = text.trim().to_ascii_lowercase();
    let unit = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let number: f64 = text[..text.len() - unit.len()].trim_end().parse().ok()?;
    let seconds = match unit.as_bytes() {
        [b'm', b's', ..] | [b'm', b'i', b'l', ..] => 0.001,
        [b's', ..] => 1.0,
        [b'm', ..] => 60.0,
        [b'h', ..] => 3_600.0,
        [b'd', ..] => 86_400.0,
        [b'w', ..] => 604_800.0,
        [b'y', ..] => 31_557_600.0,
        _ => return None,
    };
    Some(number * seconds * 1000.0)
}
