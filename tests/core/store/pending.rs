//! The cases of the suite for every store that are about writes which wait for the proof of an address.

use std::sync::Arc;

use sentri_core::crypto::{Secret, make_id};
use sentri_core::identifier::{Claim, claim};
use sentri_core::store::model::{
    ChangeLimits, ConfirmedChange, ConfirmedRegistration, Flow, Identifier, IdentifierChange, IdentifierUpdate,
    NewUser, Spending, Spent,
};
use sentri_core::store::{ADOPTED_MARKER, rivals_of};

use crate::conformance::{AnyStore, HASH, HOUR, OTHER, T, new_user, race, registered};
use crate::flows::{flow_of, spending, verified, with_addresses};

const PAYLOAD: &str = r#"{"value":"B@x","text":"a|b \\n"}"#;

fn email(user: &NewUser) -> &Identifier {
    &user.identifiers[1]
}

fn flow_for_change(user: &NewUser) -> Flow {
    Flow {
        purpose: "change".into(),
        identifier_id: email(user).id.clone(),
        payload: Secret::new(PAYLOAD.into()),
        ..flow_of(Some(user))
    }
}

fn flow_for_registration(subject: &str) -> Flow {
    let payload = Secret::new(PAYLOAD.into());
    Flow { purpose: "verify".into(), subject: subject.into(), payload, ..flow_of(None) }
}

fn to(user: &NewUser, value: &str) -> IdentifierUpdate {
    IdentifierUpdate {
        id: email(user).id.clone(),
        kind: "email".into(),
        value: value.into(),
        normalized: value.to_lowercase(),
    }
}

fn change<'a>(flow: &'a Flow, user: &'a NewUser, to: &'a IdentifierUpdate) -> ConfirmedChange<'a> {
    ConfirmedChange { flow, by_code: false, from: email(user), to, claims: &[], displaces: false }
}

fn registration<'a>(flow: &'a Flow, user: &'a NewUser) -> ConfirmedRegistration<'a> {
    ConfirmedRegistration { flow, by_code: false, user, proved: email(user) }
}

fn by_code<'a>(flow: &'a Flow, user: &'a NewUser) -> ConfirmedRegistration<'a> {
    ConfirmedRegistration { by_code: true, ..registration(flow, user) }
}

async fn put(store: &AnyStore, flow: Flow) -> Flow {
    assert!(store.put_flow(&flow, 100).await.unwrap());
    flow
}

/// A username, and an address that the store does not have yet.
fn newcomer(name: &str, address: &str) -> NewUser {
    let mut user = new_user(&[name]);
    let mut identifier = new_user(&[address]).identifiers.remove(0);
    identifier.kind = "email".into();
    user.identifiers.push(identifier);
    user
}

async fn values(store: &AnyStore, user_id: &str) -> Vec<String> {
    let found = store.find_user(user_id).await.unwrap();
    found.map_or_else(Vec::new, |found| found.identifiers.into_iter().map(|one| one.normalized).collect())
}

async fn prove(store: &AnyStore, user: &NewUser, index: usize) {
    let flow = Flow { identifier_id: user.identifiers[index].id.clone(), ..flow_of(Some(user)) };
    let flow = put(store, flow).await;
    assert!(store.spend_flow(&spending(&flow, user), T).await.unwrap());
}

pub async fn a_proved_change_moves_an_identifier_once(store: AnyStore) {
    let user = with_addresses(&store, &["a@x"]).await;
    let flow = put(&store, flow_for_change(&user)).await;
    let reset = put(&store, Flow { identifier_id: email(&user).id.clone(), ..flow_of(Some(&user)) }).await;
    assert_eq!(store.find_flow(&flow.token_digest, T).await.unwrap(), Some(flow.clone()), "with its payload");
    let results = race(10, |_| {
        let (store, flow, user) = (Arc::clone(&store), flow.clone(), user.clone());
        async move { store.spend_change(&change(&flow, &user, &to(&user, "B@x")), T + 1).await.unwrap() }
    })
    .await;
    assert_eq!(results.iter().filter(|spent| **spent == Spent::Done).count(), 1, "{results:?}");
    assert!(!results.contains(&Spent::Taken), "{results:?}");
    assert_eq!(values(&store, &user.id).await, ["anna", "b@x"]);
    assert_eq!(verified(&store, &user).await[1].1, Some(T + 1));
    assert_eq!(store.find_credential("b@x", "B@x", &[]).await.unwrap().unwrap().user_id, user.id);
    assert!(store.find_credential("a@x", "a@x", &[]).await.unwrap().is_none());
    // What was sent to the old address is worth nothing.
    assert!(store.find_flow(&reset.token_digest, T).await.unwrap().is_none());
    let by_reset = Spending { new_hash: Some(OTHER), takes_over: true, ..spending(&reset, &user) };
    assert!(!store.spend_flow(&by_reset, T).await.unwrap());
    registered(&store, &["a@x"]).await;
}

