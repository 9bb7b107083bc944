//! The cases of the suite for every store that are about second factors.

use std::sync::Arc;

use sentri_core::crypto::{Secret, make_id};
use sentri_core::factor::FactorMethod;
use sentri_core::store::model::{
    Expected, Factor, FactorAsker, FactorAttempt, FactorBudget, FactorChange, FactorChangeKind, Factors, Flow, NewUser,
    Rotation, Spending, Unspent, UsedCode, UsedFactor,
};

use crate::conformance::{AnyStore, HASH, HOUR, OTHER, T, logged_in, new_user, race, registered, session_of};
use crate::flows::flow_of;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * HOUR;

pub fn factor_of(user: &NewUser) -> Factor {
    Factor {
        id: make_id(),
        user_id: user.id.clone(),
        kind: "totp".into(),
        label: Some("電話 of \u{1f511}".into()),
        secret: Secret::new("v1.abc".into()),
        last_step: -1,
        created_at: T,
        confirmed_at: None,
        last_used_at: None,
    }
}

fn budget(method: FactorMethod, now: i64) -> FactorBudget {
    let in_a_row = (method == FactorMethod::Totp).then_some(40);
    FactorBudget { method, since: [(10, now - 15 * MINUTE), (30, now - DAY)], in_a_row }
}

async fn epoch(store: &AnyStore, user: &NewUser) -> i64 {
    store.credential_of(&user.id).await.unwrap().unwrap().auth_epoch
}

fn change<'a>(user: &'a NewUser, auth_epoch: i64, kind: FactorChangeKind<'a>) -> FactorChange<'a> {
    FactorChange { user_id: &user.id, auth_epoch, kind, recovery_codes: None, ends_sessions: false, kept_session: None }
}

/// A user with a factor whose last step is 7, and the recovery codes `a` and `b`.
pub async fn enrolled(store: &AnyStore, name: &str) -> (NewUser, Factor) {
    let user = registered(store, &[name]).await;
    let factor = factor_of(&user);
    assert!(store.put_factor(&factor, None).await.unwrap());
    let codes = ["a".to_owned(), "b".to_owned()];
    let confirm = FactorChangeKind::Confirm { id: &factor.id, step: 7 };
    let change = FactorChange { recovery_codes: Some(&codes), ..change(&user, epoch(store, &user).await, confirm) };
    assert!(store.change_factors(&change, T).await.unwrap());
    (user, factor)
}

async fn login_flow(store: &AnyStore, user: &NewUser) -> Flow {
    let flow = Flow { purpose: "mfa".into(), code: None, identifier_id: String::new(), ..flow_of(Some(user)) };
    let expected = Expected { hash: Some(HASH), auth_epoch: Some(epoch(store, user).await), unspent: None };
    assert!(store.begin_mfa(&flow, expected).await.unwrap());
    flow
}

async fn counted(store: &AnyStore, asker: FactorAsker<'_>) -> Option<String> {
    match store.attempt_factor(asker, &budget(FactorMethod::Totp, T), T).await.unwrap() {
        FactorAttempt::Counted { id, .. } => Some(id),
        FactorAttempt::Exceeded | FactorAttempt::Refused => None,
    }
}

/// Opens a session by a code; whether that went.
async fn open(store: &AnyStore, user: &NewUser, auth_epoch: i64, used: UsedFactor<'_>) -> bool {
    let expected = Expected { hash: None, auth_epoch: Some(auth_epoch), unspent: Some(Unspent::Factor(used)) };
    store.create_session(&session_of(&user.id), expected, 100).await.unwrap().is_some()
}

async fn live(store: &AnyStore, user: &NewUser) -> usize {
    store.list_sessions(&user.id, T).await.unwrap().len()
}

pub async fn a_factor_comes_back_whole(store: AnyStore) {
    let (user, other) = (registered(&store, &["anna"]).await, registered(&store, &["ben"]).await);
    assert_eq!(store.factors_of(&user.id).await.unwrap(), Factors::default());
    let factor = factor_of(&user);
    assert!(store.put_factor(&factor, None).await.unwrap());
    let found = store.factors_of(&user.id).await.unwrap();
    assert_eq!(found.factors, std::slice::from_ref(&factor));
    assert!(!found.are_asked_for(), "it is pending");
    assert_eq!(store.factors_of(&other.id).await.unwrap(), Factors::default());
    assert_eq!(store.factors_of(&make_id()).await.unwrap(), Factors::default());
    let anew = Factor { label: None, ..factor_of(&user) };
    assert!(store.put_factor(&anew, None).await.unwrap());
    assert_eq!(store.factors_of(&user.id).await.unwrap().factors, [anew], "one is pending at a time");
    assert!(!store.put_factor(&factor_of(&new_user(&["nobody"])), None).await.unwrap());
}

