//! The cases of the suite for every store that are about flows.

use std::sync::Arc;

use sentri_core::crypto::{Secret, make_id};
use sentri_core::factor::FactorMethod;
use sentri_core::store::WRONG_CODES;
use sentri_core::store::model::{
    ChangeLimits, Expected, FactorAsker, FactorAttempt, FactorBudget, Flow, Identifier, IdentifierChange,
    IdentifierUpdate, NewUser, Spending, StoredCode, Unspent,
};

use crate::conformance::{AnyStore, HASH, HOUR, OTHER, T, logged_in, new_user, race, registered, session_of};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * HOUR;

pub fn flow_of(user: Option<&NewUser>) -> Flow {
    Flow {
        id: make_id(),
        purpose: "reset".into(),
        user_id: user.map(|user| user.id.clone()),
        subject: user.map_or_else(make_id, |user| user.id.clone()),
        token_digest: make_id(),
        code: Some(StoredCode { digest: make_id(), kid: "a".into(), expires_at: T + 10 * MINUTE }),
        attempts: 0,
        max_attempts: 5,
        identifier_id: user.map_or_else(String::new, |user| user.identifiers[0].id.clone()),
        address_digest: user.map_or_else(String::new, |_| make_id()),
        payload: Secret::new(String::new()),
        created_at: T,
        expires_at: T + 30 * MINUTE,
    }
}

pub fn spending<'a>(flow: &'a Flow, user: &'a NewUser) -> Spending<'a> {
    let proves = user.identifiers.iter().find(|one| one.id == flow.identifier_id);
    Spending { flow, by_code: false, proves, new_hash: None, takes_over: false }
}

async fn put(store: &AnyStore, user: Option<&NewUser>) -> Flow {
    let flow = flow_of(user);
    assert!(store.put_flow(&flow, 100).await.unwrap());
    flow
}

/// `username`, then addresses of the type `email`.
pub async fn with_addresses(store: &AnyStore, addresses: &[&str]) -> NewUser {
    let mut user = new_user(&["anna"]);
    for address in addresses {
        let mut identifier = new_user(&[address]).identifiers.remove(0);
        identifier.kind = "email".into();
        user.identifiers.push(identifier);
    }
    assert!(store.create_user(&user).await.unwrap());
    user
}

pub async fn verified(store: &AnyStore, user: &NewUser) -> Vec<(String, Option<i64>)> {
    let found = store.find_user(&user.id).await.unwrap().unwrap();
    found.identifiers.into_iter().map(|one| (one.id, one.verified_at)).collect()
}

pub async fn a_flow_comes_back_by_its_token(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    for flow in [put(&store, Some(&user)).await, Flow { code: None, ..flow_of(None) }] {
        let _there = store.put_flow(&flow, 100).await;
        assert_eq!(store.find_flow(&flow.token_digest, T + 30 * MINUTE - 1).await.unwrap(), Some(flow.clone()));
        for (digest, at) in [(flow.token_digest.as_str(), T + 30 * MINUTE), (&flow.id, T), ("", T)] {
            assert_eq!(store.find_flow(digest, at).await.unwrap(), None, "{digest} at {at}");
        }
        assert!(!store.spend_flow(&spending(&flow, &user), T + 30 * MINUTE).await.unwrap(), "expired");
    }
}

pub async fn only_so_many_flows_are_open(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let results = race(12, |_| {
        let (store, flow) = (Arc::clone(&store), flow_of(Some(&user)));
        async move { store.put_flow(&flow, 3).await.unwrap() }
    })
    .await;
    assert_eq!(results.iter().filter(|put| **put).count(), 3);
    assert!(store.put_flow(&Flow { purpose: "verify".into(), ..flow_of(Some(&user)) }, 3).await.unwrap());
    let later = Flow { created_at: T + 30 * MINUTE, expires_at: T + HOUR, ..flow_of(Some(&user)) };
    assert!(store.put_flow(&later, 3).await.unwrap(), "the others are expired");
    let nobody = flow_of(None);
    for (index, wanted) in [true, true, true, false].into_iter().enumerate() {
        let flow = Flow { id: make_id(), token_digest: make_id(), ..nobody.clone() };
        assert_eq!(store.put_flow(&flow, 3).await.unwrap(), wanted, "{index}");
    }
}