pub async fn a_change_ends_with_what_it_was_made_for(store: AnyStore) {
    let user = with_addresses(&store, &["a@x", "c@x"]).await;
    let b = to(&user, "b@x");
    let limits = ChangeLimits::default();
    let flow = put(&store, flow_for_change(&user)).await;
    for wrong in [
        ConfirmedChange { from: &user.identifiers[2], ..change(&flow, &user, &b) },
        ConfirmedChange { to: &IdentifierUpdate { id: make_id(), ..b.clone() }, ..change(&flow, &user, &b) },
        ConfirmedChange {
            from: &Identifier { value: "A@x".into(), ..email(&user).clone() },
            ..change(&flow, &user, &b)
        },
        ConfirmedChange { flow: &flow_for_change(&user), ..change(&flow, &user, &b) },
        ConfirmedChange { flow: &Flow { user_id: None, ..flow.clone() }, ..change(&flow, &user, &b) },
    ] {
        assert_eq!(store.spend_change(&wrong, T).await.unwrap(), Spent::Gone, "{:?}", wrong.from);
    }
    assert_eq!(store.spend_change(&change(&flow, &user, &b), flow.expires_at).await.unwrap(), Spent::Gone, "expired");
    for index in 0..3 {
        let flow = put(&store, flow_for_change(&user)).await;
        match index {
            0 => assert!(store.change_password(&user.id, None, HASH, T).await.unwrap()),
            1 => {
                let ids = [user.identifiers[2].id.clone()];
                let deleted = store.delete_identifiers(&user.id, &ids, &limits, T).await.unwrap();
                assert_eq!(deleted, IdentifierChange::Done);
            }
            _ => assert!(store.delete_user(&user.id, T).await.unwrap()),
        }
        assert_eq!(store.spend_change(&change(&flow, &user, &b), T).await.unwrap(), Spent::Gone, "{index}");
    }
}

pub async fn a_proved_change_meets_a_taken_value(store: AnyStore) {
    let user = with_addresses(&store, &["a@x"]).await;
    let other = registered(&store, &["b@x"]).await;
    let flow = put(&store, flow_for_change(&user)).await;
    let b = to(&user, "b@x");
    let taken = |displaces| ConfirmedChange { displaces, by_code: true, ..change(&flow, &user, &b) };
    for displaces in [false, true] {
        assert_eq!(store.spend_change(&taken(displaces), T).await.unwrap(), Spent::Taken, "nobody else has a way in");
    }
    assert_eq!(values(&store, &user.id).await, ["anna", "a@x"]);
    assert_eq!(values(&store, &other.id).await, ["b@x"]);
    let own = to(&user, "anna");
    assert_eq!(store.spend_change(&change(&flow, &user, &own), T).await.unwrap(), Spent::Taken, "the user's own");
    let named = registered(&store, &["eve"]).await;
    let claims: Vec<Claim> = claim("staff", "EVE").into_iter().collect();
    let claimed = IdentifierUpdate { kind: "staff".into(), value: "EVE".into(), normalized: "EVE".into(), ..b.clone() };
    let claiming = ConfirmedChange { claims: &claims, ..change(&flow, &user, &claimed) };
    assert_eq!(store.spend_change(&claiming, T).await.unwrap(), Spent::Taken, "it would sign in as {}", named.id);
    let spelled = to(&user, "A@x");
    assert_eq!(store.spend_change(&change(&flow, &user, &spelled), T).await.unwrap(), Spent::Done, "the flow is good");
    let now = store.find_user(&user.id).await.unwrap().unwrap().identifiers.remove(1);
    assert_eq!((now.value.as_str(), now.verified_at), ("A@x", Some(T)));
}

