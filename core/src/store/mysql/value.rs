//! Converts values to and from those of MySQL, where instants are DATETIME in UTC and texts are bytes.

use mysql_async::Value as Raw;

use crate::clock::{Millis, from_iso, to_iso};
use crate::failure::StoreError;
use crate::store::executor::Value;

/// The end of 9999-12-31, the last day that a DATETIME holds.
const LAST: Millis = 253_402_300_799_999;

pub(super) fn to_driver(value: &Value) -> Raw {
    match value {
        Value::Null => Raw::NULL,
        Value::Int(int) => Raw::Int(*int),
        Value::Text(text) => Raw::Bytes(text.clone().into_bytes()),
        Value::Time(at) => date_of(*at),
    }
}

pub(super) fn from_driver(raw: Raw) -> Result<Value, StoreError> {
    let unexpected = || StoreError::Other("column: neither text, integer nor instant".into());
    Ok(match raw {
        Raw::NULL => Value::Null,
        Raw::Int(int) => Value::Int(int),
        Raw::UInt(int) => Value::Int(i64::try_from(int).map_err(|_| unexpected())?),
        Raw::Bytes(bytes) => Value::Text(String::from_utf8(bytes).map_err(|_| unexpected())?),
        // The zero date, which old servers store for a missing date, becomes 1970.
        Raw::Date(_, 0, ..) | Raw::Date(_, _, 0, ..) => Value::Time(0),
        Raw::Date(year, month, day, hour, minute, second, micros) => {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z");
            Value::Time(from_iso(&text).ok_or_else(unexpected)?)
        }
        Raw::Float(_) | Raw::Double(_) | Raw::Time(..) => return Err(unexpected()),
    })
}

fn date_of(at: Millis) -> Raw {
    // An ISO text has every part at a fixed place.
    let text = to_iso(at.clamp(0, LAST));
    let part = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0);
    let small = |from: usize| u8::try_from(part(from, from + 2)).unwrap_or(0);
    let year = u16::try_from(part(0, 4)).unwrap_or(1970);
    Raw::Date(year, small(5), small(8), small(11), small(14), small(17), part(20, 23) * 1000)
}

#[cfg(test)]
mod tests {
    use super::{LAST, Value, from_driver, to_driver};

    #[test]
    fn instants_come_back() {
        for at in [0, 1, 999, 951_782_400_123, 1_800_000_000_000, 4_070_908_800_001, LAST] {
            assert_eq!(from_driver(to_driver(&Value::Time(at))).unwrap(), Value::Time(at));
        }
        assert_eq!(from_driver(to_driver(&Value::Time(i64::MAX))).unwrap(), Value::Time(LAST));
    }

    #[test]
    fn the_zero_date_is_long_ago() {
        assert_eq!(from_driver(mysql_async::Value::Date(0, 0, 0, 0, 0, 0, 0)).unwrap(), Value::Time(0));
    }
}
