//! One verdict on two identifiers, whatever database gives it.

use std::sync::Arc;

use sentri_core::crypto::{make_id, make_random};
use sentri_core::identifier::normalize;
use sentri_core::store::Store;
use sentri_core::store::model::{ChangeLimits, Identifier, IdentifierChange, NewUser};

use crate::conformance::T;
use crate::fixture;

const PAIRS: usize = 10_000;
/// Pairs registered by one call: a user has them all, so one row a user would be most of the work.
const AT_ONCE: usize = 50;

/// What collations like to take for the same: case, accents, width, spaces, ligatures, signs of no width.
const ALPHABET: [&str; 32] = [
    "a", "A", "á", "a\u{301}", "ａ", "Å", "\u{212B}", "ß", "ss", "ſ", "İ", "i", "ı", "I", " ", "\u{a0}", "\u{3000}",
    "_", "-", ".", "0", "٠", "²", "ﬁ", "fi", "Σ", "ς", "σ", "\u{200d}", "\u{feff}", "🦀", "e",
];

fn word(random: &mut impl Iterator<Item = u8>) -> String {
    let length = 1 + random.next().unwrap() % 4;
    (0..length).map(|_| ALPHABET[usize::from(random.next().unwrap()) % ALPHABET.len()]).collect()
}

/// Two values that resemble one another: one letter is another.
fn pair(random: &mut impl Iterator<Item = u8>) -> (String, String) {
    let (start, end) = (word(random), word(random));
    let mut middle = || ALPHABET[usize::from(random.next().unwrap()) % ALPHABET.len()];
    (format!("{start}{}{end}", middle()), format!("{start}{}{end}", middle()))
}

fn identifier(kind: &str, normalized: String) -> Identifier {
    Identifier { id: make_id(), kind: kind.into(), value: normalized.clone(), normalized, verified_at: None }
}

async fn someone(store: &Arc<dyn Store>) -> String {
    let id = make_id();
    let identifiers = vec![identifier("username", id.clone())];
    let claims = vec![];
    let user =
        NewUser { id: id.clone(), password_hash: None, roles: vec![], identifiers, claims, displaces: false, now: T };
    assert!(store.create_user(&user).await.unwrap());
    id
}

/// Whether each second value is free beside its first just when the two differ.
async fn tells_apart_what_differs(store: &Arc<dyn Store>, pairs: &[(String, String)]) {
    for (chunk, first) in pairs.chunks(AT_ONCE).zip((0..).step_by(AT_ONCE)) {
        // A number before each pair keeps it from the others.
        let numbered = || (first..).zip(chunk);
        let named = |index: usize, value: &str| identifier("x", format!("{index}:{value}"));
        let owner = someone(store).await;
        let firsts: Vec<_> = numbered().map(|(index, (a, _))| named(index, a)).collect();
        assert_eq!(
            store.add_identifiers(&owner, &firsts, &ChangeLimits::default(), T).await.unwrap(),
            IdentifierChange::Done
        );
        for (index, (a, b)) in numbered().filter(|(_, (a, b))| a == b) {
            let added = store.add_identifiers(&owner, &[named(index, b)], &ChangeLimits::default(), T).await.unwrap();
            assert_eq!(added, IdentifierChange::Taken, "{a:?} twice");
        }
        let others: Vec<_> = numbered().filter(|(_, (a, b))| a != b).map(|(index, (_, b))| named(index, b)).collect();
        if store.add_identifiers(&owner, &others, &ChangeLimits::default(), T).await.unwrap() == IdentifierChange::Done
        {
            continue;
        }
        for (index, pair) in numbered().filter(|(_, (a, b))| a != b) {
            let added =
                store.add_identifiers(&owner, &[named(index, &pair.1)], &ChangeLimits::default(), T).await.unwrap();
            assert_eq!(added, IdentifierChange::Done, "{pair:?}");
        }
    }
}

/// The normal forms are compared byte by byte: 10,000 pairs of like values get one verdict on all databases, and it is
/// that of the normal forms themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uniqueness_is_the_same_on_every_database() {
    let mut random = std::iter::repeat_with(make_random::<1>).map(|[byte]| byte);
    let normal = |value: &str| normalize("username", value).ok().map(|found| found.normalized);
    let mut pairs = Vec::new();
    while pairs.len() < PAIRS {
        let (a, b) = pair(&mut random);
        if let (Some(a), Some(b)) = (normal(&a), normal(&b)) {
            pairs.push((a, b));
        }
    }
    let same = pairs.iter().filter(|(a, b)| a == b).count();
    assert!((PAIRS / 50..PAIRS * 9 / 10).contains(&same), "{same} of the pairs are the same one");
    let (sqlite, postgres, mysql) = tokio::join!(fixture::sqlite_memory(), fixture::postgres(), fixture::mysql());
    tokio::join!(
        tells_apart_what_differs(&sqlite.store, &pairs),
        tells_apart_what_differs(&postgres.store, &pairs),
        tells_apart_what_differs(&mysql.store, &pairs)
    );
}

/// The same of values as they come, without a normal form: spaces at the end, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn values_compare_byte_by_byte_on_every_database() {
    let pairs: Vec<(String, String)> = ["a", "a ", "a  ", "A", "á", "a\u{301}", "a\u{1}", "a\t", "ａ", "ß", "ss", ""]
        .iter()
        .flat_map(|a| ["a", "a ", "A", "á", "a\u{301}", "a\u{1}", "ss"].map(|b| ((*a).to_owned(), b.to_owned())))
        .collect();
    for fixture in [fixture::sqlite_memory().await, fixture::postgres().await, fixture::mysql().await] {
        tells_apart_what_differs(&fixture.store, &pairs).await;
    }
}