pub async fn one_of_many_changes_gets_a_value(store: AnyStore) {
    let mut users = Vec::new();
    for index in 0..6 {
        let user = newcomer(&format!("user{index}"), &format!("{index}@x"));
        assert!(store.create_user(&user).await.unwrap());
        users.push((put(&store, flow_for_change(&user)).await, user));
    }
    let users = Arc::new(users);
    let results = race(6, |index| {
        let (store, users) = (Arc::clone(&store), Arc::clone(&users));
        async move {
            let (flow, user) = &users[index];
            store.spend_change(&change(flow, user, &to(user, "wanted@x")), T).await.unwrap()
        }
    })
    .await;
    assert_eq!(results.iter().filter(|spent| **spent == Spent::Done).count(), 1, "{results:?}");
    assert_eq!(results.iter().filter(|spent| **spent == Spent::Taken).count(), 5, "{results:?}");
}

pub async fn a_proved_registration_makes_one_user(store: AnyStore) {
    let (flow, beside) = (flow_for_registration("s"), flow_for_registration("s"));
    let foreign = put(&store, flow_for_registration("other")).await;
    let (flow, beside) = (put(&store, flow).await, put(&store, beside).await);
    assert!(store.find_credential("a@x", "a@x", &[]).await.unwrap().is_none(), "nothing is reserved");
    let late = newcomer("anna", "a@x");
    assert_eq!(store.spend_registration(&registration(&flow, &late), flow.expires_at).await.unwrap(), Spent::Gone);
    let results = race(10, |index| {
        // Of two messages that went to the same address.
        let flow = if index % 2 == 0 { flow.clone() } else { beside.clone() };
        let store = Arc::clone(&store);
        async move {
            let user = newcomer("anna", "a@x");
            (store.spend_registration(&registration(&flow, &user), T + 1).await.unwrap(), user)
        }
    })
    .await;
    let mut done = results.into_iter().filter(|(spent, _)| *spent == Spent::Done).map(|(_, user)| user);
    let (user, second) = (done.next().unwrap(), done.next());
    assert!(second.is_none());
    let proofs = vec![(user.identifiers[0].id.clone(), None), (email(&user).id.clone(), Some(T + 1))];
    assert_eq!(verified(&store, &user).await, proofs);
    assert_eq!(store.credential_of(&user.id).await.unwrap().unwrap().password_hash.unwrap().expose(), HASH);
    for ended in [&flow, &beside] {
        assert!(store.find_flow(&ended.token_digest, T).await.unwrap().is_none());
    }
    assert_eq!(store.find_flow(&foreign.token_digest, T).await.unwrap(), Some(foreign));
    let of_somebody = put(&store, flow_for_change(&user)).await;
    let ben = newcomer("ben", "b@x");
    assert_eq!(store.spend_registration(&registration(&of_somebody, &ben), T).await.unwrap(), Spent::Gone);
}

pub async fn a_registration_meets_a_taken_value(store: AnyStore) {
    with_addresses(&store, &["a@x"]).await;
    let flow = put(&store, flow_for_registration("s")).await;
    let flow = &flow;
    for (name, address) in [("anna", "b@x"), ("ben", "a@x")] {
        let user = newcomer(name, address);
        assert_eq!(store.spend_registration(&by_code(flow, &user), T).await.unwrap(), Spent::Taken, "{name}");
        assert!(store.find_user(&user.id).await.unwrap().is_none());
    }
    assert!(store.attempt_code(&flow.id, T - 24 * HOUR, T).await.unwrap().is_some(), "the flow is as good as before");
    let ben = newcomer("ben", "b@x");
    assert_eq!(store.spend_registration(&by_code(flow, &ben), T).await.unwrap(), Spent::Done);
}

