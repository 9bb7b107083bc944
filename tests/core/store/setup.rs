//! The cases of the suite for every store that are about the first admin.

use std::sync::Arc;

use sentri_core::crypto::make_id;
use sentri_core::store::model::NewUser;
use sentri_core::store::setup::{FirstAdmin, SetupToken};

use crate::conformance::{AnyStore, HOUR, T, new_user, race};

fn token() -> SetupToken {
    SetupToken { nonce: make_id(), digest: make_id(), kid: "a".into(), expires_at: T + HOUR }
}

fn admin(name: &str) -> NewUser {
    NewUser { roles: vec!["user".into(), "admin".into()], ..new_user(&[name]) }
}

fn roles(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub async fn a_set_up_token_is_one(store: AnyStore) {
    assert_eq!(store.find_setup(T).await.unwrap(), None);
    let puts = race(8, |_| {
        let (store, token) = (Arc::clone(&store), token());
        async move { store.put_setup(&token, false, T).await.unwrap().then_some(token) }
    })
    .await;
    let won: Vec<SetupToken> = puts.into_iter().flatten().collect();
    assert_eq!(won.len(), 1, "one of eight");
    assert_eq!(store.find_setup(T).await.unwrap().as_ref(), won.first());
    assert_eq!(store.find_setup(T + HOUR).await.unwrap(), None, "expired");
    let other = token();
    assert!(store.put_setup(&other, true, T).await.unwrap(), "replaced");
    assert_eq!(store.find_setup(T).await.unwrap(), Some(other));
    let later = SetupToken { expires_at: T + 2 * HOUR, ..token() };
    assert!(store.put_setup(&later, false, T + HOUR).await.unwrap(), "the one before is expired");
    assert_eq!(store.find_setup(T + HOUR).await.unwrap(), Some(later));
}

pub async fn one_first_admin(store: AnyStore) {
    let open = token();
    assert!(store.put_setup(&open, false, T).await.unwrap());
    let admins = roles(&["admin", "root"]);
    let ends = race(8, |at| {
        let (store, digest, admins) = (Arc::clone(&store), open.digest.clone(), admins.clone());
        async move { store.create_first_admin(&admin(&format!("root{at}")), &digest, &admins).await.unwrap() }
    })
    .await;
    assert_eq!(ends.iter().filter(|end| **end == FirstAdmin::Created).count(), 1, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| **end == FirstAdmin::Gone).count(), 7, "{ends:?}");
    assert_eq!(store.list_users(10, None, &[]).await.unwrap().users.len(), 1);
    assert_eq!(store.find_setup(T).await.unwrap(), None, "spent");
    assert!(store.any_has_role(&admins).await.unwrap());
}

pub async fn a_first_admin_comes_before_all_others(store: AnyStore) {
    let admins = roles(&["admin"]);
    assert!(!store.any_has_role(&admins).await.unwrap());
    // Neither is the role itself.
    let near = NewUser { roles: roles(&["administrator", "Admin", "ADMIN", "a%n", "_dmin"]), ..new_user(&["anna"]) };
    assert!(store.create_user(&near).await.unwrap());
    assert!(!store.any_has_role(&admins).await.unwrap());
    assert!(!store.any_has_role(&[]).await.unwrap());
    assert!(store.any_has_role(&roles(&["admin", "a%n"])).await.unwrap());
    let open = token();
    assert!(store.put_setup(&open, false, T).await.unwrap());
    let taken = store.create_first_admin(&admin("anna"), &open.digest, &admins).await.unwrap();
    assert_eq!(taken, FirstAdmin::Taken);
    assert_eq!(store.find_setup(T).await.unwrap().as_ref(), Some(&open), "an identifier that is taken spends nothing");
    let wrong = store.create_first_admin(&admin("eve"), &make_id(), &admins).await.unwrap();
    assert_eq!(wrong, FirstAdmin::Gone, "another token");
    let late = NewUser { now: T + HOUR, ..admin("eve") };
    assert_eq!(store.create_first_admin(&late, &open.digest, &admins).await.unwrap(), FirstAdmin::Gone, "expired");
    assert!(store.create_user(&admin("root")).await.unwrap());
    let second = store.create_first_admin(&admin("eve"), &open.digest, &admins).await.unwrap();
    assert_eq!(second, FirstAdmin::Gone, "there is an admin by other means");
    assert_eq!(store.list_users(10, None, &[]).await.unwrap().users.len(), 2);
}