pub async fn a_factor_is_confirmed_once(store: AnyStore) {
    let (user, other) = (registered(&store, &["anna"]).await, registered(&store, &["ben"]).await);
    let (kept, ended, foreign) =
        (logged_in(&store, &user.id).await, logged_in(&store, &user.id).await, logged_in(&store, &other.id).await);
    let (factor, seen) = (factor_of(&user), epoch(&store, &user).await);
    assert!(store.put_factor(&factor, None).await.unwrap());
    let flow = flow_of(Some(&user));
    assert!(store.put_flow(&flow, 100).await.unwrap());
    let not_mine = FactorChangeKind::Confirm { id: &factor.id, step: 7 };
    assert!(!store.change_factors(&change(&other, epoch(&store, &other).await, not_mine), T).await.unwrap());
    let results = race(12, |number| {
        let (store, user, factor, kept) = (Arc::clone(&store), user.clone(), factor.clone(), kept.clone());
        async move {
            let codes = [format!("{number}-a"), format!("{number}-b")];
            let confirm = FactorChangeKind::Confirm { id: &factor.id, step: 7 };
            let change = FactorChange {
                recovery_codes: Some(&codes),
                ends_sessions: true,
                kept_session: Some(&kept.id),
                ..change(&user, seen, confirm)
            };
            store.change_factors(&change, T + 5).await.unwrap()
        }
    })
    .await;
    assert_eq!(results.iter().filter(|done| **done).count(), 1);
    let found = store.factors_of(&user.id).await.unwrap();
    let confirmed = Factor { last_step: 7, confirmed_at: Some(T + 5), last_used_at: Some(T + 5), ..factor.clone() };
    assert_eq!((found.factors.clone(), found.recovery_codes), (vec![confirmed], 2));
    assert!(found.are_asked_for());
    assert_eq!(epoch(&store, &user).await, seen + 1);
    for (session, end) in [(&kept, None), (&ended, Some(T + 5)), (&foreign, None)] {
        assert_eq!(store.find_session(&session.id).await.unwrap().unwrap().session.revoked_at, end);
    }
    assert_eq!(store.find_flow(&flow.token_digest, T).await.unwrap(), None, "open flows end");
    let again = FactorChangeKind::Confirm { id: &factor.id, step: 9 };
    assert!(!store.change_factors(&change(&user, seen + 1, again), T).await.unwrap());
    assert!(store.put_factor(&factor_of(&user), None).await.unwrap());
    assert_eq!(
        store.factors_of(&user.id).await.unwrap().factors.len(),
        2,
        "a pending one takes no confirmed one's place"
    );
}

pub async fn a_factor_changes_in_an_open_session_of_its_user(store: AnyStore) {
    let (user, other) = (registered(&store, &["anna"]).await, registered(&store, &["ben"]).await);
    let (mine, over, foreign) =
        (logged_in(&store, &user.id).await, logged_in(&store, &user.id).await, logged_in(&store, &other.id).await);
    assert!(store.revoke_session(&over.id, None, T).await.unwrap());
    let (factor, seen) = (factor_of(&user), epoch(&store, &user).await);
    let late = Factor { created_at: mine.expires_at, ..factor_of(&user) };
    for (factor, session) in [(&factor, &over), (&factor, &foreign), (&late, &mine)] {
        assert!(!store.put_factor(factor, Some(&session.id)).await.unwrap());
    }
    assert_eq!(store.factors_of(&user.id).await.unwrap(), Factors::default());
    assert!(store.put_factor(&factor, Some(&mine.id)).await.unwrap());
    let confirm = change(&user, seen, FactorChangeKind::Confirm { id: &factor.id, step: 7 });
    let remove = change(&user, seen + 1, FactorChangeKind::Remove { id: &factor.id });
    for (number, step) in [confirm, change(&user, seen + 1, FactorChangeKind::Codes), remove].into_iter().enumerate() {
        let auth_epoch = epoch(&store, &user).await;
        for (session, now) in [(&over, T), (&foreign, T), (&mine, mine.expires_at)] {
            let step = FactorChange { auth_epoch, kept_session: Some(&session.id), ..step };
            assert!(!store.change_factors(&step, now).await.unwrap(), "{number}");
        }
        let step = FactorChange { auth_epoch, kept_session: Some(&mine.id), ..step };
        assert!(store.change_factors(&step, T).await.unwrap(), "{number}");
    }
    assert_eq!(epoch(&store, &user).await, seen + 3, "what is refused changes nothing");
}

