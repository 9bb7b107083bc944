//! D2: who makes room in a memory of answers that is full.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use sentri_core::clock::TestClock;
use sentri_core::idempotency::{Begin, Credentials, Key, MemoryIdempotency, StoredResponse, derive_key};

const TTL: Duration = Duration::from_secs(300);

fn at(address: &str) -> Credentials<'_> {
    Credentials { address: Some(address), ..Credentials::default() }
}

fn session<'a>(identity: &'a str, address: &'a str) -> Credentials<'a> {
    Credentials { identity: Some(identity), ..at(address) }
}

fn key(of: &Credentials<'_>, value: &str) -> Key {
    derive_key("POST", "a.example", "/orders", of.caller(), value)
}

fn begin(memory: &MemoryIdempotency, of: &Credentials<'_>, value: &str) -> Begin {
    memory.begin(key(of, value), [0; 32], of, TTL)
}

/// Runs a request and keeps its answer; whether it ran.
fn keep(memory: &MemoryIdempotency, of: &Credentials<'_>, value: &str, bytes: usize) -> bool {
    let Begin::Execute(ticket) = begin(memory, of, value) else { return false };
    let response = StoredResponse { status: 201, body: vec![b'x'; bytes], ..StoredResponse::default() };
    memory.complete(&key(of, value), ticket, response);
    true
}

fn has(memory: &MemoryIdempotency, of: &Credentials<'_>, value: &str) -> bool {
    let found = begin(memory, of, value);
    if let Begin::Execute(ticket) = found {
        memory.abandon(&key(of, value), ticket);
    }
    matches!(found, Begin::Replay(_))
}

fn memory(entries: usize) -> (Arc<TestClock>, MemoryIdempotency) {
    let clock = Arc::new(TestClock::at(0));
    (Arc::clone(&clock), MemoryIdempotency::new(clock, entries))
}

#[test]
fn a_flood_of_keys_displaces_its_own_answers_alone() {
    let (clock, memory) = memory(10_000);
    let (shop, order) = (session("s1", "203.0.113.7"), at("203.0.113.8"));
    assert!(keep(&memory, &shop, "order", 100) && keep(&memory, &order, "order", 100));
    for number in 0..10_200 {
        clock.advance(1);
        assert!(keep(&memory, &at("198.51.100.1"), &number.to_string(), 10), "{number}");
    }
    assert_eq!(memory.size().0, 10_000);
    assert!(has(&memory, &shop, "order") && has(&memory, &order, "order"), "answers of others stay");
    assert!(!has(&memory, &at("198.51.100.1"), "0") && has(&memory, &at("198.51.100.1"), "10199"), "its oldest went");
}

#[test]
fn verified_callers_go_last() {
    let (clock, memory) = memory(64);
    for number in 0..60 {
        assert!(keep(&memory, &session(&format!("s{number}"), "203.0.113.7"), "order", 10));
    }
    for number in 0..200 {
        clock.advance(1);
        // Each from a network of its own, so that nobody is larger than the others.
        assert!(keep(&memory, &at(&format!("198.51.{number}.1")), "k", 10), "{number}");
    }
    for number in 0..60 {
        assert!(has(&memory, &session(&format!("s{number}"), "203.0.113.7"), "order"), "{number}");
    }
    // Among themselves the one who has most makes room.
    for number in 0..40 {
        assert!(keep(&memory, &session("greedy", "192.0.2.1"), &number.to_string(), 10), "{number}");
    }
    for number in 0..60 {
        assert!(has(&memory, &session(&format!("s{number}"), "203.0.113.7"), "order"), "{number}");
    }
}

#[test]
fn verified_callers_can_t_shut_out_the_others() {
    let (_, memory) = memory(64);
    for number in 0..64 {
        assert!(keep(&memory, &session("greedy", "192.0.2.1"), &number.to_string(), 10));
    }
    // A sixteenth of the places is for whoever comes; more is not taken from verified callers.
    let mut tickets = Vec::new();
    for number in 0..4 {
        let who = format!("198.51.100.{number}");
        let Begin::Execute(ticket) = begin(&memory, &at(&who), "k") else { panic!("{number} gets a place") };
        tickets.push((who, ticket));
    }
    assert!(matches!(begin(&memory, &at("198.51.100.9"), "k"), Begin::InProgress { .. }));
    let stays = |number: u8| has(&memory, &session("greedy", "192.0.2.1"), &number.to_string());
    assert!((4..64).all(stays), "its four oldest made room");
    let (who, ticket) = tickets.pop().unwrap();
    memory.complete(&key(&at(&who), "k"), ticket, StoredResponse { status: 201, ..StoredResponse::default() });
    assert!(keep(&memory, &at("198.51.100.9"), "k", 10), "the answers of unverified callers make room for each other");
}

#[test]
fn bytes_are_shared_as_places_are() {
    let clock = Arc::new(TestClock::at(0));
    let memory = MemoryIdempotency::with_max_bytes(clock, 10_000, 160_000);
    let (shop, order) = (session("s1", "203.0.113.7"), at("203.0.113.8"));
    assert!(keep(&memory, &shop, "order", 20_000) && keep(&memory, &order, "order", 20_000));
    for number in 0..100 {
        assert!(keep(&memory, &at("198.51.100.1"), &number.to_string(), 30_000));
        assert!(memory.size().1 <= 161_000);
    }
    assert!(has(&memory, &shop, "order") && has(&memory, &order, "order"));
    assert!(has(&memory, &at("198.51.100.1"), "99"));
    // Full of answers to verified callers: an unverified one keeps a sixteenth of the bytes at most.
    for number in 0..16 {
        assert!(keep(&memory, &session(&format!("t{number}"), "192.0.2.1"), "k", 9_500));
    }
    assert!(keep(&memory, &order, "large", 12_000) && !has(&memory, &order, "large"), "it ran and is not kept");
    assert!(keep(&memory, &order, "small", 5_000) && has(&memory, &order, "small"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_sequence_passes_the_bounds(steps in prop::collection::vec((0..6_u8, any::<bool>(), 0..8_u8, 0..9_000_usize, 0..3_i64), 1..200)) {
        let clock = Arc::new(TestClock::at(0));
        let memory = MemoryIdempotency::with_max_bytes(Arc::<TestClock>::clone(&clock), 20, 50_000);
        for (who, is_verified, value, bytes, wait) in steps {
            let (identity, address) = (format!("s{who}"), format!("203.0.113.{who}"));
            let of = if is_verified { session(&identity, &address) } else { at(&address) };
            keep(&memory, &of, &value.to_string(), bytes);
            let (entries, held) = memory.size();
            prop_assert!(entries <= 20 && held <= 50_000 + 20 * 256, "{entries} entries, {held} bytes");
            clock.advance(wait * 50_000);
        }
        clock.advance(400_000);
        prop_assert!(keep(&memory, &at("192.0.2.1"), "last", 10));
        prop_assert_eq!(memory.size().0, 1, "what has expired is gone");
    }
}
