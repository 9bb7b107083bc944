//! The cases of the suite for every store that are about users who are disabled.

use std::sync::Arc;

use sentri_core::crypto::make_id;
use sentri_core::store::model::{Disabling, Expected, Rotation, Session, Standing};

use crate::conformance::{AnyStore, HASH, HOUR, OTHER, T, logged_in, race, registered, session_of};
use crate::factors::enrolled;
use crate::flows::flow_of;

fn word() -> Disabling {
    Disabling { at: T, until: None, reason: None }
}

pub async fn a_disabled_user_has_nothing_open(store: AnyStore) {
    let (user, other) = (registered(&store, &["anna"]).await, registered(&store, &["ben"]).await);
    let (session, foreign) = (logged_in(&store, &user.id).await, logged_in(&store, &other.id).await);
    let flow = flow_of(Some(&user));
    assert!(store.put_flow(&flow, 3).await.unwrap());
    let before = store.credential_of(&user.id).await.unwrap().unwrap();
    assert_eq!((before.disabled, store.standing(&user.id, T).await.unwrap()), (None, Standing::Good));
    let said = Disabling { until: Some(T + HOUR), reason: Some("spam \u{1f4e8}".into()), ..word() };
    assert!(store.disable_user(&user.id, &said).await.unwrap());
    assert!(!store.disable_user(&make_id(), &said).await.unwrap());
    let now = store.credential_of(&user.id).await.unwrap().unwrap();
    assert_eq!((now.disabled.as_ref(), now.auth_epoch), (Some(&said), before.auth_epoch + 1));
    assert_eq!(now.password_hash.unwrap().expose(), HASH, "as it was");
    assert_eq!(store.find_credential("anna", "anna", &[]).await.unwrap().unwrap().disabled.as_ref(), Some(&said));
    assert_eq!(store.find_user(&user.id).await.unwrap().unwrap().user.disabled.as_ref(), Some(&said));
    assert_eq!(
        store.list_users(10, None, &["anna".to_owned()]).await.unwrap().users[0].user.disabled.as_ref(),
        Some(&said)
    );
    assert_eq!(store.read_account(&user.id).await.unwrap().unwrap().user.disabled.as_ref(), Some(&said));
    assert_eq!(store.standing(&user.id, T).await.unwrap(), Standing::Disabled);
    assert!(store.find_session(&session.id).await.unwrap().is_none());
    assert_eq!(store.rotate(&session.id, 0, T + HOUR, T).await.unwrap(), Rotation::Gone);
    assert_eq!(store.reauthenticate(&session, Expected::default(), T).await.unwrap(), Rotation::Gone);
    assert!(store.attempt_code(&flow.id, 0, T).await.unwrap().is_none());
    assert!(store.find_flow(&flow.token_digest, T).await.unwrap().is_none());
    assert!(store.find_session(&foreign.id).await.unwrap().is_some(), "others stay");
    assert_eq!(store.standing(&other.id, T).await.unwrap(), Standing::Good);
}

pub async fn no_session_of_a_disabled_user_is_opened(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    assert!(store.disable_user(&user.id, &Disabling { until: Some(T + HOUR), ..word() }).await.unwrap());
    let epoch = store.credential_of(&user.id).await.unwrap().unwrap().auth_epoch;
    let seen = Expected { auth_epoch: Some(epoch), ..Expected::hash(HASH) };
    for (at, expected, wanted) in [
        (T, Expected::default(), false),
        (T, seen, false),
        (T + HOUR - 1, seen, false),
        (T + HOUR, seen, true),
        (T + HOUR, Expected::default(), true),
    ] {
        let session = Session { created_at: at, expires_at: at + HOUR, ..session_of(&user.id) };
        let opened = store.create_session(&session, expected, 100).await.unwrap();
        assert_eq!(opened.is_some(), wanted, "{at} {expected:?}");
    }
    assert_eq!(store.standing(&user.id, T + HOUR - 1).await.unwrap(), Standing::Disabled);
    assert_eq!(store.standing(&user.id, T + HOUR).await.unwrap(), Standing::Good, "the time is up");
}