pub async fn no_factor_outlives_a_take_over(store: AnyStore) {
    for round in 0..8 {
        let user = registered(&store, &[&format!("anna{round}")]).await;
        let session = logged_in(&store, &user.id).await;
        let flow = flow_of(Some(&user));
        assert!(store.put_flow(&flow, 100).await.unwrap());
        race(8, |number| {
            let (store, user, session, flow) = (Arc::clone(&store), user.clone(), session.clone(), flow.clone());
            async move {
                if number == 4 {
                    let proves = user.identifiers.first();
                    let over =
                        Spending { flow: &flow, by_code: false, proves, new_hash: Some(OTHER), takes_over: true };
                    assert!(store.spend_flow(&over, T).await.unwrap());
                } else {
                    let _written = store.put_factor(&factor_of(&user), Some(&session.id)).await.unwrap();
                }
            }
        })
        .await;
        assert_eq!(store.factors_of(&user.id).await.unwrap(), Factors::default(), "one of an ended session is left");
    }
}

pub async fn a_change_of_factors_needs_the_epoch_under_which_they_were_read(store: AnyStore) {
    let (user, factor) = enrolled(&store, "anna").await;
    let (other, _) = enrolled(&store, "ben").await;
    let seen = epoch(&store, &user).await;
    let remove = FactorChangeKind::Remove { id: &factor.id };
    for (owner, auth_epoch) in [(&user, seen - 1), (&user, seen + 1), (&other, epoch(&store, &other).await)] {
        assert!(!store.change_factors(&change(owner, auth_epoch, remove), T).await.unwrap());
    }
    let codes = ["c".to_owned()];
    let anew = FactorChange { recovery_codes: Some(&codes), ..change(&user, seen, FactorChangeKind::Codes) };
    assert!(store.change_factors(&anew, T).await.unwrap());
    assert_eq!(store.factors_of(&user.id).await.unwrap().recovery_codes, 1);
    assert!(!store.change_factors(&anew, T).await.unwrap(), "the epoch went on");
    let session = logged_in(&store, &user.id).await;
    let all = FactorChange { recovery_codes: Some(&[]), ends_sessions: true, ..change(&user, seen + 1, remove) };
    assert!(store.change_factors(&all, T).await.unwrap());
    assert_eq!(store.factors_of(&user.id).await.unwrap(), Factors::default());
    assert_eq!(store.find_session(&session.id).await.unwrap().unwrap().session.revoked_at, Some(T));
    assert_eq!(store.factors_of(&other.id).await.unwrap().recovery_codes, 2);
}

pub async fn the_code_of_a_step_is_spent_once(store: AnyStore) {
    let (user, factor) = enrolled(&store, "anna").await;
    let (other, foreign) = enrolled(&store, "ben").await;
    let seen = epoch(&store, &user).await;
    let results = race(20, |_| {
        let (store, user, factor) = (Arc::clone(&store), user.clone(), factor.clone());
        async move {
            let code = UsedCode::Totp { factor_id: &factor.id, step: 8 };
            open(&store, &user, seen, UsedFactor { attempt_id: "x", flow_id: None, code }).await
        }
    })
    .await;
    assert_eq!(results.iter().filter(|opened| **opened).count(), 1);
    assert_eq!(live(&store, &user).await, 1);
    let used =
        |factor_id, step| UsedFactor { attempt_id: "x", flow_id: None, code: UsedCode::Totp { factor_id, step } };
    for (factor_id, step) in [(factor.id.as_str(), 8), (&factor.id, 7), (&foreign.id, 9), ("", 9), (" ", 9)] {
        assert!(!open(&store, &user, seen, used(factor_id, step)).await, "{factor_id} {step}");
    }
    assert!(!open(&store, &user, seen - 1, used(&factor.id, 9)).await, "the user was another");
    assert!(open(&store, &user, seen, used(&factor.id, 9)).await, "and nothing of that spent it");
    let pending = factor_of(&user);
    assert!(store.put_factor(&pending, None).await.unwrap());
    assert!(!open(&store, &user, seen, used(&pending.id, 9)).await, "a pending one is none");
    let last_step = |found: Factors| found.factors[0].last_step;
    assert_eq!(last_step(store.factors_of(&user.id).await.unwrap()), 9);
    assert_eq!(last_step(store.factors_of(&other.id).await.unwrap()), 7);
}

