//! Plain options, which their row in the table declares completely. The kind of the row gives the type and the limits,
//! and its default applies when the option is not set. Code asks for the value by the name of the row, which is looked
//! up when the core is compiled.

use std::time::Duration;

use serde_json::Value;

use super::reader::Reader;
use super::row::{OptionKind, OptionRow};
use super::rows::OPTIONS;
use crate::duration;
use crate::error::Error;

#[derive(Clone, Copy)]
enum Plain {
    Number(u32),
    Switch(bool),
    Length(Duration),
}

/// The values of the plain options, by the index of their row.
pub struct PlainOptions(Vec<Option<Plain>>);

/// The index of a plain option that is a number.
#[derive(Clone, Copy)]
pub struct Number(usize);

/// The index of a plain option that is a switch.
#[derive(Clone, Copy)]
pub struct Switch(usize);

/// The index of a plain option that is a duration.
#[derive(Clone, Copy)]
pub struct Length(usize);

impl Number {
    /// Finds the option by its name. As a constant it does not compile if the table has no plain number of this name.
    #[must_use]
    pub const fn named(name: &str) -> Self {
        let place = place(name);
        assert!(matches!(OPTIONS[place].kind, OptionKind::Number(..)), "the option is no number");
        Self(place)
    }
}

impl Switch {
    /// Finds the option by its name, as [`Number::named`] does.
    #[must_use]
    pub const fn named(name: &str) -> Self {
        let place = place(name);
        assert!(matches!(OPTIONS[place].kind, OptionKind::Switch), "the option is no switch");
        Self(place)
    }
}

impl Length {
    /// Finds the option by its name, as [`Number::named`] does.
    #[must_use]
    pub const fn named(name: &str) -> Self {
        let place = place(name);
        assert!(matches!(OPTIONS[place].kind, OptionKind::Duration), "the option is no length of time");
        Self(place)
    }
}

const fn place(name: &str) -> usize {
    let mut place = 0;
    while place < OPTIONS.len() {
        if OPTIONS[place].plain && is_same(OPTIONS[place].name.as_bytes(), name.as_bytes()) {
            return place;
        }
        place += 1;
    }
    panic!("no plain option has this name")
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

impl PlainOptions {
    /// Reads the plain options of server mode.
    pub(super) fn read(read: &mut Reader<'_>) -> Result<Self, Error> {
        let values: Result<Vec<_>, Error> =
            OPTIONS.iter().map(|row| if row.plain { value(row, read).map(Some) } else { Ok(None) }).collect();
        values.map(Self)
    }

    /// Returns the value of a number.
    #[must_use]
    pub fn number(&self, Number(place): Number) -> u32 {
        match self.0.get(place) {
            Some(Some(Plain::Number(number))) => *number,
            _ => unreachable!("a number is looked up among the numbers of the table"),
        }
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(&self, Switch(place): Switch) -> bool {
        matches!(self.0.get(place), Some(Some(Plain::Switch(true))))
    }

    /// Returns the value of a duration.
    #[must_use]
    pub fn length(&self, Length(place): Length) -> Duration {
        match self.0.get(place) {
            Some(Some(Plain::Length(length))) => *length,
            _ => unreachable!("a length is looked up among the lengths of the table"),
        }
    }
}

fn value(row: &OptionRow, read: &mut Reader<'_>) -> Result<Plain, Error> {
    let wrong = || read.error(row.name, "has a default that its kind does not take");
    match row.kind {
        OptionKind::Number(least, most) => {
            let default = row.default.parse().map_err(|_| wrong())?;
            read.integer(row.name, default, least..=most).map(Plain::Number)
        }
        OptionKind::Switch => read.boolean(row.name, row.default == "on").map(Plain::Switch),
        OptionKind::Duration => {
            let default = duration::parse(&Value::from(row.default)).map_err(|_| wrong())?;
            read.duration(row.name, default).map(Plain::Length)
        }
        _ => Err(read.error(row.name, "is of a kind that is not plain")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Number, OPTIONS, PlainOptions, Switch};
    use crate::config::reader::Reader;

    const MAX_SESSIONS: Number = Number::named("maxSessions");
    const REQUIRE_SESSION: Switch = Switch::named("requireSession");

    #[test]
    fn plain_options_are_read_by_their_rows() {
        let read = |options| PlainOptions::read(&mut Reader::new("", &options).unwrap());
        let without = read(json!({})).unwrap();
        assert_eq!((without.number(MAX_SESSIONS), without.is_on(REQUIRE_SESSION)), (100, false));
        let given = read(json!({ "maxSessions": 7, "requireSession": true })).unwrap();
        assert_eq!((given.number(MAX_SESSIONS), given.is_on(REQUIRE_SESSION)), (7, true));
        let error = read(json!({ "maxSessions": 1_001 })).err().unwrap();
        assert_eq!(error.message, "maxSessions must be a whole number from 1 to 1000");
    }

    #[test]
    fn plain_options_stand_at_the_top_and_are_of_the_server() {
        for row in OPTIONS.iter().filter(|row| row.plain) {
            assert!(!row.name.contains('.') && row.group == super::super::table::Group::Server, "{}", row.name);
        }
    }
}