pub async fn a_user_is_disabled_anew_and_enabled(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let disabled = async |at| {
        let user = store.find_user(&user.id).await.unwrap().unwrap().user;
        user.disabled.filter(|word| word.holds(at))
    };
    assert!(!store.enable_user(&user.id, T).await.unwrap(), "is enabled");
    assert!(!store.enable_user(&make_id(), T).await.unwrap());
    let said = Disabling { until: Some(T + HOUR), reason: Some("spam".into()), ..word() };
    assert!(store.disable_user(&user.id, &said).await.unwrap());
    let later = Disabling { at: T + 5, until: Some(T + 2 * HOUR), reason: None };
    assert!(store.disable_user(&user.id, &later).await.unwrap());
    assert_eq!(disabled(T + 6).await, Some(Disabling { at: T, ..later }), "since the first time");
    let again = Disabling { at: T + 2 * HOUR, until: None, reason: Some("spam".into()) };
    assert!(store.disable_user(&user.id, &again).await.unwrap());
    assert_eq!(disabled(T + 3 * HOUR).await, Some(again), "that one was over");
    assert!(store.enable_user(&user.id, T).await.unwrap());
    assert_eq!(disabled(T).await, None);
    let session = session_of(&user.id);
    assert!(store.create_session(&session, Expected::hash(HASH), 100).await.unwrap().is_some());
    assert!(!store.enable_user(&user.id, T).await.unwrap());
    assert!(store.find_session(&session.id).await.unwrap().is_some(), "nothing ends by it");
}

/// The mark before a stored hash for 6.0 is seen by nobody: hashes are compared and replaced as ever.
pub async fn the_hash_of_a_disabled_user_is_as_ever(store: AnyStore) {
    let (user, _) = enrolled(&store, "anna").await;
    assert!(store.disable_user(&user.id, &word()).await.unwrap());
    let hash = async || {
        let by_id = store.credential_of(&user.id).await.unwrap().unwrap().password_hash.unwrap();
        let by_name = store.find_credential("anna", "anna", &[]).await.unwrap().unwrap().password_hash.unwrap();
        assert_eq!(by_id.expose(), by_name.expose());
        by_id.expose().clone()
    };
    assert_eq!(hash().await, HASH);
    assert!(!store.rehash(&user.id, OTHER, HASH, T).await.unwrap());
    assert!(store.rehash(&user.id, HASH, OTHER, T).await.unwrap());
    assert_eq!(hash().await, OTHER);
    assert!(!store.change_password(&user.id, Some(HASH), OTHER, T).await.unwrap());
    assert!(store.change_password(&user.id, Some(OTHER), HASH, T).await.unwrap());
    assert!(store.change_password(&user.id, None, OTHER, T).await.unwrap());
    assert_eq!(hash().await, OTHER);
    assert!(store.enable_user(&user.id, T).await.unwrap());
    assert_eq!(hash().await, OTHER, "with a factor");
    let session = session_of(&user.id);
    assert!(store.create_session(&session, Expected::hash(HASH), 100).await.unwrap().is_none());
    assert!(store.create_session(&session, Expected::hash(OTHER), 100).await.unwrap().is_some());
    assert!(store.remove_factors(&user.id, T).await.unwrap());
    assert_eq!(hash().await, OTHER, "without one");
    assert!(store.rehash(&user.id, OTHER, HASH, T).await.unwrap());
    assert_eq!(hash().await, HASH);
}

pub async fn no_login_outlives_a_disabling(store: AnyStore) {
    for round in 0..4 {
        let user = registered(&store, &[&format!("user{round}")]).await;
        let session = logged_in(&store, &user.id).await;
        race(8, |number| {
            let (store, user, session) = (Arc::clone(&store), user.clone(), session.clone());
            async move {
                match number {
                    3 => assert!(store.disable_user(&user.id, &word()).await.unwrap()),
                    4 => drop(store.put_flow(&flow_of(Some(&user)), 3).await.unwrap()),
                    5 => {
                        let _end: Rotation = store.rotate(&session.id, 0, T + 2 * HOUR, T).await.unwrap();
                    }
                    6 => drop(store.create_session(&session_of(&user.id), Expected::default(), 100).await.unwrap()),
                    _ => {
                        let expected = Expected { auth_epoch: Some(0), ..Expected::hash(HASH) };
                        drop(store.create_session(&session_of(&user.id), expected, 100).await.unwrap());
                    }
                }
            }
        })
        .await;
        assert!(store.list_sessions(&user.id, T).await.unwrap().is_empty(), "round {round}");
        assert!(store.find_session(&session.id).await.unwrap().is_none());
    }
}
