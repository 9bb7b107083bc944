use proptest::prelude::*;
use sentri_core::identifier::{IdentifierRules, MAX_LENGTH, lookup, normalize, prefixes};
use serde_json::json;

use crate::vectors::{self, shown, text};

#[test]
fn vectors() {
    vectors::run("identifier", |given| {
        let value = text(given, "value");
        if text(given, "op") == "lookup" {
            let found = lookup(value).map_err(shown)?;
            return Ok(json!({ "normalized": found.normalized, "exact": found.exact }));
        }
        if text(given, "op") == "search" {
            return Ok(json!({ "prefixes": prefixes(value).map_err(shown)? }));
        }
        let made = normalize(text(given, "kind"), value).map_err(shown)?;
        assert_eq!(made.value, value, "the value is kept as given");
        Ok(json!({ "normalized": made.normalized }))
    });
}

#[test]
fn listed_types_alone() {
    let rules = IdentifierRules::from_option(Some(&json!(["email", "employee-id"]))).unwrap();
    assert!(rules.normalize("email", "a@b.c").is_ok());
    assert!(rules.normalize("employee-id", "7").is_ok());
    let error = rules.normalize("username", "rizz").unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("VALIDATION_ERROR", 400));
    assert!(IdentifierRules::from_option(None).unwrap().normalize("anything", "x").is_ok());
    for nonsense in [json!([]), json!("email"), json!(["Email"]), json!([1]), json!({}), json!([""])] {
        let error = IdentifierRules::from_option(Some(&nonsense)).unwrap_err();
        assert!(error.message.contains("validIdentifiers") && error.code == "CONFIGURATION_ERROR", "{nonsense}");
    }
}

#[test]
fn errors_never_repeat_the_value() {
    for (kind, value) in [("email", "canary-canary"), ("phone", "canary-canary"), ("username", "canary@canary.c")] {
        let error = normalize(kind, value).unwrap_err();
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

/// What people type and attackers try: letters of many scripts, compatibility forms, separators, invisible ones.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{1,40}",
        "[+0]{0,2}[0-9 ().-]{5,20}",
        "[A-Za-z0-9.+_-]{1,12}@[A-Za-zäöüßİẞς.-]{1,20}",
        proptest::collection::vec(
            prop_oneof![
                Just('@'),
                Just('＠'),
                Just('﹫'),
                Just('+'),
                Just('＋'),
                Just('ﬁ'),
                Just('İ'),
                Just('ς'),
                Just('Σ'),
                Just('ẞ'),
                Just('K'),
                Just('Å'),
                Just('\u{301}'),
                Just('\u{307}'),
                Just('\u{345}'),
                Just('ﷺ'),
                Just('0'),
                Just('９'),
                Just(' '),
                Just('¨'),
                Just('.'),
                Just('\u{200d}'),
                Just('ǅ'),
                Just('ᾳ'),
                Just('a'),
                any::<char>(),
            ],
            1..20
        )
        .prop_map(String::from_iter),
    ]
}

fn kind() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("email"), Just("username"), Just("phone"), Just("employee")]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn normalising_twice_changes_nothing(kind in kind(), value in value()) {
        if let Ok(once) = normalize(kind, &value) {
            let twice = normalize(kind, &once.normalized);
            prop_assert_eq!(twice.map(|twice| twice.normalized), Ok(once.normalized.clone()));
            prop_assert!(once.normalized.chars().count() <= MAX_LENGTH);
            prop_assert!(!once.normalized.chars().any(char::is_control));
        }
    }

    #[test]
    fn a_login_finds_every_identifier_by_the_value_it_was_given(kind in kind(), value in value()) {
        if let Ok(made) = normalize(kind, &value) {
            let found = lookup(&value).unwrap();
            prop_assert!(made.normalized == found.normalized || made.normalized == found.exact, "{:?} {:?}", made, found);
        }
    }

    #[test]
    fn a_search_finds_every_identifier_by_the_value_it_was_given(kind in kind(), value in value()) {
        if let Ok(made) = normalize(kind, &value) {
            let found = prefixes(&value).unwrap();
            prop_assert!(found.contains(&made.normalized), "{:?} {:?}", made, found);
        }
    }

    #[test]
    fn a_search_finds_every_identifier_by_its_beginning(kind in kind(), value in value(), at in 0..20usize) {
        if let Ok(made) = normalize(kind, &value) {
            let beginning: String = made.normalized.chars().take(at).collect();
            let found = prefixes(&beginning).unwrap();
            let finds = |prefix: &String| made.normalized.starts_with(prefix);
            prop_assert!(found.is_empty() || found.iter().any(finds), "{:?} {:?}", made, found);
        }
    }

    #[test]
    fn no_other_type_takes_the_normal_form_of_an_address_or_an_international_number(
        owner in prop_oneof![Just("email"), Just("phone")],
        thief in prop_oneof![Just("username"), Just("employee")],
        value in value(),
    ) {
        if let Ok(owned) = normalize(owner, &value)
            && (owner == "email" || owned.normalized.starts_with('+'))
        {
            prop_assert!(normalize(thief, &owned.normalized).is_err());
            prop_assert!(normalize(thief, &value).is_err(), "{} took {:?}", thief, value);
        }
    }
}
