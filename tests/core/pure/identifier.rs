use proptest::prelude::*;
use sentri_core::identifier::{IdentifierRules, MAX_LENGTH, claim, key, lookup, normalize, prefixes, spellings};
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
        if text(given, "op") == "spellings" {
            let found = lookup(value).map_err(shown)?;
            assert_eq!(key(&found.normalized), found.key);
            let all = spellings(&found.normalized);
            assert!(all.iter().all(|one| key(one) == found.key), "{all:?}");
            return Ok(json!({ "key": found.key, "spellings": all }));
        }
        let rules = IdentifierRules::default().with_confusables(given.get("confusables")).unwrap();
        let made = rules.normalize(text(given, "kind"), value).map_err(shown)?;
        let held = rules.normalize_held(text(given, "kind"), value).map_err(shown)?;
        assert_eq!(made, held);
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
fn confusables_are_allowed_unless_the_option_says_otherwise() {
    let rules = |option: serde_json::Value| IdentifierRules::default().with_confusables(Some(&option));
    let refusing = rules(json!("refuse")).unwrap();
    for option in [json!(null), json!("allow")] {
        assert_eq!(rules(option).unwrap(), IdentifierRules::default());
    }
    let error = refusing.normalize("username", "p\u{430}ypal").unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("VALIDATION_ERROR", 400));
    assert!(error.message.contains("write it in one script"), "{}", error.message);
    let error = refusing.normalize("username", "\u{441}\u{43e}\u{441}\u{43e}").unwrap_err();
    assert!(error.message.contains("write it in Latin letters"), "{}", error.message);
    // Who has such a name keeps it.
    assert!(refusing.normalize_held("username", "p\u{430}ypal").is_ok());
    for nonsense in [json!("Refuse"), json!(true), json!([]), json!("")] {
        let error = rules(nonsense.clone()).unwrap_err();
        assert_eq!(error.code, "CONFIGURATION_ERROR");
        assert!(error.message.contains("confusables must be 'allow' or 'refuse'"), "{nonsense}");
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

/// Few letters, so that two of these are often spellings of one name.
fn folding() -> impl Strategy<Value = String> {
    let letters = ["s", "S", "ß", "ẞ", "ss", "ś", "\u{301}", "α", "ι", "ᾳ", "\u{345}", "ſ", "a", "в", "\u{1c80}"];
    proptest::collection::vec(proptest::sample::select(letters.to_vec()), 1..7).prop_map(|letters| letters.concat())
}

fn folded() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("email"), Just("username")]
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
            let finds = [&found.exact, &found.normalized].into_iter().chain(&found.others);
            prop_assert!(finds.into_iter().any(|spelling| *spelling == made.normalized), "{:?} {:?}", made, found);
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

    /// Of two who register one after the other the second is refused exactly where their names fold to one.
    #[test]
    fn names_that_fold_to_one_are_claimed_by_one(kind in folded(), one in folding(), other in folding()) {
        let (one, other) = if kind == "email" { (format!("{one}@b.c"), format!("{other}@b.c")) } else { (one, other) };
        if let (Ok(first), Ok(second)) = (normalize(kind, &one), normalize(kind, &other)) {
            let claimed = claim(kind, &other).unwrap();
            let is_one = key(&first.normalized) == key(&second.normalized);
            prop_assert_eq!(claimed.spellings.contains(&first.normalized), is_one, "{:?} {:?}", first, claimed);
            prop_assert_eq!(claimed.key == claim(kind, &one).unwrap().key, is_one);
            let found = lookup(&other).unwrap();
            let finds = [&found.exact, &found.normalized].into_iter().chain(&found.others);
            prop_assert_eq!(finds.into_iter().any(|spelling| *spelling == first.normalized), is_one);
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