pub async fn a_recovery_code_is_spent_once(store: AnyStore) {
    let (user, _) = enrolled(&store, "anna").await;
    let (other, _) = enrolled(&store, "ben").await;
    let seen = epoch(&store, &user).await;
    let results = race(20, |_| {
        let (store, user) = (Arc::clone(&store), user.clone());
        async move {
            open(&store, &user, seen, UsedFactor { attempt_id: "x", flow_id: None, code: UsedCode::Recovery("a") })
                .await
        }
    })
    .await;
    assert_eq!(results.iter().filter(|opened| **opened).count(), 1);
    assert_eq!(store.factors_of(&user.id).await.unwrap().recovery_codes, 1);
    assert_eq!(store.factors_of(&other.id).await.unwrap().recovery_codes, 2, "those of others stay");
    for digest in ["a", "A", "B", "", "b "] {
        let used = UsedFactor { attempt_id: "x", flow_id: None, code: UsedCode::Recovery(digest) };
        assert!(!open(&store, &user, seen, used).await, "{digest}");
    }
}

pub async fn a_flow_of_a_login_ends_with_it(store: AnyStore) {
    let (user, factor) = enrolled(&store, "anna").await;
    let (other, _) = enrolled(&store, "ben").await;
    let seen = epoch(&store, &user).await;
    let (flow, beside, foreign) =
        (login_flow(&store, &user).await, login_flow(&store, &user).await, login_flow(&store, &other).await);
    let reset = flow_of(Some(&user));
    assert!(store.put_flow(&reset, 100).await.unwrap());
    let results = race(10, |number| {
        let (store, user, flow) = (Arc::clone(&store), user.clone(), flow.clone());
        let factor = factor.clone();
        async move {
            let code = UsedCode::Totp { factor_id: &factor.id, step: 10 + i64::try_from(number).unwrap() };
            open(&store, &user, seen, UsedFactor { attempt_id: "x", flow_id: Some(&flow.id), code }).await
        }
    })
    .await;
    assert_eq!(results.iter().filter(|opened| **opened).count(), 1, "also with codes of ten steps");
    let code = UsedCode::Totp { factor_id: &factor.id, step: 50 };
    for spent in [&flow, &beside, &foreign, &reset] {
        assert!(!open(&store, &user, seen, UsedFactor { attempt_id: "x", flow_id: Some(&spent.id), code }).await);
    }
    for (flow, is_open) in [(&flow, false), (&beside, false), (&foreign, true), (&reset, false)] {
        assert_eq!(counted(&store, FactorAsker::Flow(&flow.id)).await.is_some(), is_open, "{}", flow.purpose);
    }
    assert!(store.find_flow(&reset.token_digest, T).await.unwrap().is_some(), "those of other purposes go on");
    let proves = None;
    let mfa = Spending { flow: &foreign, by_code: false, proves, new_hash: Some(OTHER), takes_over: false };
    assert!(!store.spend_flow(&mfa, T).await.unwrap(), "it is no way to a new password");
}

