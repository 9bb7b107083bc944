//! Instants as text, for databases without a time type. Pure.

use crate::clock::Millis;

const DAY: i64 = 86_400_000;

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`, which sorts as the instants do. Clamped to the years 0000 to 9999.
#[must_use]
pub fn to_iso(at: Millis) -> String {
    let at = at.clamp(-62_167_219_200_000, 253_402_300_799_999);
    let (year, month, day) = civil_of(at.div_euclid(DAY));
    let ms = at.rem_euclid(DAY);
    let (hour, minute, second, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Reads what [`to_iso`] writes and the other forms that databases hold: a blank for `T`, no fraction or up to nine
/// digits of it, no zone (UTC), `Z`, `+HH`, `+HHMM` or `+HH:MM`, or digits alone (milliseconds since 1970).
#[must_use]
pub fn from_text(text: &str) -> Option<Millis> {
    let text = text.trim();
    if let Ok(ms) = text.parse::<i64>() {
        return Some(ms);
    }
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) = (digits(date.get(0..4)?)?, digits(date.get(5..7)?)?, digits(date.get(8..10)?)?);
    let dashes = date.as_bytes().get(4) == Some(&b'-') && date.as_bytes().get(7) == Some(&b'-');
    if !dashes || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days_of(year, month, day) * DAY;
    if rest.is_empty() {
        return Some(midnight);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    Some(midnight + time_of_day(clock.trim_end())? - offset(zone)?)
}

fn time_of_day(clock: &str) -> Option<Millis> {
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = whole.split(':');
    let hour = digits(parts.next()?)?;
    let minute = digits(parts.next()?)?;
    let second = parts.next().map_or(Some(0), digits)?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 || fraction.len() > 9 {
        return None;
    }
    let ms = if fraction.is_empty() { 0 } else { digits(&format!("{fraction:0<3}")[..3])? };
    Some(((hour * 60 + minute) * 60 + second) * 1000 + ms)
}

fn offset(zone: &str) -> Option<Millis> {
    let sign = match zone.bytes().next() {
        None | Some(b'Z' | b'z') => return (zone.len() <= 1).then_some(0),
        Some(b'+') => 1,
        Some(_) => -1,
    };
    let zone = zone[1..].replace(':', "");
    let (hours, minutes) = match zone.len() {
        2 => (digits(&zone)?, 0),
        4 => (digits(zone.get(..2)?)?, digits(zone.get(2..)?)?),
        _ => return None,
    };
    Some(sign * (hours * 60 + minutes) * 60_000)
}

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar. Years begin in March here, so that the leap
/// day is the last of its year.
const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// The inverse of [`days_of`]: find the year by stepping from a close guess, then the month within it.
const fn civil_of(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days.div_euclid(366);
    while days_of(year + 1, 3, 1) <= days {
        year += 1;
    }
    while days_of(year, 3, 1) > days {
        year -= 1;
    }
    let day_of_year = days - days_of(year, 3, 1);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    if shifted < 10 { (year, shifted + 3, day) } else { (year + 1, shifted - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::{from_text, to_iso};

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        let first = from_text("1600-01-01").unwrap();
        for day in 0..(800 * 365) {
            let at = first + day * super::DAY + 12_345_678;
            assert_eq!(from_text(&to_iso(at)), Some(at));
        }
    }

    #[test]
    fn known_instants() {
        assert_eq!(to_iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(to_iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(to_iso(1_735_689_599_999), "2024-12-31T23:59:59.999Z");
        assert_eq!(to_iso(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(to_iso(i64::MIN), "0000-01-01T00:00:00.000Z");
    }

    #[test]
    fn the_forms_of_other_writers() {
        let at = Some(1_735_689_599_120);
        for text in [
            "2024-12-31 23:59:59.12",
            "2024-12-31T23:59:59.120Z",
            "2024-12-31 23:59:59.120000+00",
            "2025-01-01T01:59:59.12+02:00",
            "2024-12-31T18:29:59.12-0530",
            "1735689599120",
        ] {
            assert_eq!(from_text(text), at, "{text}");
        }
        assert_eq!(from_text("2024-12-31"), Some(1_735_603_200_000));
        for text in ["", "soon", "2024-13-01", "2024-12-31x10:00:00", "2024-12-31 25:00:00", "2024-12-31T1:2:3:4"] {
            assert_eq!(from_text(text), None, "{text}");
        }
    }
}