pub async fn one_of_many_spends_a_flow(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let other = registered(&store, &["ben"]).await;
    for new_hash in [None, Some(OTHER)] {
        let (flow, beside) = (put(&store, Some(&user)).await, put(&store, Some(&user)).await);
        let (foreign, session) = (put(&store, Some(&other)).await, logged_in(&store, &other.id).await);
        let results = race(30, |_| {
            let (store, flow, user) = (Arc::clone(&store), flow.clone(), user.clone());
            async move { store.spend_flow(&Spending { new_hash, ..spending(&flow, &user) }, T).await.unwrap() }
        })
        .await;
        assert_eq!(results.iter().filter(|spent| **spent).count(), 1, "{new_hash:?}");
        assert_eq!(store.find_flow(&flow.token_digest, T).await.unwrap(), None);
        assert_eq!(store.find_flow(&beside.token_digest, T).await.unwrap(), None, "success ends the others");
        assert!(!store.spend_flow(&spending(&beside, &user), T).await.unwrap());
        assert!(store.attempt_code(&flow.id, T - DAY, T).await.unwrap().is_none());
        assert!(store.find_flow(&foreign.token_digest, T).await.unwrap().is_some());
        assert_eq!(store.find_session(&session.id).await.unwrap().unwrap().session.revoked_at, None);
        assert_eq!(verified(&store, &user).await, [(user.identifiers[0].id.clone(), Some(T))]);
    }
    let hash = store.credential_of(&user.id).await.unwrap().unwrap().password_hash.unwrap();
    assert_eq!(hash.expose(), OTHER);
    assert!(!store.spend_flow(&spending(&flow_of(None), &user), T).await.unwrap(), "nobody's flow");
}

pub async fn attempts_at_a_code_are_counted_before_anybody_compares(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    for owner in [Some(&user), None] {
        let flow = put(&store, owner).await;
        assert!(store.attempt_code(&flow.id, T - DAY, T + 10 * MINUTE).await.unwrap().is_none(), "the code expired");
        let results = race(20, |_| {
            let (store, id) = (Arc::clone(&store), flow.id.clone());
            async move { store.attempt_code(&id, T - DAY, T).await.unwrap() }
        })
        .await;
        let counted: Vec<Flow> = results.into_iter().flatten().collect();
        assert_eq!(counted.len(), 5);
        assert!(counted.iter().all(|found| found.code == flow.code));
        assert!(store.find_flow(&flow.token_digest, T).await.unwrap().is_some(), "the token is as good as before");
    }
    let without = Flow { code: None, ..flow_of(Some(&user)) };
    assert!(store.put_flow(&without, 100).await.unwrap());
    for id in [without.id.as_str(), &make_id(), "", " "] {
        assert!(store.attempt_code(id, T - DAY, T).await.unwrap().is_none(), "{id}");
    }
}

pub async fn wrong_codes_of_a_user_count_over_all_flows(store: AnyStore) {
    let (user, other) = (registered(&store, &["anna"]).await, registered(&store, &["ben"]).await);
    let mut counted = 0;
    for _ in 0..6 {
        let flow = put(&store, Some(&user)).await;
        for _ in 0..5 {
            counted += u32::from(store.attempt_code(&flow.id, T - DAY, T).await.unwrap().is_some());
        }
    }
    assert_eq!(counted, WRONG_CODES);
    let later = put(&store, Some(&user)).await;
    assert!(store.attempt_code(&later.id, T - DAY, T).await.unwrap().is_none());
    assert!(store.attempt_code(&later.id, T, T).await.unwrap().is_some(), "what was before counts no more");
    assert!(store.spend_flow(&spending(&later, &user), T).await.unwrap(), "the token goes on");
    // A right code is no wrong one.
    for _ in 0..WRONG_CODES + 2 {
        let flow = put(&store, Some(&other)).await;
        assert!(store.attempt_code(&flow.id, T - DAY, T).await.unwrap().is_some());
        assert!(store.spend_flow(&Spending { by_code: true, ..spending(&flow, &other) }, T).await.unwrap());
    }
}

pub async fn wrong_codes_of_factors_are_none_of_messages(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let budget = FactorBudget { method: FactorMethod::Totp, since: [(100, T - HOUR), (100, T - DAY)], in_a_row: None };
    for _ in 0..=WRONG_CODES / 5 {
        let step = Flow { purpose: "mfa".into(), code: None, identifier_id: String::new(), ..flow_of(Some(&user)) };
        assert!(store.begin_mfa(&step, Expected::default()).await.unwrap());
        for is_counted in [true, true, true, true, true, false] {
            let attempt = store.attempt_factor(FactorAsker::Flow(&step.id), &budget, T).await.unwrap();
            assert_eq!(matches!(attempt, FactorAttempt::Counted { .. }), is_counted, "five of a flow");
        }
    }
    let flow = put(&store, Some(&user)).await;
    for is_counted in [true, true, true, true, true, false] {
        assert_eq!(store.attempt_code(&flow.id, T - DAY, T).await.unwrap().is_some(), is_counted, "five of a flow");
    }
}

