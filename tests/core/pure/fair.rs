//! The order of the hash queue, against what it promises.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use proptest::prelude::*;
use sentri_core::password::Requester;
use sentri_core::password::fair::{FairQueue, Push};

fn client(address: &str) -> Requester {
    Requester::Client(address.parse().unwrap())
}

/// The widest network of a requester.
fn network(requester: Requester) -> String {
    match requester {
        Requester::Client(IpAddr::V4(address)) => format!("{:?}", &address.octets()[..3]),
        Requester::Client(IpAddr::V6(address)) => format!("{:?}", &address.octets()[..6]),
        other => format!("{other:?}"),
    }
}

fn queued<T>(push: Push<T>) -> bool {
    matches!(push, Push::Queued(_) | Push::Displaced(..))
}

#[test]
fn one_network_may_use_every_place_while_nobody_else_wants_them() {
    let mut queue = FairQueue::new(64);
    for n in 0..64 {
        assert!(matches!(queue.push(client("192.0.2.1"), n), Push::Queued(_)));
    }
    assert_eq!(queue.push(client("192.0.2.1"), 64), Push::Refused(64));
    assert_eq!(queue.push(client("192.0.2.200"), 65), Push::Displaced(64, 63), "another address of the same /24");
    assert_eq!((0..64).map(|_| queue.pop().unwrap()).take(3).collect::<Vec<_>>(), [0, 65, 1]);
}

#[test]
fn every_level_shares_and_takes_turns() {
    let wide = [("2001:db8:0:100::1", "2001:db8:0:200::1"), ("2001:db8:0:100::1", "2001:db8:0:101::1")];
    let near = [("2001:db8:1::1", "2001:db8:2::1"), ("2001:db8::1", "2001:db8::2"), ("192.0.2.1", "192.0.2.2")];
    for (crowd, victim) in wide.into_iter().chain(near).chain([("192.0.2.1", "198.51.100.1")]) {
        let mut queue = FairQueue::new(8);
        for _ in 0..20 {
            queue.push(client(crowd), "crowd");
        }
        assert!(queued(queue.push(client(victim), "victim")), "{crowd} {victim}");
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order[..2], ["crowd", "victim"], "{crowd} {victim}");
        assert_eq!(order.len(), 8);
    }
}

/// The 256 /64 of one /56 are one network to everybody outside.
#[test]
fn a_prefix_gains_nothing_from_its_many_networks() {
    let mut queue = FairQueue::new(64);
    for subnet in 0..256 {
        queue.push(client(&format!("2001:db8:0:{subnet:x}::1")), "crowd");
    }
    for requester in [client("2001:db8:ffff::1"), client("192.0.2.1"), Requester::Host, Requester::Unknown] {
        assert!(matches!(queue.push(requester, "other"), Push::Displaced(..)));
    }
    let order: Vec<_> = std::iter::from_fn(|| queue.pop()).take(5).collect();
    assert_eq!(order, ["crowd", "other", "other", "other", "other"]);
}

#[test]
fn whoever_leaves_is_not_served() {
    let mut queue = FairQueue::new(8);
    let Push::Queued(first) = queue.push(Requester::Host, 1) else { panic!() };
    queue.push(Requester::Unknown, 2);
    assert_eq!(queue.remove(first), Some(1));
    assert_eq!(queue.remove(first), None);
    assert_eq!((queue.pop(), queue.pop()), (Some(2), None));
}

#[derive(Debug, Clone)]
enum Step {
    Push(Requester),
    Pop,
    Leave(usize),
}

fn requesters() -> impl Strategy<Value = Requester> {
    let v6 = (0u16..3, 0u16..3, 0u16..3).prop_map(|(a, b, c)| client(&format!("2001:db8:{a}:{b}{c:02x}::{c}")));
    let v4 = (0u8..3, 0u8..4).prop_map(|(a, b)| client(&format!("192.0.{a}.{b}")));
    prop_oneof![4 => v6, 3 => v4, 1 => Just(Requester::Host), 1 => Just(Requester::Unknown)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => requesters().prop_map(Step::Push),
        3 => Just(Step::Pop),
        1 => (0usize..12).prop_map(Step::Leave)
    ];
    proptest::collection::vec(step, 0..200)
}

/// The sizes of the widest networks that wait. An entry is its number, its number in the queue, and its requester.
fn sizes(waiting: &[(usize, u64, Requester)]) -> HashMap<String, usize> {
    waiting.iter().fold(HashMap::new(), |mut sizes, (_, _, requester)| {
        *sizes.entry(network(*requester)).or_default() += 1;
        sizes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_sequence_breaks_a_promise(steps in steps(), most in 0usize..12) {
        let mut queue = FairQueue::new(most);
        let mut waiting: Vec<(usize, u64, Requester)> = Vec::new();
        for (name, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push(requester) => {
                    let sizes = sizes(&waiting);
                    let own = sizes.get(&network(requester)).copied().unwrap_or_default();
                    let largest = sizes.values().copied().max().unwrap_or_default();
                    let full = waiting.len() == most;
                    match queue.push(requester, name) {
                        Push::Queued(id) => {
                            prop_assert!(!full);
                            waiting.push((name, id, requester));
                        }
                        Push::Displaced(id, gone) => {
                            prop_assert!(full, "no place is taken away while another is free");
                            let at = waiting.iter().position(|entry| entry.0 == gone).unwrap();
                            let loser = network(waiting.remove(at).2);
                            if loser == network(requester) {
                                prop_assert!(own + 1 >= largest, "the largest network gives way");
                            } else {
                                prop_assert_eq!(sizes[&loser], largest, "the largest network gives way");
                                prop_assert!(largest > own + 1, "never to one that would be as large");
                            }
                            waiting.push((name, id, requester));
                        }
                        Push::Refused(item) => {
                            prop_assert_eq!(item, name);
                            prop_assert!(full, "nobody is refused while a place is free");
                            prop_assert!(own + 1 >= largest, "a smaller network is let in");
                        }
                    }
                }
                Step::Pop => match queue.pop() {
                    None => prop_assert!(waiting.is_empty(), "whoever waits is served"),
                    Some(served) => {
                        let at = waiting.iter().position(|entry| entry.0 == served).unwrap();
                        let (_, _, requester) = waiting.remove(at);
                        let later = waiting[..at].iter().any(|entry| entry.2 == requester);
                        prop_assert!(!later, "one requester is served in the order in which it came");
                    }
                },
                Step::Leave(at) => {
                    if at < waiting.len() {
                        let (name, id, _) = waiting.remove(at);
                        prop_assert_eq!(queue.remove(id), Some(name));
                    }
                }
            }
            prop_assert_eq!(queue.len(), waiting.len());
            prop_assert!(queue.len() <= most);
        }
    }

    /// A client alone in its network is served after at most one entry of every network that waits.
    #[test]
    fn a_client_alone_waits_for_one_turn_of_the_others(
        crowd in proptest::collection::vec(requesters(), 0..100),
        served in 0usize..10
    ) {
        let mut queue = FairQueue::new(64);
        for requester in &crowd {
            queue.push(*requester, false);
        }
        for _ in 0..served {
            queue.pop();
        }
        let networks: HashSet<_> = crowd.iter().map(|requester| network(*requester)).collect();
        prop_assert!(queued(queue.push(client("203.0.113.7"), true)));
        let mut turns = 0;
        while !queue.pop().unwrap() {
            turns += 1;
            // Others that keep coming change nothing.
            queue.push(crowd[turns % crowd.len()], false);
        }
        prop_assert!(turns <= networks.len(), "{turns} turns, {} networks", networks.len());
    }
}
