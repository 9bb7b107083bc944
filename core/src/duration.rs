//! Lengths of time in options: `15m`, `1.5h`, `7 days`; a number is seconds.

use std::time::Duration;

use serde_json::Value;

const EXPECTED: &str = "must be a duration such as '15m', '1.5h' or '7 days', or a number of seconds";

/// The longest that makes sense, 100 years; longer ones are typing errors.
const MAX_SECONDS: f64 = 100.0 * 365.25 * 86_400.0;

/// Reads a duration.
///
/// # Errors
/// A sentence to follow the option's name. A bare digit string is refused, because half of the world reads it as
/// seconds and half as milliseconds.
pub fn parse(value: &Value) -> Result<Duration, String> {
    let seconds = match value {
        Value::Number(number) => number.as_f64().ok_or_else(|| EXPECTED.to_owned())?,
        Value::String(text) => parse_text(text.trim())?,
        _ => return Err(EXPECTED.to_owned()),
    };
    if !seconds.is_finite() || seconds <= 0.0 || seconds > MAX_SECONDS {
        return Err(format!("{EXPECTED}, above zero and at most 100 years"));
    }
    Ok(Duration::from_millis(to_millis(seconds)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be positive and bounded")]
fn to_millis(seconds: f64) -> u64 {
    (seconds * 1000.0).round().max(1.0) as u64
}

fn parse_text(text: &str) -> Result<f64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim_start());
    let amount: f64 = number.parse().map_err(|_| EXPECTED.to_owned())?;
    if unit.is_empty() {
        return Err(format!("is ambiguous: write '{text}s' for seconds or '{text}ms' for milliseconds"));
    }
    let factor = match unit.to_ascii_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        "y" | "yr" | "yrs" | "year" | "years" => 31_557_600.0,
        _ => return Err(EXPECTED.to_owned()),
    };
    Ok(amount * factor)
}