pub async fn a_flow_of_a_login_needs_the_verified_hash(store: AnyStore) {
    let (user, factor) = enrolled(&store, "anna").await;
    let seen = epoch(&store, &user).await;
    let flow = || Flow { purpose: "mfa".into(), code: None, identifier_id: String::new(), ..flow_of(Some(&user)) };
    for (hash, auth_epoch) in [(Some(OTHER), seen), (Some(HASH), seen - 1), (Some(""), seen)] {
        let expected = Expected { hash, auth_epoch: Some(auth_epoch), unspent: None };
        assert!(!store.begin_mfa(&flow(), expected).await.unwrap(), "{hash:?} {auth_epoch}");
    }
    let begun = login_flow(&store, &user).await;
    assert!(store.change_password(&user.id, Some(HASH), OTHER, T).await.unwrap());
    assert_eq!(counted(&store, FactorAsker::Flow(&begun.id)).await, None, "a new password ends it");
    let code = UsedCode::Totp { factor_id: &factor.id, step: 8 };
    let used = UsedFactor { attempt_id: "x", flow_id: Some(&begun.id), code };
    assert!(!open(&store, &user, seen + 1, used).await);
    let flows: Vec<Flow> = (0..21).map(|age| Flow { created_at: T + age, expires_at: T + HOUR, ..flow() }).collect();
    for flow in &flows {
        assert!(store.begin_mfa(flow, Expected::default()).await.unwrap());
    }
    for (flow, is_open) in [(&flows[0], false), (&flows[1], true), (&flows[20], true)] {
        assert_eq!(counted(&store, FactorAsker::Flow(&flow.id)).await.is_some(), is_open, "{}", flow.created_at - T);
    }
}

pub async fn attempts_at_factors_have_budgets(store: AnyStore) {
    let ((user, _), (other, _)) = (enrolled(&store, "anna").await, enrolled(&store, "ben").await);
    let flow = login_flow(&store, &user).await;
    let results = race(12, |_| {
        let (store, id) = (Arc::clone(&store), flow.id.clone());
        async move { counted(&store, FactorAsker::Flow(&id)).await.is_some() }
    })
    .await;
    assert_eq!(results.iter().filter(|counted| **counted).count(), 5, "of a flow");
    let results = race(12, |_| {
        let (store, id) = (Arc::clone(&store), user.id.clone());
        async move { counted(&store, FactorAsker::User(&id)).await.is_some() }
    })
    .await;
    assert_eq!(results.iter().filter(|counted| **counted).count(), 5, "ten of a user, with those of flows");
    let ask = |method, at| {
        let (store, id) = (Arc::clone(&store), user.id.clone());
        async move { store.attempt_factor(FactorAsker::User(&id), &budget(method, at), at).await.unwrap() }
    };
    let anew = login_flow(&store, &user).await;
    let refused = store.attempt_factor(FactorAsker::Flow(&anew.id), &budget(FactorMethod::Totp, T), T).await.unwrap();
    assert_eq!(refused, FactorAttempt::Exceeded, "whatever flow it is for");
    assert!(matches!(ask(FactorMethod::Recovery, T).await, FactorAttempt::Counted { .. }), "each by itself");
    assert!(counted(&store, FactorAsker::User(&other.id)).await.is_some());
    let (mut now, mut total) = (T, 10);
    for wanted in [10, 10, 0] {
        now += 15 * MINUTE;
        let mut granted = 0;
        for _ in 0..11 {
            granted += usize::from(matches!(ask(FactorMethod::Totp, now).await, FactorAttempt::Counted { .. }));
        }
        assert_eq!(granted, wanted);
        total += granted;
    }
    assert_eq!(total, 30, "of a day");
    now += DAY;
    let mut granted = 0;
    for _ in 0..5 {
        now += 15 * MINUTE;
        for _ in 0..10 {
            granted += usize::from(matches!(ask(FactorMethod::Totp, now).await, FactorAttempt::Counted { .. }));
        }
    }
    assert_eq!(granted, 10, "and forty in a row, whatever time goes by");
    let refused = store.attempt_factor(FactorAsker::User(&make_id()), &budget(FactorMethod::Totp, T), T).await.unwrap();
    assert_eq!(refused, FactorAttempt::Refused);
}

