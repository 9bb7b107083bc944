//! Roles that the store has been given by other means, and that make a token or a cookie too large, lock nobody out.

use std::sync::Arc;

use sentri_core::Host;
use serde_json::{Value, json};

use crate::support::{Answer, Bench, PASSWORD, START, store_at};

fn roles(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("r{n:03}-{}", "x".repeat(55))).collect()
}

/// A login of a user to whom the database gives this many roles of sixty characters.
async fn login_with(count: usize, more: Value) -> (Bench, Answer) {
    let mut valid = vec!["user".to_owned(), "admin".to_owned()];
    valid.extend(roles(count));
    let mut options = json!({ "validRoles": valid });
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let db = json!("sqlite::memory:");
    let store = store_at(&db);
    let bench = Bench::unmigrated(&db, options, Host::default(), Arc::clone(&store));
    bench.server.migrate().await.unwrap();
    let id = bench.register("rizz").await.body["data"]["user"]["id"].as_str().unwrap().to_owned();
    assert!(store.set_roles(&id, &roles(count), START).await.unwrap());
    let answer = bench.login_with("rizz", PASSWORD).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    (bench, answer)
}

#[tokio::test]
async fn a_token_that_would_be_too_large_says_no_roles() {
    let (bench, answer) = login_with(120, json!({})).await;
    assert_eq!(answer.body["data"]["user"]["roles"].as_array().unwrap().len(), 120);
    let token = answer.body["data"]["accessToken"].as_str().unwrap();
    assert!(bench.server.verify_access_token(token).unwrap().roles.is_empty());
    // The session knows them.
    assert_eq!(bench.guard(token).await.result.unwrap().roles, roles(120));
    let told = bench.server.take_events();
    let causes: Vec<_> = told.iter().filter_map(|event| event.fields.get("cause")?.as_str()).collect();
    assert!(
        answer.has_event("auth.hook.failure") || causes.iter().any(|cause| cause.contains("without roles")),
        "{told:?} {:?}",
        answer.events
    );
}

#[tokio::test]
async fn a_cookie_that_browsers_would_drop_is_taken_back_and_told() {
    let (_bench, answer) = login_with(60, json!({ "accessCookie": true })).await;
    assert!(answer.has_event("auth.hook.failure"), "{:?}", answer.events);
    let cookies = answer.cookies();
    let access = cookies.iter().find(|line| line.starts_with("access_token=")).unwrap();
    assert!(access.starts_with("access_token=; Max-Age=0"), "{access}");
    assert!(cookies.iter().all(|line| line.len() <= 4_096));
}