pub async fn a_flow_ends_with_what_it_was_made_for(store: AnyStore) {
    let user = with_addresses(&store, &["a@x", "b@x"]).await;
    let change = |value: &str| IdentifierUpdate {
        id: user.identifiers[1].id.clone(),
        kind: "email".into(),
        value: value.into(),
        normalized: value.into(),
    };
    let limits = ChangeLimits::default();
    for index in 0..4 {
        let flow = put(&store, Some(&user)).await;
        match index {
            0 => assert!(store.change_password(&user.id, None, HASH, T).await.unwrap()),
            1 => {
                let changed = store.update_identifiers(&user.id, &[change("c@x")], &[], &limits, T).await.unwrap();
                assert_eq!(changed, IdentifierChange::Done);
            }
            2 => {
                let deleted = store
                    .delete_identifiers(&user.id, &[user.identifiers[2].id.clone()], &ChangeLimits::default(), T)
                    .await
                    .unwrap();
                assert_eq!(deleted, IdentifierChange::Done);
            }
            _ => assert!(store.delete_user(&user.id, T).await.unwrap()),
        }
        assert!(
            !store.spend_flow(&Spending { new_hash: Some(OTHER), ..spending(&flow, &user) }, T).await.unwrap(),
            "{index}"
        );
        assert!(store.find_flow(&flow.token_digest, T).await.unwrap().is_none(), "{index}: a hash for nothing");
        assert!(store.attempt_code(&flow.id, T - DAY, T).await.unwrap().is_none(), "{index}");
    }
    assert!(!store.put_flow(&flow_of(Some(&user)), 3).await.unwrap_or(false), "there is no such user");
}

pub async fn the_first_proof_takes_an_account_over(store: AnyStore) {
    let user = with_addresses(&store, &["a@x", "b@x", "c@x"]).await;
    let mut badge = new_user(&["b-17"]).identifiers;
    badge[0].kind = "badge".into();
    let added = store.add_identifiers(&user.id, &badge, &ChangeLimits::default(), T).await.unwrap();
    assert_eq!(added, IdentifierChange::Done);
    let session = logged_in(&store, &user.id).await;
    let of = |index: usize| Flow { identifier_id: user.identifiers[index].id.clone(), ..flow_of(Some(&user)) };
    let (first, second) = (of(1), of(2));
    assert!(store.put_flow(&first, 3).await.unwrap() && store.put_flow(&second, 3).await.unwrap());
    assert!(store.spend_flow(&Spending { takes_over: true, ..spending(&first, &user) }, T).await.unwrap());
    let left = vec![(user.identifiers[0].id.clone(), None), (user.identifiers[1].id.clone(), Some(T))];
    assert_eq!(verified(&store, &user).await, left);
    assert!(store.find_session(&session.id).await.unwrap().unwrap().session.revoked_at.is_some());
    assert!(!store.spend_flow(&spending(&second, &user), T).await.unwrap(), "its address is gone");
    registered(&store, &["b@x"]).await;
    registered(&store, &["b-17"]).await;
}

/// Asked for while nothing of the account was verified, and judged so once more, when a proof of another address came.
pub async fn eligibility_is_judged_when_a_flow_is_spent(store: AnyStore) {
    let user = with_addresses(&store, &["a@x", "b@x"]).await;
    let of = |index: usize, purpose: &str| Flow {
        identifier_id: user.identifiers[index].id.clone(),
        purpose: purpose.into(),
        ..flow_of(Some(&user))
    };
    let (reset, takeover, proof, late) = (of(1, "reset"), of(1, "verify"), of(2, "proof"), of(2, "late"));
    for flow in [&reset, &takeover, &proof, &late] {
        assert!(store.put_flow(flow, 3).await.unwrap());
    }
    assert!(store.spend_flow(&spending(&proof, &user), T).await.unwrap());
    let hash = || async { store.credential_of(&user.id).await.unwrap().unwrap().password_hash.unwrap() };
    let before = hash().await;
    for (flow, new_hash, takes_over) in
        [(&reset, Some(OTHER), true), (&reset, Some(OTHER), false), (&takeover, Some(OTHER), true)]
    {
        let stale = Spending { new_hash, takes_over, ..spending(flow, &user) };
        assert!(!store.spend_flow(&stale, T).await.unwrap(), "{} {takes_over}", flow.purpose);
    }
    assert_eq!(hash().await.expose(), before.expose());
    let now = vec![
        (user.identifiers[0].id.clone(), None),
        (user.identifiers[1].id.clone(), None),
        (user.identifiers[2].id.clone(), Some(T)),
    ];
    assert_eq!(verified(&store, &user).await, now);
    let by_its_owner = Spending { new_hash: Some(OTHER), ..spending(&late, &user) };
    assert!(store.spend_flow(&by_its_owner, T).await.unwrap());
}