pub async fn attempts_count_from_the_first_factor_on(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let ask = |count: usize| {
        let (store, id) = (Arc::clone(&store), user.id.clone());
        async move {
            let mut granted = 0;
            for _ in 0..count {
                granted += usize::from(counted(&store, FactorAsker::User(&id)).await.is_some());
            }
            granted
        }
    };
    assert_eq!(ask(11).await, 0, "there is nothing to guess");
    let mut confirmed = Vec::new();
    for (round, left) in [10, 0].into_iter().enumerate() {
        let factor = factor_of(&user);
        assert!(store.put_factor(&factor, None).await.unwrap());
        if round == 0 {
            assert_eq!(ask(11).await, 0, "nor at a pending one");
        }
        let confirm = FactorChangeKind::Confirm { id: &factor.id, step: 7 };
        assert!(store.change_factors(&change(&user, epoch(&store, &user).await, confirm), T).await.unwrap());
        assert_eq!(ask(11).await, left, "a second factor clears nothing");
        confirmed.push(factor);
    }
    for factor in &confirmed {
        let remove = FactorChangeKind::Remove { id: &factor.id };
        assert!(store.change_factors(&change(&user, epoch(&store, &user).await, remove), T).await.unwrap());
    }
    let anew = factor_of(&user);
    assert!(store.put_factor(&anew, None).await.unwrap());
    let confirm = FactorChangeKind::Confirm { id: &anew.id, step: 7 };
    assert!(store.change_factors(&change(&user, epoch(&store, &user).await, confirm), T).await.unwrap());
    assert_eq!(ask(11).await, 10, "an enrolment after the last one went begins anew");
}

pub async fn a_right_code_gives_its_attempt_back(store: AnyStore) {
    let (user, factor) = enrolled(&store, "anna").await;
    let seen = epoch(&store, &user).await;
    let ask = |at: i64| {
        let (store, id) = (Arc::clone(&store), user.id.clone());
        async move {
            match store.attempt_factor(FactorAsker::User(&id), &budget(FactorMethod::Totp, at), at).await.unwrap() {
                FactorAttempt::Counted { id, .. } => Some(id),
                _ => None,
            }
        }
    };
    for step in 10..40 {
        let attempt = ask(T).await.expect("right ones are no wrong ones");
        let code = UsedCode::Totp { factor_id: &factor.id, step };
        assert!(open(&store, &user, seen, UsedFactor { attempt_id: &attempt, flow_id: None, code }).await);
    }
    for _ in 0..9 {
        assert!(ask(T).await.is_some());
    }
    let attempt = ask(T).await.unwrap();
    let used = UsedFactor { attempt_id: &attempt, flow_id: None, code: UsedCode::Recovery("a") };
    assert!(open(&store, &user, seen, used).await);
    assert!(ask(T).await.is_some(), "its own place");
    assert!(ask(T).await.is_none(), "nine wrong ones are wrong still: a success is no fresh start for who guesses");
    let mut now = T;
    for _ in 0..4 {
        now += DAY;
        for _ in 0..10 {
            assert!(ask(now).await.is_some(), "but the row begins anew");
        }
        let used = UsedFactor {
            attempt_id: "x",
            flow_id: None,
            code: UsedCode::Totp { factor_id: &factor.id, step: 100 + now / DAY },
        };
        assert!(open(&store, &user, seen, used).await);
    }
}

pub async fn no_login_outlives_an_enrolment(store: AnyStore) {
    for round in 0..8 {
        let user = registered(&store, &[&format!("anna{round}")]).await;
        let (factor, seen) = (factor_of(&user), epoch(&store, &user).await);
        assert!(store.put_factor(&factor, None).await.unwrap());
        race(8, |number| {
            let (store, user, factor) = (Arc::clone(&store), user.clone(), factor.clone());
            async move {
                if number == 4 {
                    let confirm = FactorChangeKind::Confirm { id: &factor.id, step: 7 };
                    let change = FactorChange { ends_sessions: true, ..change(&user, seen, confirm) };
                    assert!(store.change_factors(&change, T).await.unwrap());
                } else {
                    let expected = Expected { hash: Some(HASH), auth_epoch: Some(seen), unspent: None };
                    let _opened = store.create_session(&session_of(&user.id), expected, 100).await.unwrap();
                }
            }
        })
        .await;
        assert_eq!(live(&store, &user).await, 0, "one that saw no factor lives on");
    }
}

