//! The cases of the suite for every store that are about one account as a whole.

use std::sync::Arc;

use sentri_core::clock::Millis;
use sentri_core::crypto::{Secret, make_id};
use sentri_core::store::account::{AccountDeletion, Deleted};
use sentri_core::store::model::{Expected, NewUser, Rotation, Session, Standing, Unspent, UsedCode, UsedFactor};

use crate::conformance::{AnyStore, HASH, HOUR, OTHER, T, logged_in, race, registered, session_of};
use crate::factors::enrolled;
use crate::flows::flow_of;

fn deletion<'a>(user: &'a NewUser, session: &'a Session, expected: Expected<'a>) -> AccountDeletion<'a> {
    AccountDeletion {
        user_id: &user.id,
        session_id: &session.id,
        expected,
        kept_roles: &[],
        remembered_until: T + HOUR,
    }
}

async fn delete(store: &AnyStore, deletion: AccountDeletion<'_>) -> Deleted {
    store.delete_account(&deletion, T).await.unwrap()
}

pub async fn an_account_is_read_whole(store: AnyStore) {
    let (user, factor) = enrolled(&store, "anna").await;
    let (other, _) = enrolled(&store, "ben").await;
    let older = Session { created_at: T - HOUR, ..session_of(&user.id) };
    assert!(store.create_session(&older, Expected::default(), 100).await.unwrap().is_some());
    let newer = Session { ip_address: Some("203.0.113.7".into()), ..session_of(&user.id) };
    assert!(store.create_session(&newer, Expected::default(), 100).await.unwrap().is_some());
    logged_in(&store, &other.id).await;
    assert!(store.revoke_session(&older.id, None, T).await.unwrap());
    let payload = Secret::new("{\"type\":\"email\"}".to_owned());
    let flow = sentri_core::store::model::Flow { purpose: "change".into(), payload, ..flow_of(Some(&user)) };
    assert!(store.put_flow(&flow, 3).await.unwrap());
    let account = store.read_account(&user.id).await.unwrap().unwrap();
    assert_eq!((account.user.id.as_str(), account.user.created_at), (user.id.as_str(), T));
    assert_eq!(account.user.roles, user.roles);
    let identifiers: Vec<_> = user.identifiers.iter().map(|one| (one.clone(), T)).collect();
    assert_eq!(account.identifiers, identifiers);
    let sessions: Vec<_> = account.sessions.iter().map(|one| (one.id.as_str(), one.revoked_at)).collect();
    assert_eq!(sessions, [(newer.id.as_str(), None), (older.id.as_str(), Some(T))], "ended ones too, newest first");
    assert_eq!(account.sessions[0].ip_address.as_deref(), Some("203.0.113.7"));
    assert_eq!(account.factors.factors.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [factor.id.as_str()]);
    assert_eq!(account.factors.recovery_codes, 2);
    let [kept] = &account.flows[..] else { panic!("{:?}", account.flows) };
    assert_eq!((kept.purpose.as_str(), kept.payload.as_str()), ("change", "{\"type\":\"email\"}"));
    assert_eq!((kept.identifier_id.as_str(), kept.consumed_at), (user.identifiers[0].id.as_str(), None));
    for nobody in [make_id(), String::new()] {
        assert!(store.read_account(&nobody).await.unwrap().is_none());
    }
}

pub async fn an_account_goes_while_its_proof_holds(store: AnyStore) {
    let (user, factor) = enrolled(&store, "anna").await;
    let other = registered(&store, &["ben"]).await;
    let (session, foreign) = (logged_in(&store, &user.id).await, logged_in(&store, &other.id).await);
    assert!(store.put_flow(&flow_of(Some(&user)), 3).await.unwrap());
    let epoch = store.credential_of(&user.id).await.unwrap().unwrap().auth_epoch;
    let by_hash = Expected { hash: Some(HASH), auth_epoch: Some(epoch), unspent: None };
    for stale in [Expected::hash(OTHER), Expected::hash(""), Expected { auth_epoch: Some(epoch + 1), ..by_hash }] {
        assert_eq!(delete(&store, deletion(&user, &session, stale)).await, Deleted::Changed, "{stale:?}");
    }
    assert_eq!(delete(&store, deletion(&user, &foreign, by_hash)).await, Deleted::Ended, "a session of another");
    let roles = ["admin".to_owned(), "user".to_owned()];
    let kept = AccountDeletion { kept_roles: &roles, ..deletion(&user, &session, by_hash) };
    assert_eq!(delete(&store, kept).await, Deleted::Kept);
    let used =
        |step| UsedFactor { attempt_id: "x", flow_id: None, code: UsedCode::Totp { factor_id: &factor.id, step } };
    let by_code = |step| Expected { hash: None, auth_epoch: Some(epoch), unspent: Some(Unspent::Factor(used(step))) };
    assert_eq!(delete(&store, deletion(&user, &session, by_code(7))).await, Deleted::Spent);
    let account = store.read_account(&user.id).await.unwrap().unwrap();
    assert_eq!(
        (account.sessions.len(), account.factors.recovery_codes, account.flows.len()),
        (1, 2, 1),
        "all is there"
    );
    let roles = ["admin".to_owned(), "use".to_owned()];
    let free = AccountDeletion { kept_roles: &roles, ..deletion(&user, &session, by_code(8)) };
    assert_eq!(delete(&store, free).await, Deleted::Done);
    assert!(store.read_account(&user.id).await.unwrap().is_none());
    assert!(store.find_session(&session.id).await.unwrap().is_none());
    assert_eq!(store.standing(&user.id, T).await.unwrap(), Standing::Deleted);
    assert_eq!(delete(&store, deletion(&user, &session, by_hash)).await, Deleted::Changed, "twice");
    assert!(store.find_session(&foreign.id).await.unwrap().is_some(), "others stay");
    assert!(store.revoke_session(&foreign.id, None, T).await.unwrap());
    let ended = deletion(&other, &foreign, Expected::hash(HASH));
    assert_eq!(delete(&store, ended).await, Deleted::Ended);
}

/// Whatever else happens to a user at the same time, nothing of them is left.
pub async fn nothing_outlives_an_account(store: AnyStore) {
    for round in 0..4 {
        let user = registered(&store, &[&format!("user{round}")]).await;
        let session = logged_in(&store, &user.id).await;
        race(8, |number| {
            let (store, user, session) = (Arc::clone(&store), user.clone(), session.clone());
            async move {
                match number {
                    3 => {
                        let deletion = deletion(&user, &session, Expected::hash(HASH));
                        let deleted = delete(&store, deletion).await;
                        assert!(matches!(deleted, Deleted::Done | Deleted::Changed | Deleted::Ended), "{deleted:?}");
                    }
                    4 => drop(store.delete_user(&user.id, T + HOUR).await.unwrap()),
                    5 => drop(store.put_flow(&flow_of(Some(&user)), 3).await.unwrap()),
                    6 => {
                        let _end: Rotation = store.rotate(&session.id, 0, T + 2 * HOUR, T).await.unwrap();
                    }
                    7 => drop(store.change_password(&user.id, Some(HASH), OTHER, T).await.unwrap()),
                    _ => {
                        let opened = session_of(&user.id);
                        drop(store.create_session(&opened, Expected::hash(HASH), 100).await.unwrap());
                    }
                }
            }
        })
        .await;
        let now: Millis = T;
        assert!(store.read_account(&user.id).await.unwrap().is_none());
        assert!(store.list_sessions(&user.id, now).await.unwrap().is_empty());
        assert!(store.find_session(&session.id).await.unwrap().is_none());
        registered(&store, &[&format!("user{round}")]).await;
    }
}