pub async fn a_changed_identifier_is_not_verified(store: AnyStore) {
    let user = with_addresses(&store, &["a@x"]).await;
    let flow = Flow { identifier_id: user.identifiers[1].id.clone(), ..flow_of(Some(&user)) };
    assert!(store.put_flow(&flow, 3).await.unwrap());
    assert!(store.spend_flow(&spending(&flow, &user), T).await.unwrap());
    let address = &user.identifiers[1];
    let limits = ChangeLimits::default();
    for (value, wanted) in [(address.value.as_str(), Some(T)), ("A@x", None)] {
        let update = IdentifierUpdate {
            id: address.id.clone(),
            kind: "email".into(),
            value: value.into(),
            normalized: "a@x".into(),
        };
        store.update_identifiers(&user.id, &[update], &[], &limits, T).await.unwrap();
        assert_eq!(verified(&store, &user).await[1].1, wanted, "{value}");
    }
}

pub async fn a_message_proves_the_value_that_it_went_to(store: AnyStore) {
    let user = with_addresses(&store, &["a@x"]).await;
    let (address, limits) = (&user.identifiers[1], ChangeLimits::default());
    let changed = IdentifierUpdate {
        id: address.id.clone(),
        kind: "email".into(),
        value: "victim@x".into(),
        normalized: "victim@x".into(),
    };
    store.update_identifiers(&user.id, &[changed], &[], &limits, T).await.unwrap();
    // Asked for before the change and put after it: the change did not end it.
    let flow = Flow { identifier_id: address.id.clone(), ..flow_of(Some(&user)) };
    assert!(store.put_flow(&flow, 3).await.unwrap());
    let hash = || async { store.credential_of(&user.id).await.unwrap().unwrap().password_hash.unwrap() };
    let before = hash().await;
    let now = Identifier { value: "victim@x".into(), ..address.clone() };
    let of_another = &user.identifiers[0];
    let other_kind = Identifier { kind: "phone".into(), ..now.clone() };
    for proves in [Some(address), Some(of_another), Some(&other_kind), None] {
        for (new_hash, takes_over) in [(None, false), (Some(OTHER), false), (Some(OTHER), true)] {
            let stale = Spending { proves, new_hash, takes_over, ..spending(&flow, &user) };
            assert!(!store.spend_flow(&stale, T).await.unwrap(), "{proves:?}");
        }
    }
    assert!(verified(&store, &user).await.iter().all(|(_, verified_at)| verified_at.is_none()));
    assert_eq!(hash().await.expose(), before.expose());
    assert!(store.spend_flow(&Spending { proves: Some(&now), ..spending(&flow, &user) }, T).await.unwrap());
}

pub async fn old_flows_are_purged_in_portions(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let mut flows = Vec::new();
    for _ in 0..5 {
        flows.push(put(&store, Some(&user)).await);
    }
    assert_eq!(store.purge_flows(T + 30 * MINUTE, 10).await.unwrap(), 0, "to the very end");
    assert_eq!(store.purge_flows(T + 30 * MINUTE + 1, 3).await.unwrap(), 3);
    assert_eq!(store.purge_flows(T + 30 * MINUTE + 1, 3).await.unwrap(), 2);
    for flow in flows {
        assert_eq!(store.find_flow(&flow.token_digest, T).await.unwrap(), None);
    }
}

/// A user whose second identifier is verified or not, and the flow of a code that went there.
async fn sent_to(store: &AnyStore, is_verified: bool) -> (NewUser, Flow, i64) {
    let user = with_addresses(store, &["a@x", "b@x"]).await;
    let of = |purpose: &str| Flow {
        purpose: purpose.into(),
        identifier_id: user.identifiers[1].id.clone(),
        ..flow_of(Some(&user))
    };
    if is_verified {
        let proof = of("verify");
        assert!(
            store.put_flow(&proof, 3).await.unwrap() && store.spend_flow(&spending(&proof, &user), T).await.unwrap()
        );
    }
    let flow = of("login-code");
    assert!(store.put_flow(&flow, 3).await.unwrap());
    let epoch = store.credential_of(&user.id).await.unwrap().unwrap().auth_epoch;
    (user, flow, epoch)
}