pub async fn a_reauthentication_spends_a_code_with_its_step(store: AnyStore) {
    let (user, factor) = enrolled(&store, "anna").await;
    let seen = epoch(&store, &user).await;
    let session = logged_in(&store, &user.id).await;
    let used =
        |step| UsedFactor { attempt_id: "x", flow_id: None, code: UsedCode::Totp { factor_id: &factor.id, step } };
    let expected = |step| Expected { hash: None, auth_epoch: Some(seen), unspent: Some(Unspent::Factor(used(step))) };
    let behind = sentri_core::store::model::Session { generation: 1, ..session.clone() };
    assert!(matches!(store.reauthenticate(&behind, expected(8), T).await.unwrap(), Rotation::Behind(_)));
    let stale = Expected { auth_epoch: Some(seen - 1), ..expected(8) };
    assert!(matches!(store.reauthenticate(&session, stale, T).await.unwrap(), Rotation::Behind(_)));
    assert_eq!(store.factors_of(&user.id).await.unwrap().factors[0].last_step, 7, "nothing of that spent it");
    let Rotation::Rotated(next) = store.reauthenticate(&session, expected(8), T).await.unwrap() else {
        panic!("the code is fresh")
    };
    assert_eq!((next.session.generation, store.factors_of(&user.id).await.unwrap().factors[0].last_step), (2, 8));
    assert_eq!(store.reauthenticate(&next.session, expected(8), T).await.unwrap(), Rotation::Spent);
    assert_eq!(store.find_session(&session.id).await.unwrap().unwrap().session.generation, 2);
}

pub async fn factors_go_with_their_user(store: AnyStore) {
    let (user, _) = enrolled(&store, "anna").await;
    assert!(counted(&store, FactorAsker::User(&user.id)).await.is_some());
    assert!(store.delete_user(&user.id, T).await.unwrap());
    assert_eq!(store.factors_of(&user.id).await.unwrap(), Factors::default());
    assert_eq!(counted(&store, FactorAsker::User(&user.id)).await, None);
    let (user, _) = enrolled(&store, "ben").await;
    let flow = flow_of(Some(&user));
    assert!(store.put_flow(&flow, 100).await.unwrap());
    let proves = user.identifiers.first();
    let over = Spending { flow: &flow, by_code: false, proves, new_hash: Some(OTHER), takes_over: true };
    assert!(store.spend_flow(&over, T).await.unwrap());
    assert_eq!(store.factors_of(&user.id).await.unwrap(), Factors::default(), "those of whoever registered an address");
}

pub async fn factors_are_removed_with_all_that_they_opened(store: AnyStore) {
    let ((user, factor), (other, _)) = (enrolled(&store, "anna").await, enrolled(&store, "ben").await);
    let (session, foreign) = (logged_in(&store, &user.id).await, logged_in(&store, &other.id).await);
    let (flow, seen) = (login_flow(&store, &user).await, epoch(&store, &user).await);
    assert!(store.put_factor(&factor_of(&user), None).await.unwrap());
    for _ in 0..10 {
        assert!(counted(&store, FactorAsker::User(&user.id)).await.is_some());
    }
    assert!(store.remove_factors(&user.id, T + 5).await.unwrap());
    assert_eq!(store.factors_of(&user.id).await.unwrap(), Factors::default(), "the pending one too");
    assert_eq!(epoch(&store, &user).await, seen + 1);
    for (session, end) in [(&session, Some(T + 5)), (&foreign, None)] {
        assert_eq!(store.find_session(&session.id).await.unwrap().unwrap().session.revoked_at, end);
    }
    assert_eq!(counted(&store, FactorAsker::Flow(&flow.id)).await, None);
    let used = UsedFactor { attempt_id: "x", flow_id: None, code: UsedCode::Totp { factor_id: &factor.id, step: 8 } };
    assert!(!open(&store, &user, seen + 1, used).await);
    assert_eq!(store.factors_of(&other.id).await.unwrap().recovery_codes, 2, "those of others stay");
    let anew = factor_of(&user);
    assert!(store.put_factor(&anew, None).await.unwrap());
    let confirm = FactorChangeKind::Confirm { id: &anew.id, step: 7 };
    assert!(store.change_factors(&change(&user, seen + 1, confirm), T).await.unwrap());
    assert!(counted(&store, FactorAsker::User(&user.id)).await.is_some(), "the attempts of before count no more");
    assert!(store.remove_factors(&other.id, T).await.unwrap());
    assert!(store.remove_factors(&other.id, T).await.unwrap(), "also where there are none");
    assert!(!store.remove_factors(&make_id(), T).await.unwrap());
}
