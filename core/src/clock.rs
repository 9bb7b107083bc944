//! Time as a port. All code reads the time from a [`Clock`], so that tests can set it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// An instant that is written to JSON as the text of [`to_iso`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Iso(pub Millis);

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_iso(self.0))
    }
}

/// The last year of an instant that is read, as of JavaScript's `Date`.
const LAST_YEAR: i64 = 275_760;

/// The source of the time.
pub trait Clock: Send + Sync + 'static {
    /// Returns the present instant.
    fn now(&self) -> Millis;

    /// Whether the clock is set by hand, as in tests alone.
    fn is_set_by_hand(&self) -> bool {
        false
    }
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(Millis::MAX))
    }
}

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// A clock stopped at `now`.
    #[must_use]
    pub const fn at(now: Millis) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Moves the clock to `now`.
    pub fn set(&self, now: Millis) {
        self.0.store(now, Ordering::SeqCst);
    }

    /// Moves the clock on by `by` milliseconds.
    pub fn advance(&self, by: Millis) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }

    fn is_set_by_hand(&self) -> bool {
        true
    }
}

/// Writes an instant as ISO 8601 with milliseconds and `Z`.
#[must_use]
pub fn to_iso(at: Millis) -> String {
    let (days, ms) = (at.div_euclid(86_400_000), at.rem_euclid(86_400_000));
    // Civil date from a day count, by eras of 400 years that begin in March.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{:03}Z", ms % 1000)
}

/// Reads an instant in ISO 8601 or in the form of SQL, with or without a fraction and an offset, or as a number of
/// milliseconds since 1970. Without an offset the time is UTC. `None` for another text, for a day, a time of day or an
/// offset that does not exist, and for a year after [`LAST_YEAR`].
#[must_use]
pub fn from_iso(text: &str) -> Option<Millis> {
    if let Ok(millis) = text.parse() {
        return Some(millis);
    }
    let (date, time) = text.split_once(['T', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let is_day = || (1..=days_in_month(year, month)).contains(&day);
    if !(0..=LAST_YEAR).contains(&year) || !(1..=12).contains(&month) || !is_day() {
        return None;
    }
    let (clock, offset) = match time.rfind(['Z', '+', '-']) {
        Some(at) => (&time[..at], parse_offset(&time[at..])?),
        None => (time, 0),
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let [h, m, s] = numbers(clock, ':').or_else(|| numbers(clock, ':').map(|[h, m]| [h, m, 0]))?;
    if h > 23 || m > 59 || s > 59 {
        return None;
    }
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let millis: i64 = digits.parse().ok()?;
    Some(((days_from_civil(year, month, day) * 86_400 + h * 3600 + m * 60 + s) * 1000 + millis) - offset)
}

/// Reads so many numbers of digits alone, with `separator` between them.
fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split(separator).collect();
    let read: Option<Vec<i64>> =
        parts.iter().map(|part| Some(part).filter(|part| is_number(part))?.parse().ok()).collect();
    read?.try_into().ok()
}

fn parse_offset(text: &str) -> Option<Millis> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes): (i64, i64) = match digits.len() {
        2 => (digits.parse().ok()?, 0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse().ok()?),
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{from_iso, to_iso};

    #[test]
    fn instants_are_written_in_iso_8601() {
        assert_eq!(to_iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(to_iso(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(to_iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(to_iso(4_102_444_800_001), "2100-01-01T00:00:00.001Z");
    }

    #[test]
    fn instants_are_read_in_the_forms_that_databases_keep() {
        for (text, at) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2000-02-29 00:00:00", 951_782_400_000),
            ("2000-02-29T00:00:00.123456Z", 951_782_400_123),
            ("2000-02-29T02:00:00+02:00", 951_782_400_000),
            ("1767225600000", 1_767_225_600_000),
        ] {
            assert_eq!(from_iso(text), Some(at), "{text}");
        }
        assert_eq!(from_iso("soon"), None);
    }

    #[test]
    fn instants_that_do_not_exist_are_not_read() {
        for text in [
            "2000-13-01 00:00:00",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-+1-01T00:00:00Z",
            "2026-01-01-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00:00Z",
            "2026-01-01T00Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+1",
            "275761-01-01T00:00:00Z",
            "9223372036854775807-01-01T00:00:00Z",
        ] {
            assert_eq!(from_iso(text), None, "{text}");
        }
        assert_eq!(from_iso("2024-02-29T23:59:59+23:59").map(to_iso).as_deref(), Some("2024-02-29T00:00:59.000Z"));
    }
}