/// Opens a session by a code that went to the second identifier.
async fn open_by(store: &AnyStore, user: &NewUser, flow: &Flow, takes_over: bool, epoch: i64) -> Option<String> {
    let new_hash = takes_over.then_some("");
    let sent = Unspent::Sent(Spending { by_code: true, new_hash, takes_over, ..spending(flow, user) });
    let expected = Expected { hash: None, auth_epoch: Some(epoch), unspent: Some(sent) };
    let session = session_of(&user.id);
    let opened = store.create_session(&session, expected, 100).await.unwrap();
    assert_eq!(store.find_session(&session.id).await.unwrap().is_some(), opened.is_some());
    opened.map(|_| session.id)
}

pub async fn a_sent_code_opens_one_session(store: AnyStore) {
    let (user, flow, epoch) = sent_to(&store, true).await;
    let before = logged_in(&store, &user.id).await;
    let stranger = registered(&store, &["ben"]).await;
    assert!(open_by(&store, &user, &flow, false, epoch + 1).await.is_none(), "of another epoch");
    assert!(open_by(&store, &user, &flow, true, epoch).await.is_none(), "somebody has verified an address");
    let foreign = Unspent::Sent(spending(&flow, &user));
    let expected = Expected { hash: None, auth_epoch: None, unspent: Some(foreign) };
    assert!(
        store.create_session(&session_of(&stranger.id), expected, 100).await.unwrap().is_none(),
        "it is not theirs"
    );
    let opened = race(20, |_| {
        let (store, user, flow) = (Arc::clone(&store), user.clone(), flow.clone());
        async move { open_by(&store, &user, &flow, false, epoch).await }
    })
    .await;
    assert_eq!(opened.iter().flatten().count(), 1);
    assert_eq!(store.find_session(&before.id).await.unwrap().unwrap().session.revoked_at, None);
    assert_eq!(store.credential_of(&user.id).await.unwrap().unwrap().auth_epoch, epoch);
    let unverified = Flow { identifier_id: user.identifiers[2].id.clone(), ..flow_of(Some(&user)) };
    let unverified = Flow { purpose: "login-code".into(), ..unverified };
    assert!(store.put_flow(&unverified, 3).await.unwrap());
    assert!(open_by(&store, &user, &unverified, false, epoch).await.is_none(), "its address is not verified");
}

pub async fn a_sent_code_takes_an_account_over(store: AnyStore) {
    let (user, flow, epoch) = sent_to(&store, false).await;
    assert!(open_by(&store, &user, &flow, false, epoch).await.is_none(), "nothing of the account is verified");
    let before = logged_in(&store, &user.id).await;
    let opened = race(20, |_| {
        let (store, user, flow) = (Arc::clone(&store), user.clone(), flow.clone());
        async move { open_by(&store, &user, &flow, true, epoch).await }
    })
    .await;
    let opened: Vec<String> = opened.into_iter().flatten().collect();
    assert_eq!(opened.len(), 1);
    let is_over = async |id: &str| store.find_session(id).await.unwrap().unwrap().session.revoked_at.is_some();
    assert!(is_over(&before.id).await && !is_over(&opened[0]).await, "the new session alone is left");
    let left = vec![(user.identifiers[0].id.clone(), None), (user.identifiers[1].id.clone(), Some(T))];
    assert_eq!(verified(&store, &user).await, left);
    let now = store.credential_of(&user.id).await.unwrap().unwrap();
    assert!(now.password_hash.is_none() && now.auth_epoch == epoch + 1);
}

pub async fn a_sent_code_begins_one_second_step(store: AnyStore) {
    let (user, flow, epoch) = sent_to(&store, true).await;
    let sent = Unspent::Sent(Spending { by_code: true, ..spending(&flow, &user) });
    let expected = Expected { hash: None, auth_epoch: Some(epoch), unspent: Some(sent) };
    let mfa = || Flow { purpose: "mfa".into(), code: None, identifier_id: String::new(), ..flow_of(Some(&user)) };
    let step = Flow { payload: Secret::new("email".into()), ..mfa() };
    assert!(store.begin_mfa(&step, expected).await.unwrap());
    assert!(!store.begin_mfa(&mfa(), expected).await.unwrap(), "the code is spent");
    assert!(open_by(&store, &user, &flow, false, epoch).await.is_none());
    let budget = FactorBudget { method: FactorMethod::Totp, since: [(10, T - HOUR), (30, T - DAY)], in_a_row: None };
    let attempt = store.attempt_factor(FactorAsker::Flow(&step.id), &budget, T).await.unwrap();
    let FactorAttempt::Counted { begun_by, flow_id, .. } = attempt else { panic!("it is open") };
    assert_eq!((begun_by.as_str(), flow_id), ("email", Some(step.id)));
}