/// Whoever gives themself an address of somebody else keeps its owner from nothing.
pub async fn an_address_that_nobody_verified_gives_way(store: AnyStore) {
    let squatter = with_addresses(&store, &["own@x", "victim@x", "other@x"]).await;
    let victim = newcomer("victim", "victim@x");
    let displacing = |user: &NewUser| NewUser { displaces: true, ..user.clone() };
    let owner = displacing(&victim);
    let flow = put(&store, flow_for_registration("s")).await;
    let by_owner = registration(&flow, &owner);
    assert_eq!(store.spend_registration(&by_owner, T).await.unwrap(), Spent::Taken, "nothing there is verified");
    prove(&store, &squatter, 1).await;
    assert_eq!(store.spend_registration(&registration(&flow, &victim), T).await.unwrap(), Spent::Taken);
    let mut named = owner.clone();
    named.identifiers[0] = squatter.identifiers[0].clone();
    named.identifiers[0].id = make_id();
    let both = registration(&flow, &named);
    assert_eq!(store.spend_registration(&both, T).await.unwrap(), Spent::Taken, "of names, nobody proves any");
    assert_eq!(values(&store, &squatter.id).await, ["anna", "own@x", "victim@x", "other@x"], "taken back");
    assert_eq!(store.spend_registration(&by_owner, T).await.unwrap(), Spent::Done);
    assert_eq!(values(&store, &squatter.id).await, ["anna", "own@x", "other@x"]);
    let flow = put(&store, flow_for_change(&victim)).await;
    let other = to(&victim, "other@x");
    let changed = ConfirmedChange { displaces: true, ..change(&flow, &victim, &other) };
    assert_eq!(store.spend_change(&changed, T).await.unwrap(), Spent::Done);
    assert_eq!(values(&store, &squatter.id).await, ["anna", "own@x"]);
    let flow = put(&store, flow_for_registration("own")).await;
    let second = displacing(&newcomer("second", "own@x"));
    let verified = registration(&flow, &second);
    assert_eq!(store.spend_registration(&verified, T).await.unwrap(), Spent::Taken, "what is verified stays");
}

/// It keeps its owner from no write of an admin or of code, either.
pub async fn whoever_is_trusted_takes_an_address_that_nobody_verified(store: AnyStore) {
    let squatter = with_addresses(&store, &["own@x", "a@x", "b@x", "c@x", "d@x"]).await;
    let displacing = |name: &str, address: &str| NewUser { displaces: true, ..newcomer(name, address) };
    let left = async || values(&store, &squatter.id).await;
    let owner = displacing("owner", "a@x");
    assert!(!store.create_user(&owner).await.unwrap(), "nothing there is verified");
    prove(&store, &squatter, 1).await;
    assert!(!store.create_user(&NewUser { displaces: false, ..owner.clone() }).await.unwrap());
    assert!(!store.create_user(&displacing("anna", "a@x")).await.unwrap(), "a name is a name");
    assert!(!store.create_user(&displacing("own", "own@x")).await.unwrap(), "what is verified stays");
    assert_eq!(left().await, ["anna", "own@x", "a@x", "b@x", "c@x", "d@x"], "taken back");
    assert!(store.create_user(&owner).await.unwrap());
    let invited = displacing("invited", "b@x");
    let flow = Flow { purpose: "invite".into(), identifier_id: email(&invited).id.clone(), ..flow_of(Some(&invited)) };
    assert!(store.invite_user(&invited, &flow).await.unwrap());
    assert_eq!(left().await, ["anna", "own@x", "c@x", "d@x"]);
    let limits = |displaces| ChangeLimits { displaces, ..ChangeLimits::default() };
    let added = newcomer("", "c@x").identifiers.split_off(1);
    for (limits, expected) in [(limits(false), IdentifierChange::Taken), (limits(true), IdentifierChange::Done)] {
        assert_eq!(store.add_identifiers(&owner.id, &added, &limits, T).await.unwrap(), expected);
    }
    let moved = |address: &str| [to(&owner, address)];
    for (address, expected) in [("own@x", IdentifierChange::Taken), ("d@x", IdentifierChange::Done)] {
        let changed = store.update_identifiers(&owner.id, &moved(address), &[], &limits(true), T).await.unwrap();
        assert_eq!(changed, expected, "{address}");
    }
    assert_eq!(left().await, ["anna", "own@x"]);
    assert_eq!(values(&store, &owner.id).await, ["owner", "d@x", "c@x"]);
}

