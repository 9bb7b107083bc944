//! The cases of the suite for every store that are about verified identifiers.

use std::sync::Arc;

use sentri_core::store::model::{ChangeLimits, Flow, IdentifierChange, IdentifierUpdate, NewUser};

use crate::conformance::{AnyStore, T, race};
use crate::flows::{flow_of, spending, verified, with_addresses};

pub async fn the_last_verified_identifier_stays(store: AnyStore) {
    let user = with_addresses(&store, &["a@x", "b@x"]).await;
    let limits = ChangeLimits { keeps_verified: true, ..ChangeLimits::default() };
    let ids = user.identifiers.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
    let to = |index: usize, value: &str| IdentifierUpdate {
        id: ids[index].clone(),
        kind: "email".into(),
        value: value.into(),
        normalized: value.into(),
    };
    let update = async |updates: &[IdentifierUpdate]| {
        store.update_identifiers(&user.id, updates, &[], &limits, T).await.unwrap()
    };
    let prove = async |index: usize| {
        let flow = Flow { identifier_id: ids[index].clone(), ..flow_of(Some(&user)) };
        assert!(store.put_flow(&flow, 3).await.unwrap());
        let now =
            NewUser { identifiers: store.find_user(&user.id).await.unwrap().unwrap().identifiers, ..user.clone() };
        assert!(store.spend_flow(&spending(&flow, &now), T).await.unwrap());
    };
    assert_eq!(update(&[to(1, "c@x")]).await, IdentifierChange::Done, "nothing is verified");
    assert_eq!(update(&[to(1, "a@x")]).await, IdentifierChange::Done);
    prove(1).await;
    assert_eq!(update(&[to(1, "c@x")]).await, IdentifierChange::LastVerified);
    assert_eq!(update(&[to(2, "a@x"), to(1, "b@x")]).await, IdentifierChange::LastVerified);
    assert_eq!(update(&[to(1, "a@x"), to(2, "c@x")]).await, IdentifierChange::Done, "it stays as it is");
    assert_eq!(update(&[to(2, "b@x")]).await, IdentifierChange::Done);
    prove(2).await;
    assert_eq!(update(&[to(1, "c@x"), to(2, "d@x")]).await, IdentifierChange::LastVerified);
    // Of two requests at once, each of which leaves the other's, one goes through.
    let results = race(2, |index| {
        let (store, limits, user_id, id) =
            (Arc::clone(&store), limits.clone(), user.id.clone(), ids[1 + index].clone());
        async move { store.delete_identifiers(&user_id, &[id], &limits, T).await.unwrap() }
    })
    .await;
    let done = results.iter().filter(|change| **change == IdentifierChange::Done).count();
    assert_eq!((done, results.contains(&IdentifierChange::LastVerified)), (1, true), "{results:?}");
    let left = verified(&store, &user).await;
    assert_eq!(left.iter().filter(|(_, verified_at)| verified_at.is_some()).count(), 1);
    let last = left.into_iter().find_map(|(id, verified_at)| verified_at.map(|_| id)).unwrap();
    let by_code = store.delete_identifiers(&user.id, &[last], &ChangeLimits::default(), T).await.unwrap();
    assert_eq!(by_code, IdentifierChange::Done);
}
