use proptest::prelude::*;
use sentri_core::duration::{LONGEST, parse};
use serde_json::{Value, json};

use crate::vectors;

#[test]
fn vectors() {
    vectors::run("duration", |given| parse(given).map(|duration| json!(duration.as_millis() as u64)));
}

proptest! {
    #[test]
    fn whole_numbers_of_every_unit_are_exact(number in 1_u64..100_000, unit in 0_usize..5) {
        let (name, millis) = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)][unit];
        if number * millis <= LONGEST.as_millis() as u64 {
            let parsed = parse(&Value::from(format!("{number}{name}")));
            prop_assert_eq!(parsed.unwrap().as_millis() as u64, number * millis);
        }
    }

    #[test]
    fn any_text_is_in_bounds_or_an_error(text in ".{0,40}") {
        if let Ok(duration) = parse(&Value::from(text)) {
            prop_assert!(duration.as_millis() >= 1 && duration <= LONGEST);
        }
    }

    #[test]
    fn any_number_is_in_bounds_or_an_error(number in any::<f64>()) {
        if let Ok(duration) = parse(&Value::from(number)) {
            prop_assert!(duration.as_millis() >= 1 && duration <= LONGEST);
        }
    }
}