/// Of two spellings of an address that sentri 5 kept apart, the younger is stored by itself: it gives way no less.
pub async fn an_adopted_address_gives_way_too(store: AnyStore) {
    let claims: Vec<Claim> = claim("email", "Wanted@x.example").into_iter().collect();
    let rivals = rivals_of("email", "Wanted@x.example", "wanted@x.example");
    for (index, spelling) in ["Wanted@x.example", "wanted@x.example"].into_iter().cycle().take(8).enumerate() {
        let mut squatter = newcomer(&format!("squatter{index}"), &format!("own{index}@x"));
        let mut adopted = newcomer("", spelling).identifiers.remove(1);
        adopted.normalized = format!("{ADOPTED_MARKER}{spelling}");
        squatter.identifiers.push(adopted);
        assert!(store.create_user(&squatter).await.unwrap());
        assert_eq!(store.holders_of(&rivals).await.unwrap(), [squatter.id.as_str()]);
        let mut owner = newcomer(&format!("owner{index}"), &format!("{index}@x"));
        owner.identifiers[1].value = "Wanted@x.example".into();
        owner.identifiers[1].normalized = "wanted@x.example".into();
        (owner.claims, owner.displaces) = (claims.clone(), true);
        assert!(!store.create_user(&owner).await.unwrap(), "nothing there is verified");
        prove(&store, &squatter, 1).await;
        assert!(!store.create_user(&NewUser { displaces: false, ..owner.clone() }).await.unwrap());
        let other = newcomer(&format!("owner{index}"), &format!("{index}@x"));
        let wanted = IdentifierUpdate { normalized: "wanted@x.example".into(), ..to(&other, "Wanted@x.example") };
        match index / 2 {
            0 => assert!(store.create_user(&owner).await.unwrap(), "{spelling}"),
            1 => {
                let flow = put(&store, flow_for_registration(&format!("s{index}"))).await;
                let spent = store.spend_registration(&registration(&flow, &owner), T).await.unwrap();
                assert_eq!(spent, Spent::Done, "{spelling}");
            }
            2 => {
                assert!(store.create_user(&other).await.unwrap());
                let flow = put(&store, flow_for_change(&other)).await;
                let changed = ConfirmedChange { displaces: true, claims: &claims, ..change(&flow, &other, &wanted) };
                assert_eq!(store.spend_change(&changed, T).await.unwrap(), Spent::Done, "{spelling}");
            }
            _ => {
                assert!(store.create_user(&other).await.unwrap());
                let limits = ChangeLimits { displaces: true, claims: claims.clone(), ..ChangeLimits::default() };
                let changed = store.update_identifiers(&other.id, &[wanted], &[], &limits, T).await.unwrap();
                assert_eq!(changed, IdentifierChange::Done, "{spelling}");
            }
        }
        let own = [format!("own{index}@x"), format!("squatter{index}")];
        let mut left = values(&store, &squatter.id).await;
        left.sort_unstable();
        assert_eq!(left, own);
        let winner = store.holders_of(&rivals).await.unwrap().remove(0);
        assert_eq!(values(&store, &winner).await.len(), 2);
        assert!(store.delete_user(&winner, T).await.unwrap());
    }
}

pub async fn an_invited_user_has_a_flow_and_no_password(store: AnyStore) {
    let mut user = NewUser { password_hash: None, ..newcomer("anna", "a@x") };
    user.identifiers.push(newcomer("second", "second@x").identifiers.remove(1));
    let invitation = |user: &NewUser| Flow {
        purpose: "invite".into(),
        identifier_id: email(user).id.clone(),
        code: None,
        ..flow_of(Some(user))
    };
    let flow = invitation(&user);
    assert!(store.invite_user(&user, &flow).await.unwrap());
    assert_eq!(store.find_flow(&flow.token_digest, T).await.unwrap(), Some(flow.clone()));
    assert!(store.credential_of(&user.id).await.unwrap().unwrap().password_hash.is_none());
    let again = NewUser { password_hash: None, ..newcomer("ben", "a@x") };
    let second = invitation(&again);
    assert!(!store.invite_user(&again, &second).await.unwrap());
    assert!(store.find_user(&again.id).await.unwrap().is_none());
    assert!(store.find_flow(&second.token_digest, T).await.unwrap().is_none());
    let spent = Spending { new_hash: Some(OTHER), takes_over: true, ..spending(&flow, &user) };
    assert!(store.spend_flow(&spent, T).await.unwrap());
    assert_eq!(store.credential_of(&user.id).await.unwrap().unwrap().password_hash.unwrap().expose(), OTHER);
    assert_eq!(values(&store, &user.id).await.len(), 3, "an admin chose them all");
}
