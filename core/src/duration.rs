//! Durations as users write them in options: `15m`, `1.5h`, `7 days`, or a number of seconds.

use std::time::Duration;

use serde_json::Value;

/// The longest duration that is accepted, a hundred years. With a longer one an instant may not fit a JWT or a column.
pub const LONGEST: Duration = Duration::from_secs(100 * 31_557_600);

const SECOND: f64 = 1_000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;
const YEAR: f64 = 365.25 * DAY;
const EXPECTED: &str = "must be a duration such as '15m', '1.5h' or '7 days', or a number of seconds";

/// Reads a duration. A JSON number counts seconds. A string is a decimal number and a unit (`ms`, `s`, `m`, `h`, `d`,
/// `w`, `y` or their longer names, in any case), with or without blanks between them.
///
/// # Errors
/// A sentence to follow the option's name, for any other value: a string without a unit, which could mean seconds or
/// milliseconds, zero, a negative number, less than a millisecond, or more than [`LONGEST`].
pub fn parse(value: &Value) -> Result<Duration, String> {
    match value {
        Value::Number(number) => from_millis(number.as_f64().unwrap_or(f64::NAN) * SECOND),
        Value::String(text) => parse_text(text),
        _ => Err(EXPECTED.to_owned()),
    }
}

fn parse_text(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let end = text.bytes().position(|b| !matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start();
    if !is_decimal(number) {
        return Err(EXPECTED.to_owned());
    }
    if unit.is_empty() {
        return Err(format!(
            "is ambiguous: '{number}' has no unit; write '{number}s' or the number {number} for seconds, \
             '{number}ms' for milliseconds"
        ));
    }
    let unit = unit_in_millis(&unit.to_ascii_lowercase()).ok_or(EXPECTED)?;
    from_millis(number.parse::<f64>().map_err(|_| EXPECTED)? * unit)
}

/// Whether `text` is digits with at most one point among them and at most a minus in front. It must be short, since an
/// error message repeats it.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text.len() <= 20
        && digits.bytes().any(|b| b.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
}

fn unit_in_millis(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => SECOND,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => 7.0 * DAY,
        "y" | "yr" | "yrs" | "year" | "years" => YEAR,
        _ => return None,
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
fn from_millis(millis: f64) -> Result<Duration, String> {
    if millis.is_nan() {
        return Err(EXPECTED.to_owned());
    }
    if millis <= 0.0 {
        return Err("must be longer than zero".to_owned());
    }
    if millis.round() < 1.0 {
        return Err("must be at least one millisecond".to_owned());
    }
    if millis > LONGEST.as_secs_f64() * SECOND {
        return Err("must not be longer than 100 years".to_owned());
    }
    Ok(Duration::from_millis(millis.round() as u64))
}
