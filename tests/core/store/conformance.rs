//! One suite for every store. `store_conformance!(name, factory)` expands it to a test; the factory is an async function
//! that answers a [`Fixture`](super::fixture::Fixture) with empty, migrated tables. `CASE=roles` runs the cases alone that
//! have that in their names.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sentri_core::assurance::{Assurance, Method};
use sentri_core::clock::Millis;
use sentri_core::crypto::{Secret, make_id};
use sentri_core::failure::StoreError;
use sentri_core::identifier::Claim;
use sentri_core::store::model::{
    ChangeLimits, Credential, Expected, Identifier, IdentifierChange, IdentifierUpdate, NewUser, OpenedSession,
    Rotation, Session, Standing, StoredKey,
};
use sentri_core::store::{ADOPTED_MARKER, Store};

use crate::fixture::Fixture;

pub use crate::account::*;
pub use crate::disabling::*;
pub use crate::factors::*;
pub use crate::flows::*;
pub use crate::imports::*;
pub use crate::pending::*;
pub use crate::search::*;
pub use crate::setup::*;
pub use crate::verified::*;

/// Expands the suite as a test of all its cases.
#[macro_export]
macro_rules! store_conformance {
    ($name:ident, $factory:path) => {
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn every_case() {
                $crate::conformance::hold($factory, $crate::store_conformance!(@each @list)).await;
            }
        }
    };
    (@each $($head:tt)*) => {
        $crate::store_conformance! { $($head)*
            users_come_back_whole
            texts_come_back_as_they_were
            a_taken_value_writes_nothing
            parallel_registrations_of_a_value_make_one_user
            a_login_finds_the_most_exact_identifier
            values_are_compared_byte_by_byte
            users_are_listed_in_pages
            users_are_found_by_the_beginning_of_an_identifier
            the_users_of_a_search_are_listed_in_pages
            a_deleted_user_leaves_nothing
            deleted_users_are_remembered_for_a_time
            roles_are_replaced
            a_rehash_is_a_compare_and_set
            a_password_change_revokes_sessions
            a_user_without_password_has_no_hash_to_match
            a_session_needs_the_verified_hash
            a_session_needs_the_epoch_of_its_proofs
            a_reauthentication_leaves_no_grace
            a_session_comes_back_whole
            a_rotation_steps_the_generation_once
            parallel_rotations_make_one_step
            a_touch_is_later_than_the_rotation
            live_sessions_are_listed
            sessions_are_listed_in_pages
            surplus_sessions_are_the_oldest
            logins_at_once_are_all_let_in
            a_session_is_revoked_once_and_by_its_owner
            all_sessions_are_revoked
            no_login_outlives_a_password_change
            no_rotation_outlives_a_password_change
            identifiers_are_added_all_or_none
            identifiers_are_updated_all_or_none
            identifiers_change_places
            identifiers_are_changed_and_added_in_one_step
            identifiers_are_deleted_but_for_the_last
            the_last_identifier_survives_races
            two_users_race_for_a_value
            two_updates_race_for_a_value
            the_number_of_identifiers_survives_races
            a_sign_in_leads_to_one_user
            a_sign_in_is_claimed_by_one_of_many
            names_that_fold_to_one_lead_to_one_user
            rows_that_fold_to_one_are_found_by_their_own_spelling
            one_of_many_spellings_is_registered
            one_first_key
            keys_follow_one_another
            dead_sessions_are_purged_in_portions
            a_flow_comes_back_by_its_token
            only_so_many_flows_are_open
            one_of_many_spends_a_flow
            attempts_at_a_code_are_counted_before_anybody_compares
            wrong_codes_of_a_user_count_over_all_flows
            wrong_codes_of_factors_are_none_of_messages
            a_flow_ends_with_what_it_was_made_for
            eligibility_is_judged_when_a_flow_is_spent
            the_first_proof_takes_an_account_over
            a_sent_code_opens_one_session
            a_sent_code_takes_an_account_over
            a_sent_code_begins_one_second_step
            a_changed_identifier_is_not_verified
            a_message_proves_the_value_that_it_went_to
            the_last_verified_identifier_stays
            a_proved_change_moves_an_identifier_once
            a_change_ends_with_what_it_was_made_for
            a_proved_change_meets_a_taken_value
            one_of_many_changes_gets_a_value
            a_proved_registration_makes_one_user
            a_registration_meets_a_taken_value
            an_address_that_nobody_verified_gives_way
            whoever_is_trusted_takes_an_address_that_nobody_verified
            an_adopted_address_gives_way_too
            an_invited_user_has_a_flow_and_no_password
            old_flows_are_purged_in_portions
            a_factor_comes_back_whole
            a_factor_is_confirmed_once
            a_factor_changes_in_an_open_session_of_its_user
            no_factor_outlives_a_take_over
            a_change_of_factors_needs_the_epoch_under_which_they_were_read
            the_code_of_a_step_is_spent_once
            a_recovery_code_is_spent_once
            a_flow_of_a_login_ends_with_it
            a_flow_of_a_login_needs_the_verified_hash
            attempts_at_factors_have_budgets
            attempts_count_from_the_first_factor_on
            a_right_code_gives_its_attempt_back
            no_login_outlives_an_enrolment
            a_reauthentication_spends_a_code_with_its_step
            factors_go_with_their_user
            factors_are_removed_with_all_that_they_opened
            an_account_is_read_whole
            an_account_goes_while_its_proof_holds
            nothing_outlives_an_account
            a_disabled_user_has_nothing_open
            no_session_of_a_disabled_user_is_opened
            a_user_is_disabled_anew_and_enabled
            the_hash_of_a_disabled_user_is_as_ever
            no_login_outlives_a_disabling
            a_set_up_token_is_one
            one_first_admin
            a_first_admin_comes_before_all_others
            imported_users_come_back_whole
            an_import_is_repeated_without_effect
            an_import_takes_nobodys_sign_in
            imports_and_registrations_race_for_values
            migrations_repeat
            a_closed_store_is_unavailable
        }
    };
    // The cases as values.
    (@list $($case:ident)*) => {
        vec![$((stringify!($case), |store| Box::pin($crate::conformance::$case(store)))),*]
    };
}

/// Now.
pub const T: Millis = 1_800_000_000_000;
pub const HOUR: Millis = 3_600_000;
pub const HASH: &str = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
pub const OTHER: &str = "$2b$12$GhvMmNVjRW29ulnudl.LbuAnUtN/LRfe1JsBm1Xu6LE3059z5Tr8m";

pub type AnyStore = Arc<dyn Store>;

/// A case by its name.
pub type Case = (&'static str, fn(AnyStore) -> Pin<Box<dyn Future<Output = ()> + Send>>);

/// Runs cases one after the other over the same tables, which are emptied in between.
pub async fn hold<F: Future<Output = Fixture>>(factory: impl Fn() -> F, cases: Vec<Case>) {
    let chosen = std::env::var("CASE").unwrap_or_default();
    let (mut fixture, mut failed) = (factory().await, Vec::new());
    for (name, case) in cases.into_iter().filter(|(name, _)| name.contains(&chosen)) {
        let mut held = false;
        for attempt in 1..=fixture.attempts() {
            eprintln!("case {name}, attempt {attempt}");
            held = tokio::spawn(case(Arc::clone(&fixture.store))).await.is_ok();
            // Whatever a case has begun that failed may go on.
            if !held || !fixture.empty().await {
                fixture = factory().await;
            }
            if held {
                break;
            }
        }
        if !held {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

fn identifier(normalized: &str) -> Identifier {
    Identifier {
        id: make_id(),
        kind: "username".into(),
        value: normalized.to_uppercase(),
        normalized: normalized.into(),
        verified_at: None,
    }
}

pub fn new_user(values: &[&str]) -> NewUser {
    NewUser {
        id: make_id(),
        password_hash: Some(Secret::new(HASH.into())),
        roles: vec!["user".into()],
        identifiers: values.iter().map(|value| identifier(value)).collect(),
        claims: vec![],
        displaces: false,
        now: T,
    }
}

pub async fn registered(store: &AnyStore, values: &[&str]) -> NewUser {
    let user = new_user(values);
    assert!(store.create_user(&user).await.unwrap());
    user
}

pub fn session_of(user_id: &str) -> Session {
    Session {
        id: make_id(),
        user_id: user_id.into(),
        expires_at: T + HOUR,
        created_at: T,
        generation: 0,
        rotated_at: None,
        last_used_at: None,
        revoked_at: None,
        ip_address: None,
        user_agent: None,
        assurance: None,
    }
}

pub async fn logged_in(store: &AnyStore, user_id: &str) -> Session {
    let session = session_of(user_id);
    assert!(store.create_session(&session, Expected::hash(HASH), 100).await.unwrap().is_some());
    session
}

fn key(kid: &str, active_from: Millis) -> StoredKey {
    StoredKey {
        kid: kid.into(),
        algorithm: "RS256".into(),
        private_key: Secret::new(format!("pem of {kid}")),
        created_at: T,
        active_from,
        retired_at: None,
    }
}

fn hash_of(credential: &Credential) -> Option<&str> {
    credential.password_hash.as_ref().map(|hash| hash.expose().as_str())
}

/// Runs `count` tasks at once.
pub async fn race<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|index| tokio::spawn(task(index))).collect();
    let mut results = Vec::with_capacity(count);
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

pub async fn users_come_back_whole(store: AnyStore) {
    let mut user = new_user(&["zoe", "anna"]);
    user.roles = vec!["editor".into(), "user".into()];
    assert!(store.create_user(&user).await.unwrap());

    let found = store.find_user(&user.id).await.unwrap().unwrap();
    assert_eq!((&found.user.id, &found.user.roles, found.user.created_at), (&user.id, &user.roles, T));
    assert_eq!(found.identifiers, user.identifiers, "oldest first");

    let credential = store.credential_of(&user.id).await.unwrap().unwrap();
    assert_eq!((&credential.user_id, &credential.roles), (&user.id, &user.roles));
    assert_eq!(hash_of(&credential), Some(HASH));

    assert!(store.find_user(&make_id()).await.unwrap().is_none());
    assert!(store.credential_of(&make_id()).await.unwrap().is_none());
    assert!(store.find_user("").await.unwrap().is_none());
}

pub async fn texts_come_back_as_they_were(store: AnyStore) {
    for text in ["'; DROP TABLE sentri_users; --", "\"$1?%s\\", "名前🙂\u{10ffff}", "e\u{301}", " ", "NULL"] {
        let mut user = new_user(&[text]);
        user.identifiers[0].value = text.into();
        user.roles = vec![text.into()];
        assert!(store.create_user(&user).await.unwrap(), "{text}");
        let found = store.find_credential(text, text, &[]).await.unwrap().unwrap();
        assert_eq!((&found.user_id, &found.roles), (&user.id, &user.roles));
        assert_eq!(store.find_user(&user.id).await.unwrap().unwrap().identifiers, user.identifiers);
        assert!(store.find_user(text).await.unwrap().is_none());
    }
}

pub async fn a_taken_value_writes_nothing(store: AnyStore) {
    let first = registered(&store, &["rizz"]).await;
    let second = new_user(&["new", "rizz"]);
    assert!(!store.create_user(&second).await.unwrap());
    assert!(store.find_user(&second.id).await.unwrap().is_none());
    assert!(store.find_credential("new", "new", &[]).await.unwrap().is_none());
    assert_eq!(store.find_credential("rizz", "rizz", &[]).await.unwrap().unwrap().user_id, first.id);
    assert!(!store.create_user(&new_user(&["twice", "twice"])).await.unwrap());
    assert!(store.find_credential("twice", "twice", &[]).await.unwrap().is_none());
}

pub async fn parallel_registrations_of_a_value_make_one_user(store: AnyStore) {
    let results = race(20, |index| {
        let store = Arc::clone(&store);
        // Half of them in the other order, where locks would be taken in a circle.
        let user = if index % 2 == 0 { new_user(&["one", "two"]) } else { new_user(&["two", "one"]) };
        async move { store.create_user(&user).await.unwrap() }
    })
    .await;
    assert_eq!(results.iter().filter(|made| **made).count(), 1);
    assert_eq!(store.list_users(100, None, &[]).await.unwrap().users.len(), 1);
}

pub async fn a_login_finds_the_most_exact_identifier(store: AnyStore) {
    let oldest = registered(&store, &["rizz"]).await;
    let adopted = registered(&store, &[&format!("{ADOPTED_MARKER}Rizz")]).await;
    let exact = registered(&store, &["RIZZ"]).await;
    for (typed, owner) in [("rizz", &oldest), ("Rizz", &adopted), ("RIZZ", &exact), ("rIzZ", &oldest)] {
        let found = store.find_credential("rizz", typed, &[]).await.unwrap().unwrap();
        assert_eq!(found.user_id, owner.id, "{typed}");
        assert_eq!(hash_of(&found), Some(HASH));
    }
    assert!(store.find_credential("nobody", "Nobody", &[]).await.unwrap().is_none());
}

pub async fn values_are_compared_byte_by_byte(store: AnyStore) {
    let values = ["rizz", "RIZZ", "rízz", "rizz ", "ri\u{301}zz", "rizz_", "rizz%"];
    for value in values {
        registered(&store, &[value]).await;
    }
    for value in values {
        assert!(!store.create_user(&new_user(&[value])).await.unwrap(), "{value}");
        assert!(store.find_credential(value, value, &[]).await.unwrap().is_some(), "{value}");
    }
    assert!(store.find_credential("Rizz", "Rizz", &[]).await.unwrap().is_none());
}

pub async fn users_are_listed_in_pages(store: AnyStore) {
    assert_eq!(store.list_users(10, None, &[]).await.unwrap().users, []);
    let mut ids = Vec::new();
    for index in 0..5 {
        let (a, b) = (format!("a{index}"), format!("b{index}"));
        ids.push(registered(&store, &[&a, &b]).await.id);
    }
    let mut seen = Vec::new();
    let mut after = None;
    for size in [2, 2, 1] {
        let page = store.list_users(2, after.as_deref(), &[]).await.unwrap();
        assert_eq!(page.users.len(), size);
        assert!(page.users.iter().all(|user| user.identifiers.len() == 2));
        seen.extend(page.users.into_iter().map(|user| user.user.id));
        after = page.next;
    }
    assert_eq!((seen, after), (ids, None));
    let page = store.list_users(5, None, &[]).await.unwrap();
    assert_eq!((page.users.len(), page.next), (5, None), "a full last page is the last");
}

pub async fn a_deleted_user_leaves_nothing(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let other = registered(&store, &["ben"]).await;
    let session = logged_in(&store, &user.id).await;
    assert!(store.delete_user(&user.id, T).await.unwrap());
    assert!(!store.delete_user(&user.id, T).await.unwrap());
    assert!(store.find_user(&user.id).await.unwrap().is_none());
    assert!(store.find_session(&session.id).await.unwrap().is_none());
    assert_eq!(store.rotate(&session.id, 0, T + HOUR, T).await.unwrap(), Rotation::Gone);
    assert!(store.create_session(&session_of(&user.id), Expected::hash(HASH), 100).await.unwrap().is_none());
    registered(&store, &["anna"]).await;
    assert!(store.find_user(&other.id).await.unwrap().is_some());
}

pub async fn deleted_users_are_remembered_for_a_time(store: AnyStore) {
    let (anna, ben) = (registered(&store, &["anna"]).await, registered(&store, &["ben"]).await);
    assert_eq!(store.standing(&anna.id, T).await.unwrap(), Standing::Good);
    let nobody = make_id();
    assert!(!store.delete_user(&nobody, T + HOUR).await.unwrap());
    assert!(store.delete_user(&anna.id, T + HOUR).await.unwrap());
    assert!(store.delete_user(&ben.id, T + 2 * HOUR).await.unwrap());
    let deleted = async |id: &str| store.standing(id, T).await.unwrap() == Standing::Deleted;
    assert!(deleted(&anna.id).await && deleted(&ben.id).await && !deleted(&nobody).await && !deleted("").await);
    store.purge_deleted_users(T + HOUR).await.unwrap();
    assert!(deleted(&anna.id).await, "to the very end");
    store.purge_deleted_users(T + HOUR + 1).await.unwrap();
    assert!(!deleted(&anna.id).await && deleted(&ben.id).await);
    // The same id once more, as the host's own code may make it.
    assert!(store.create_user(&NewUser { id: ben.id.clone(), ..new_user(&["benny"]) }).await.unwrap());
    assert!(store.delete_user(&ben.id, T).await.unwrap());
}

pub async fn roles_are_replaced(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let session = logged_in(&store, &user.id).await;
    for roles in [vec!["admin".to_owned(), "user".to_owned()], vec![]] {
        assert!(store.set_roles(&user.id, &roles, T).await.unwrap());
        assert_eq!(store.find_user(&user.id).await.unwrap().unwrap().user.roles, roles);
        assert_eq!(store.find_session(&session.id).await.unwrap().unwrap().roles, roles);
    }
    assert!(!store.set_roles(&make_id(), &[], T).await.unwrap());
}

pub async fn a_rehash_is_a_compare_and_set(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let session = logged_in(&store, &user.id).await;
    assert!(!store.rehash(&user.id, OTHER, "new", T).await.unwrap());
    assert!(!store.rehash(&make_id(), HASH, "new", T).await.unwrap());
    assert!(store.rehash(&user.id, HASH, OTHER, T).await.unwrap());
    assert_eq!(hash_of(&store.credential_of(&user.id).await.unwrap().unwrap()), Some(OTHER));
    assert_eq!(store.find_session(&session.id).await.unwrap().unwrap().session.revoked_at, None);
}

pub async fn a_password_change_revokes_sessions(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let bystander = registered(&store, &["ben"]).await;
    let (first, second) = (logged_in(&store, &user.id).await, logged_in(&store, &user.id).await);
    let spared = logged_in(&store, &bystander.id).await;
    let revoked_at = async |id: &str| store.find_session(id).await.unwrap().unwrap().session.revoked_at;

    assert!(!store.change_password(&user.id, Some(OTHER), "new", T + 1).await.unwrap());
    assert!(!store.change_password(&make_id(), None, "new", T + 1).await.unwrap());
    assert_eq!(revoked_at(&first.id).await, None);
    assert_eq!(hash_of(&store.credential_of(&user.id).await.unwrap().unwrap()), Some(HASH));

    assert!(store.change_password(&user.id, Some(HASH), OTHER, T + 2).await.unwrap());
    assert_eq!(revoked_at(&first.id).await, Some(T + 2));
    assert_eq!(revoked_at(&second.id).await, Some(T + 2));
    assert_eq!(revoked_at(&spared.id).await, None);
    assert_eq!(hash_of(&store.credential_of(&user.id).await.unwrap().unwrap()), Some(OTHER));

    assert!(store.change_password(&user.id, None, HASH, T + 3).await.unwrap());
    assert_eq!(revoked_at(&first.id).await, Some(T + 2), "the first revocation stands");
}

pub async fn a_user_without_password_has_no_hash_to_match(store: AnyStore) {
    let mut user = new_user(&["anna"]);
    user.password_hash = None;
    assert!(store.create_user(&user).await.unwrap());
    assert!(store.credential_of(&user.id).await.unwrap().unwrap().password_hash.is_none());
    assert!(store.find_credential("anna", "anna", &[]).await.unwrap().unwrap().password_hash.is_none());
    for hash in ["", HASH] {
        assert!(store.create_session(&session_of(&user.id), Expected::hash(hash), 100).await.unwrap().is_none());
        assert!(!store.rehash(&user.id, hash, OTHER, T).await.unwrap());
        assert!(!store.change_password(&user.id, Some(hash), OTHER, T).await.unwrap());
    }
    assert!(store.create_session(&session_of(&user.id), Expected::default(), 100).await.unwrap().is_some());
    assert!(store.change_password(&user.id, None, HASH, T).await.unwrap());
    assert!(store.create_session(&session_of(&user.id), Expected::hash(HASH), 100).await.unwrap().is_some());
}

pub async fn a_session_needs_the_verified_hash(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let session = session_of(&user.id);
    assert!(store.create_session(&session, Expected::hash(OTHER), 100).await.unwrap().is_none());
    assert!(store.find_session(&session.id).await.unwrap().is_none());
    assert!(store.create_session(&session_of(&make_id()), Expected::hash(HASH), 100).await.unwrap().is_none());
    assert!(store.create_session(&session_of(&make_id()), Expected::default(), 100).await.unwrap().is_none());
    let opened = Some(OpenedSession { roles: user.roles.clone(), is_surplus: false });
    assert_eq!(store.create_session(&session, Expected::hash(HASH), 100).await.unwrap(), opened);
    assert_eq!(store.create_session(&session_of(&user.id), Expected::default(), 100).await.unwrap(), opened);
}

pub async fn a_session_needs_the_epoch_of_its_proofs(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let verified = store.find_credential("anna", "anna", &[]).await.unwrap().unwrap();
    assert_eq!(store.credential_of(&user.id).await.unwrap().unwrap().auth_epoch, verified.auth_epoch);
    let expected = Expected { hash: Some(HASH), auth_epoch: Some(verified.auth_epoch), unspent: None };
    // Roles are no credential: a login that is on its way goes on, and gets those of now.
    assert!(store.set_roles(&user.id, &["admin".into()], T).await.unwrap());
    let opened = store.create_session(&session_of(&user.id), expected, 100).await.unwrap().unwrap();
    assert_eq!(opened.roles, ["admin"]);
    // Neither is a stronger hash of the same password.
    assert!(store.rehash(&user.id, HASH, OTHER, T).await.unwrap());
    let rehashed = Expected { hash: Some(OTHER), ..expected };
    assert!(store.create_session(&session_of(&user.id), rehashed, 100).await.unwrap().is_some());
    // A change of the password between verification and session, even back to the very hash.
    assert!(store.change_password(&user.id, Some(OTHER), HASH, T).await.unwrap());
    for stale in [expected, Expected { hash: None, ..expected }] {
        let session = session_of(&user.id);
        assert!(store.create_session(&session, stale, 100).await.unwrap().is_none());
        assert!(store.find_session(&session.id).await.unwrap().is_none());
    }
    let now = store.credential_of(&user.id).await.unwrap().unwrap().auth_epoch;
    assert_eq!(now, verified.auth_epoch + 1);
    let current = Expected { hash: Some(HASH), auth_epoch: Some(now), unspent: None };
    assert!(store.create_session(&session_of(&user.id), current, 100).await.unwrap().is_some());
}

pub async fn a_reauthentication_leaves_no_grace(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let session = logged_in(&store, &user.id).await;
    let epoch = store.credential_of(&user.id).await.unwrap().unwrap().auth_epoch;
    let expected = Expected { hash: Some(HASH), auth_epoch: Some(epoch), unspent: None };
    let assurance = Some(Assurance::of(&[Method::Pwd, Method::Otp], Some(T / 1000 + 1)));
    let renewed = Session { expires_at: T + 2 * HOUR, assurance, ..session.clone() };
    let untouched = store.find_session(&session.id).await.unwrap().unwrap();
    let wrong = [
        Expected { hash: Some(OTHER), ..expected },
        Expected { auth_epoch: Some(epoch + 1), ..expected },
        Expected { auth_epoch: Some(epoch - 1), ..expected },
    ];
    for wrong in wrong {
        let behind = store.reauthenticate(&renewed, wrong, T + 1000).await.unwrap();
        assert_eq!(behind, Rotation::Behind(untouched.clone()));
    }
    assert_eq!(store.reauthenticate(&renewed, Expected::hash(""), T + 1000).await.unwrap(), Rotation::Gone);
    let Rotation::Rotated(state) = store.reauthenticate(&renewed, expected, T + 1000).await.unwrap() else {
        panic!("as expected");
    };
    let after = Session { generation: 2, rotated_at: Some(T + 1000), last_used_at: Some(T + 1000), ..renewed.clone() };
    assert_eq!((&state.session, &state.roles), (&after, &user.roles));
    assert_eq!(store.find_session(&session.id).await.unwrap().unwrap(), state);
    // A second one by what was known before changes nothing.
    assert_eq!(store.reauthenticate(&renewed, expected, T + 2000).await.unwrap(), Rotation::Behind(state.clone()));
    // Rotations keep it.
    let Rotation::Rotated(rotated) = store.rotate(&session.id, 2, T + 3 * HOUR, T + 3000).await.unwrap() else {
        panic!("it rotates on");
    };
    assert_eq!(rotated.session.assurance, after.assurance);
    // Neither an expired session is renewed nor one that was ended.
    let late = Session { generation: 3, ..renewed.clone() };
    assert!(matches!(store.reauthenticate(&late, expected, T + 3 * HOUR).await.unwrap(), Rotation::Behind(_)));
    assert!(store.revoke_session(&session.id, None, T + 4000).await.unwrap());
    assert!(matches!(store.reauthenticate(&late, expected, T + 5000).await.unwrap(), Rotation::Behind(_)));
    let unknown = Session { id: make_id(), ..renewed };
    assert_eq!(store.reauthenticate(&unknown, expected, T).await.unwrap(), Rotation::Gone);
}

pub async fn a_session_comes_back_whole(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let session = Session {
        generation: 3,
        rotated_at: Some(T - 1),
        last_used_at: Some(T + 999),
        revoked_at: Some(T + 1),
        ip_address: Some("2001:db8::1".into()),
        user_agent: Some("Mozilla/5.0 (X11; \u{1f600})".into()),
        assurance: Some(Assurance::of(&[Method::Pwd, Method::Recovery], Some(T / 1000))),
        ..session_of(&user.id)
    };
    assert!(store.create_session(&session, Expected::hash(HASH), 100).await.unwrap().is_some());
    let state = store.find_session(&session.id).await.unwrap().unwrap();
    assert_eq!((&state.session, &state.roles), (&session, &user.roles));
    if let Some(now) = store.find_session_now(&session.id) {
        assert_eq!(now.unwrap(), Some(state));
    }
    assert!(store.find_session(&make_id()).await.unwrap().is_none());
}

pub async fn a_rotation_steps_the_generation_once(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let session = logged_in(&store, &user.id).await;
    let Rotation::Rotated(state) = store.rotate(&session.id, 0, T + 2 * HOUR, T + 5).await.unwrap() else {
        panic!("the current generation steps");
    };
    let stepped = Session {
        generation: 1,
        rotated_at: Some(T + 5),
        last_used_at: Some(T + 5),
        expires_at: T + 2 * HOUR,
        ..session.clone()
    };
    assert_eq!((&state.session, &state.roles), (&stepped, &user.roles));
    assert_eq!(store.find_session(&session.id).await.unwrap().unwrap(), state);

    for wrong in [0, 2, -1, i64::MAX] {
        let behind = store.rotate(&session.id, wrong, T + 9 * HOUR, T + 6).await.unwrap();
        assert_eq!(behind, Rotation::Behind(state.clone()));
    }
    let expired = store.rotate(&session.id, 1, T + 9 * HOUR, T + 2 * HOUR).await.unwrap();
    assert_eq!(expired, Rotation::Behind(state), "expiry is the instant itself");

    assert!(store.revoke_session(&session.id, None, T + 7).await.unwrap());
    let Rotation::Behind(state) = store.rotate(&session.id, 1, T + HOUR, T + 8).await.unwrap() else {
        panic!("a revoked session stays");
    };
    assert_eq!((state.session.generation, state.session.revoked_at), (1, Some(T + 7)));
    assert_eq!(store.rotate(&make_id(), 0, T + HOUR, T).await.unwrap(), Rotation::Gone);
}

pub async fn parallel_rotations_make_one_step(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let session = logged_in(&store, &user.id).await;
    for generation in 0..5 {
        let results = race(50, |index| {
            let (store, id) = (Arc::clone(&store), session.id.clone());
            async move { store.rotate(&id, generation, T + HOUR, T + index as Millis).await.unwrap() }
        })
        .await;
        let mut rotated = 0;
        for result in results {
            match result {
                Rotation::Rotated(state) => {
                    rotated += 1;
                    assert_eq!(state.session.generation, generation + 1);
                }
                Rotation::Behind(state) => assert_eq!(state.session.generation, generation + 1),
                Rotation::Gone | Rotation::Spent => panic!("the session is there"),
            }
        }
        assert_eq!(rotated, 1);
    }
}

pub async fn a_touch_is_later_than_the_rotation(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let session = logged_in(&store, &user.id).await;
    let used = async || store.find_session(&session.id).await.unwrap().unwrap().session.last_used_at;
    store.touch_session(&session.id, 0, T + 1).await.unwrap();
    assert_eq!(used().await, Some(T + 1));
    store.rotate(&session.id, 0, T + HOUR, T + 10).await.unwrap();
    store.touch_session(&session.id, 0, T + 11).await.unwrap();
    assert_eq!(used().await, Some(T + 10), "not the current generation");
    store.touch_session(&session.id, 1, T + 10).await.unwrap();
    assert_eq!(used().await, Some(T + 11), "in the millisecond of the rotation");
    store.touch_session(&session.id, 1, T + 2).await.unwrap();
    assert_eq!(used().await, Some(T + 11), "by a clock that is behind");
    store.touch_session(&session.id, 1, T + 99).await.unwrap();
    assert_eq!(used().await, Some(T + 99));
    store.touch_session(&make_id(), 0, T).await.unwrap();
}

pub async fn live_sessions_are_listed(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let other = registered(&store, &["ben"]).await;
    logged_in(&store, &other.id).await;
    let mut sessions = Vec::new();
    for age in [30, 10, 20] {
        let session = Session { created_at: T - age, ..session_of(&user.id) };
        assert!(store.create_session(&session, Expected::default(), 100).await.unwrap().is_some());
        sessions.push(session);
    }
    let expired = Session { expires_at: T, ..session_of(&user.id) };
    let revoked = Session { revoked_at: Some(T - 1), ..session_of(&user.id) };
    for dead in [&expired, &revoked] {
        assert!(store.create_session(dead, Expected::default(), 100).await.unwrap().is_some());
    }
    let [a, b, c] = <[Session; 3]>::try_from(sessions).unwrap();
    assert_eq!(store.list_sessions(&user.id, T).await.unwrap(), [b, c, a], "newest first");
    assert_eq!(store.list_sessions(&make_id(), T).await.unwrap(), []);
}

pub async fn sessions_are_listed_in_pages(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    for age in [5, 5, 5, 0, 9] {
        let session = Session { created_at: T - age, ..session_of(&user.id) };
        assert!(store.create_session(&session, Expected::default(), 100).await.unwrap().is_some());
    }
    let all = store.list_sessions(&user.id, T).await.unwrap();
    let mut seen: Vec<Session> = Vec::new();
    for size in [2, 2, 1, 0] {
        let after = seen.last().map(|last| (last.created_at, last.id.as_str()));
        let page = store.page_sessions(&user.id, 2, after, T).await.unwrap();
        assert_eq!(page.len(), size);
        seen.extend(page);
    }
    assert_eq!((all.len(), &seen), (5, &all));
    assert_eq!(store.page_sessions(&user.id, 9, Some((T - 9, "")), T).await.unwrap(), []);
}

pub async fn surplus_sessions_are_the_oldest(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let other = registered(&store, &["ben"]).await;
    let spared = logged_in(&store, &other.id).await;
    let mut ids = Vec::new();
    for age in [40, 30, 20, 10] {
        let session = Session { created_at: T - age, ..session_of(&user.id) };
        let opened = store.create_session(&session, Expected::default(), 3).await.unwrap().unwrap();
        assert_eq!(opened, OpenedSession { roles: user.roles.clone(), is_surplus: ids.len() == 3 });
        ids.push(session.id);
    }
    // Made by a clock that is behind.
    let newest = Session { created_at: T - 99, ..session_of(&user.id) };
    assert!(!store.create_session(&newest, Expected::hash(HASH), 5).await.unwrap().unwrap().is_surplus);
    let end = async |most, now| {
        let mut ended = store.revoke_surplus(&user.id, &newest.id, most, now).await.unwrap();
        ended.sort_by_key(|id| ids.iter().position(|one| one == id));
        ended
    };
    assert_eq!(end(5, T).await, Vec::<String>::new());
    assert_eq!(end(4, T + 1).await, ids[..1]);
    assert_eq!(end(4, T + 2).await, Vec::<String>::new());
    assert_eq!(end(2, T + 3).await, ids[1..3]);
    let revoked_at = async |id: &str| store.find_session(id).await.unwrap().unwrap().session.revoked_at;
    assert_eq!((revoked_at(&ids[0]).await, revoked_at(&ids[2]).await), (Some(T + 1), Some(T + 3)));
    assert_eq!((revoked_at(&ids[3]).await, revoked_at(&newest.id).await), (None, None));
    assert_eq!(revoked_at(&spared.id).await, None);
    assert_eq!(end(1, T + 4).await, ids[3..]);
}

/// Of one user at the limit of sessions and of many users: each is let in, in the time that an operation has.
pub async fn logins_at_once_are_all_let_in(store: AnyStore) {
    const AT_ONCE: usize = 64;
    const MOST: usize = 20;
    let login = |store: &AnyStore, user: &NewUser, at: Millis| {
        let (store, session) = (Arc::clone(store), Session { created_at: at, ..session_of(&user.id) });
        async move {
            let opened =
                store.create_session(&session, Expected::hash(HASH), 22).await.unwrap().expect("it is the user's hash");
            if opened.is_surplus {
                store.revoke_surplus(&session.user_id, &session.id, MOST as u32, at).await.unwrap();
            }
        }
    };
    let user = registered(&store, &["anna"]).await;
    for age in 0..MOST as Millis {
        login(&store, &user, T - age).await;
    }
    for turn in 0..2 {
        race(AT_ONCE, |index| login(&store, &user, T + 1 + (turn * AT_ONCE + index) as Millis)).await;
    }
    let last = T + 1 + 2 * AT_ONCE as Millis;
    let session = Session { created_at: last, ..session_of(&user.id) };
    store.create_session(&session, Expected::hash(HASH), 22).await.unwrap().unwrap();
    store.revoke_surplus(&user.id, &session.id, MOST as u32, last).await.unwrap();
    let left = store.list_sessions(&user.id, last).await.unwrap();
    let times: Vec<_> = left.iter().map(|session| session.created_at).collect();
    assert_eq!(times, (0..MOST as Millis).map(|age| last - age).collect::<Vec<_>>(), "the newest");

    users_log_in_at_once(&store, AT_ONCE, 2).await;
}

/// So many users, each so many times, all at once.
pub async fn users_log_in_at_once(store: &AnyStore, users: usize, times: usize) {
    let mut all = Vec::new();
    for index in 0..users {
        all.push(registered(store, &[&format!("user{index}")]).await);
    }
    race(users * times, |index| {
        let (store, session) = (Arc::clone(store), session_of(&all[index % users].id));
        async move { assert!(store.create_session(&session, Expected::hash(HASH), 100).await.unwrap().is_some()) }
    })
    .await;
    for user in all {
        assert_eq!(store.list_sessions(&user.id, T).await.unwrap().len(), times);
    }
}

pub async fn a_session_is_revoked_once_and_by_its_owner(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let other = registered(&store, &["ben"]).await;
    let session = logged_in(&store, &user.id).await;
    assert!(!store.revoke_session(&session.id, Some(&other.id), T + 1).await.unwrap());
    assert!(store.revoke_session(&session.id, Some(&user.id), T + 2).await.unwrap());
    assert!(!store.revoke_session(&session.id, Some(&user.id), T + 3).await.unwrap());
    let found = store.find_session(&session.id).await.unwrap().unwrap();
    assert_eq!(found.session.revoked_at, Some(T + 2));
    let expiring = logged_in(&store, &user.id).await;
    assert!(!store.revoke_session(&expiring.id, None, T + HOUR).await.unwrap(), "expired");
    assert!(!store.revoke_session(&make_id(), None, T).await.unwrap());
}

pub async fn all_sessions_are_revoked(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let other = registered(&store, &["ben"]).await;
    let spared = logged_in(&store, &other.id).await;
    let mut ids = vec![logged_in(&store, &user.id).await.id, logged_in(&store, &user.id).await.id];
    let gone = logged_in(&store, &user.id).await;
    store.revoke_session(&gone.id, None, T).await.unwrap();
    let mut revoked = store.revoke_sessions(&user.id, T + 1).await.unwrap();
    ids.sort();
    revoked.sort();
    assert_eq!(revoked, ids);
    assert_eq!(store.list_sessions(&user.id, T).await.unwrap(), []);
    assert_eq!(store.revoke_sessions(&user.id, T + 2).await.unwrap(), Vec::<String>::new());
    assert_eq!(store.list_sessions(&other.id, T).await.unwrap(), [spared]);
}

/// Thirty logins, each with the hash that was right when it was verified, race a change of the password.
pub async fn no_login_outlives_a_password_change(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    for round in 0..10 {
        let (old, new) = (format!("{HASH}{round}"), format!("{HASH}{}", round + 1));
        store.change_password(&user.id, None, &old, T).await.unwrap();
        let made = race(31, |index| {
            let (store, id, old, new) = (Arc::clone(&store), user.id.clone(), old.clone(), new.clone());
            async move {
                if index == 15 {
                    assert!(store.change_password(&id, Some(&old), &new, T).await.unwrap());
                    return false;
                }
                store.create_session(&session_of(&id), Expected::hash(&old), 100).await.unwrap().is_some()
            }
        })
        .await;
        let live = store.list_sessions(&user.id, T).await.unwrap();
        assert_eq!(live, [], "{} sessions were made", made.iter().filter(|made| **made).count());
    }
}

pub async fn no_rotation_outlives_a_password_change(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    for _ in 0..10 {
        store.change_password(&user.id, None, HASH, T).await.unwrap();
        let session = logged_in(&store, &user.id).await;
        race(8, |index| {
            let (store, session, user_id) = (Arc::clone(&store), session.id.clone(), user.id.clone());
            async move {
                if index == 3 {
                    store.change_password(&user_id, Some(HASH), OTHER, T).await.unwrap();
                    return;
                }
                let mut generation = 0;
                while let Rotation::Rotated(state) = store.rotate(&session, generation, T + HOUR, T).await.unwrap() {
                    generation = state.session.generation;
                    if generation > 20 {
                        break;
                    }
                }
            }
        })
        .await;
        assert_eq!(store.list_sessions(&user.id, T).await.unwrap(), []);
    }
}

pub async fn identifiers_are_added_all_or_none(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    registered(&store, &["ben"]).await;
    let (second, third) = (identifier("second"), identifier("third"));
    let add = async |values: &[Identifier]| {
        store.add_identifiers(&user.id, values, &ChangeLimits::default(), T + 1).await.unwrap()
    };
    assert_eq!(add(&[second.clone(), third.clone()]).await, IdentifierChange::Done);
    assert_eq!(add(&[identifier("fourth"), identifier("ben")]).await, IdentifierChange::Taken);
    assert_eq!(add(&[identifier("anna")]).await, IdentifierChange::Taken);
    let nobody = store.add_identifiers(&make_id(), &[identifier("x")], &ChangeLimits::default(), T).await.unwrap();
    assert_eq!(nobody, IdentifierChange::NoUser);
    let found = store.find_user(&user.id).await.unwrap().unwrap();
    assert_eq!(found.identifiers, [user.identifiers[0].clone(), second, third]);
    assert_eq!(store.find_credential("third", "third", &[]).await.unwrap().unwrap().user_id, user.id);
    assert!(store.find_credential("fourth", "fourth", &[]).await.unwrap().is_none());
}

fn update(of: &Identifier, normalized: &str) -> IdentifierUpdate {
    IdentifierUpdate {
        id: of.id.clone(),
        kind: "email".into(),
        value: normalized.to_uppercase(),
        normalized: normalized.into(),
    }
}

pub async fn identifiers_are_updated_all_or_none(store: AnyStore) {
    let user = registered(&store, &["anna", "zoe"]).await;
    let other = registered(&store, &["ben"]).await;
    let [anna, zoe] = [&user.identifiers[0], &user.identifiers[1]];
    let apply = async |updates: &[IdentifierUpdate]| {
        store.update_identifiers(&user.id, updates, &[], &ChangeLimits::default(), T).await.unwrap()
    };

    assert_eq!(apply(&[update(anna, "new"), update(zoe, "ben")]).await, IdentifierChange::Taken);
    assert_eq!(apply(&[update(anna, "same"), update(zoe, "same")]).await, IdentifierChange::Taken);
    let foreign = update(&other.identifiers[0], "mine");
    assert_eq!(apply(&[update(anna, "new"), foreign]).await, IdentifierChange::NotFound);
    assert_eq!(apply(&[update(&identifier("x"), "new")]).await, IdentifierChange::NotFound);
    let nobody =
        store.update_identifiers(&make_id(), &[update(anna, "new")], &[], &ChangeLimits::default(), T).await.unwrap();
    assert_eq!(nobody, IdentifierChange::NoUser);
    assert_eq!(store.find_user(&user.id).await.unwrap().unwrap().identifiers, user.identifiers, "unchanged so far");

    assert_eq!(apply(&[update(anna, "new")]).await, IdentifierChange::Done);
    assert_eq!(apply(&[update(zoe, "zoe")]).await, IdentifierChange::Done, "its own value again");
    let found = store.find_user(&user.id).await.unwrap().unwrap().identifiers;
    assert_eq!(
        (found[0].kind.as_str(), found[0].value.as_str(), found[0].normalized.as_str()),
        ("email", "NEW", "new")
    );
    assert!(store.find_credential("anna", "anna", &[]).await.unwrap().is_none());
    registered(&store, &["anna"]).await;
}

pub async fn identifiers_change_places(store: AnyStore) {
    let user = registered(&store, &["a", "b", "c"]).await;
    let [a, b, c] = [&user.identifiers[0], &user.identifiers[1], &user.identifiers[2]];
    let swap = [update(a, "b"), update(b, "a")];
    assert_eq!(
        store.update_identifiers(&user.id, &swap, &[], &ChangeLimits::default(), T).await.unwrap(),
        IdentifierChange::Done
    );
    let circle = [update(a, "c"), update(b, "b"), update(c, "a")];
    assert_eq!(
        store.update_identifiers(&user.id, &circle, &[], &ChangeLimits::default(), T).await.unwrap(),
        IdentifierChange::Done
    );
    let found = store.find_user(&user.id).await.unwrap().unwrap().identifiers;
    let values: Vec<&str> = found.iter().map(|one| one.normalized.as_str()).collect();
    assert_eq!(values, ["c", "b", "a"]);
}

pub async fn identifiers_are_changed_and_added_in_one_step(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    registered(&store, &["ben"]).await;
    let anna = &user.identifiers[0];
    let taken = store
        .update_identifiers(&user.id, &[update(anna, "new")], &[identifier("ben")], &ChangeLimits::default(), T)
        .await
        .unwrap();
    assert_eq!(taken, IdentifierChange::Taken);
    assert_eq!(store.find_user(&user.id).await.unwrap().unwrap().identifiers, user.identifiers);
    // What an update leaves is free for what is added beside it.
    let done = store
        .update_identifiers(&user.id, &[update(anna, "new")], &[identifier("anna")], &ChangeLimits::default(), T)
        .await
        .unwrap();
    assert_eq!(done, IdentifierChange::Done);
    let found = store.find_user(&user.id).await.unwrap().unwrap().identifiers;
    let values: Vec<&str> = found.iter().map(|one| one.normalized.as_str()).collect();
    assert_eq!(values, ["new", "anna"]);
}

pub async fn identifiers_are_deleted_but_for_the_last(store: AnyStore) {
    let user = registered(&store, &["a", "b", "c"]).await;
    let other = registered(&store, &["ben"]).await;
    let ids: Vec<String> = user.identifiers.iter().map(|one| one.id.clone()).collect();
    let delete =
        async |ids: &[String]| store.delete_identifiers(&user.id, ids, &ChangeLimits::default(), T).await.unwrap();

    assert_eq!(delete(&ids).await, IdentifierChange::LastOne);
    let foreign = [ids[0].clone(), other.identifiers[0].id.clone()];
    assert_eq!(delete(&foreign).await, IdentifierChange::NotFound);
    assert_eq!(
        store.delete_identifiers(&make_id(), &ids[..1], &ChangeLimits::default(), T).await.unwrap(),
        IdentifierChange::NoUser
    );
    assert_eq!(store.find_user(&user.id).await.unwrap().unwrap().identifiers.len(), 3);

    let twice = [ids[0].clone(), ids[0].clone(), ids[1].clone()];
    assert_eq!(delete(&twice).await, IdentifierChange::Done);
    assert_eq!(delete(&ids[..1]).await, IdentifierChange::NotFound);
    assert_eq!(delete(&ids[2..]).await, IdentifierChange::LastOne);
    let found = store.find_user(&user.id).await.unwrap().unwrap().identifiers;
    assert_eq!(found, [user.identifiers[2].clone()]);
    registered(&store, &["a"]).await;
}

pub async fn the_last_identifier_survives_races(store: AnyStore) {
    let values: Vec<String> = (0..20).map(|index| format!("v{index}")).collect();
    let user = registered(&store, &values.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let results = race(200, |index| {
        let (store, user_id) = (Arc::clone(&store), user.id.clone());
        // Singles, and pairs in either order.
        let mut ids = vec![user.identifiers[index % 20].id.clone()];
        if index % 3 == 0 {
            ids.push(user.identifiers[(index * 7 + 1) % 20].id.clone());
        }
        async move {
            (ids.len() as u64, store.delete_identifiers(&user_id, &ids, &ChangeLimits::default(), T).await.unwrap())
        }
    })
    .await;
    let left = store.find_user(&user.id).await.unwrap().unwrap().identifiers;
    assert_eq!(left.len(), 1);
    assert!(results.iter().any(|(_, change)| *change == IdentifierChange::Done));
    assert!(results.iter().any(|(_, change)| *change == IdentifierChange::LastOne));
}

pub async fn two_users_race_for_a_value(store: AnyStore) {
    let anna = registered(&store, &["anna"]).await;
    let ben = registered(&store, &["ben"]).await;
    for round in 0..10 {
        let (x, y) = (format!("x{round}"), format!("y{round}"));
        let results = race(2, |index| {
            let store = Arc::clone(&store);
            let user = if index == 0 { anna.id.clone() } else { ben.id.clone() };
            let wanted = if index == 0 { [identifier(&x), identifier(&y)] } else { [identifier(&y), identifier(&x)] };
            async move { store.add_identifiers(&user, &wanted, &ChangeLimits::default(), T).await.unwrap() }
        })
        .await;
        assert_eq!(results.iter().filter(|change| **change == IdentifierChange::Done).count(), 1);
        assert_eq!(results.iter().filter(|change| **change == IdentifierChange::Taken).count(), 1);
    }
}

pub async fn two_updates_race_for_a_value(store: AnyStore) {
    let anna = registered(&store, &["anna"]).await;
    let ben = registered(&store, &["ben"]).await;
    for round in 0..10 {
        let wanted = format!("w{round}");
        let results = race(2, |index| {
            let store = Arc::clone(&store);
            let user = if index == 0 { &anna } else { &ben };
            let (id, change) = (user.id.clone(), update(&user.identifiers[0], &wanted));
            async move { store.update_identifiers(&id, &[change], &[], &ChangeLimits::default(), T).await.unwrap() }
        })
        .await;
        assert_eq!(results.iter().filter(|change| **change == IdentifierChange::Done).count(), 1);
        assert_eq!(results.iter().filter(|change| **change == IdentifierChange::Taken).count(), 1);
    }
}

pub async fn the_number_of_identifiers_survives_races(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let limits = ChangeLimits { most: Some(5), ..ChangeLimits::default() };
    let results = race(40, |index| {
        let (store, user_id, limits) = (Arc::clone(&store), user.id.clone(), limits.clone());
        // Every other one by the way that changes and adds.
        let (change, added) = (update(&user.identifiers[0], "anna"), [identifier(&format!("v{index}"))]);
        async move {
            let updates = if index % 2 == 0 { vec![] } else { vec![change] };
            store.update_identifiers(&user_id, &updates, &added, &limits, T).await.unwrap()
        }
    })
    .await;
    assert_eq!(results.iter().filter(|change| **change == IdentifierChange::Done).count(), 4);
    assert_eq!(results.iter().filter(|change| **change == IdentifierChange::TooMany).count(), 36);
    assert_eq!(store.find_user(&user.id).await.unwrap().unwrap().identifiers.len(), 5);
    // Who has as many, or more by the host's own code, may still change them.
    let less = ChangeLimits { most: Some(2), ..ChangeLimits::default() };
    let change = [update(&user.identifiers[0], "bella")];
    assert_eq!(store.update_identifiers(&user.id, &change, &[], &less, T).await.unwrap(), IdentifierChange::Done);
    let more = store.add_identifiers(&user.id, &[identifier("x")], &ChangeLimits::default(), T).await.unwrap();
    assert_eq!(more, IdentifierChange::Done);
}

/// An identifier as a registration makes it, with the claim that goes with it.
fn claimed(kind: &str, value: &str) -> (Identifier, Claim) {
    let normalized = sentri_core::identifier::normalize(kind, value).unwrap().normalized;
    let identifier =
        Identifier { id: make_id(), kind: kind.into(), value: value.into(), normalized, verified_at: None };
    (identifier, sentri_core::identifier::claim(kind, value).unwrap())
}

fn user_named(kind: &str, value: &str) -> NewUser {
    let (identifier, claim) = claimed(kind, value);
    NewUser { identifiers: vec![identifier], claims: vec![claim], ..new_user(&[]) }
}

pub async fn a_sign_in_leads_to_one_user(store: AnyStore) {
    assert!(store.create_user(&user_named("username", "Rizz")).await.unwrap());
    assert!(!store.create_user(&user_named("staff", "Rizz")).await.unwrap(), "a sign-in with it finds the username");
    assert!(!store.create_user(&user_named("staff", "RIZZ")).await.unwrap());
    assert!(store.create_user(&user_named("staff", "ABC")).await.unwrap());
    assert!(store.create_user(&user_named("badge", "abc")).await.unwrap(), "types that keep case stand side by side");
    assert!(!store.create_user(&user_named("username", "ABC")).await.unwrap());
    let kept = registered(&store, &["anna"]).await;
    let (added, claim) = claimed("username", "ABC");
    let limits = ChangeLimits { claims: vec![claim], ..ChangeLimits::default() };
    let taken = store.add_identifiers(&kept.id, &[added], &limits, T).await.unwrap();
    assert_eq!(taken, IdentifierChange::Taken);
    assert_eq!(store.find_user(&kept.id).await.unwrap().unwrap().identifiers, kept.identifiers, "and nothing is left");
    // Of one user, all spellings lead to the same.
    let (one, claim) = claimed("username", "Kim");
    let (two, other) = claimed("staff", "Kim");
    let kim = NewUser { identifiers: vec![one, two], claims: vec![claim, other], ..new_user(&[]) };
    assert!(store.create_user(&kim).await.unwrap());
    assert_eq!(store.find_user(&kim.id).await.unwrap().unwrap().identifiers.len(), 2);
}

/// The owner to whom a login by this text leads.
async fn owner_of(store: &AnyStore, typed: &str) -> Option<String> {
    let found = sentri_core::identifier::lookup(typed).unwrap();
    let credential = store.find_credential(&found.normalized, &found.exact, &found.others).await.unwrap();
    credential.map(|credential| credential.user_id)
}

pub async fn names_that_fold_to_one_lead_to_one_user(store: AnyStore) {
    let names = [
        ("username", "Straße", ["STRASSE", "strasse", "STRAẞE"]),
        ("username", "Jessica", ["JEßICA", "jeſsica", "JESSICA"]),
        ("username", "ßßßß", ["SSSSSSSS", "ßßssß", "ssßßss"]),
        ("username", "ᾳdam", ["αιdam", "ΑΙDAM", "ᾼdam"]),
        ("email", "Groß@example.com", ["GROSS@EXAMPLE.COM", "gross@example.com", "GROẞ@example.com"]),
    ];
    for (kind, name, spellings) in names {
        let user = user_named(kind, name);
        assert!(store.create_user(&user).await.unwrap(), "{name}");
        assert_eq!(owner_of(&store, name).await.as_ref(), Some(&user.id), "{name}");
        let stranger = registered(&store, &[&make_id()]).await;
        for spelling in spellings {
            assert!(!store.create_user(&user_named(kind, spelling)).await.unwrap(), "{spelling} beside {name}");
            assert_eq!(owner_of(&store, spelling).await.as_ref(), Some(&user.id), "{spelling}");
            if kind == "username" {
                assert!(!store.create_user(&user_named("staff", spelling)).await.unwrap(), "{spelling} finds {name}");
            }
            let (added, claim) = claimed(kind, spelling);
            let limits = ChangeLimits { claims: vec![claim], ..ChangeLimits::default() };
            let change = store.add_identifiers(&stranger.id, &[added], &limits, T).await.unwrap();
            assert_eq!(change, IdentifierChange::Taken, "{spelling}");
        }
        // The owner may have every spelling.
        let (added, claim) = claimed(kind, spellings[0]);
        let is_free = added.normalized != user.identifiers[0].normalized;
        let limits = ChangeLimits { claims: vec![claim], ..ChangeLimits::default() };
        let change = store.add_identifiers(&user.id, &[added], &limits, T).await.unwrap();
        assert_eq!(change == IdentifierChange::Done, is_free, "{name}");
    }
    // The domain of an address is no name that folds.
    assert!(store.create_user(&user_named("email", "a@straße.example")).await.unwrap());
    assert!(store.create_user(&user_named("email", "a@strasse.example")).await.unwrap());
}

pub async fn rows_that_fold_to_one_are_found_by_their_own_spelling(store: AnyStore) {
    // As a 6.0 beside this process makes them.
    let (sharp, plain) = (registered(&store, &["straße"]).await, registered(&store, &["strasse"]).await);
    for (typed, owner) in [("straße", &sharp), ("STRAẞE", &sharp), ("strasse", &plain), ("STRASSE", &plain)] {
        assert_eq!(owner_of(&store, typed).await.as_ref(), Some(&owner.id), "{typed}");
    }
    assert!(!store.create_user(&user_named("username", "Strasse")).await.unwrap());
    let alone = registered(&store, &["groß"]).await;
    assert_eq!(owner_of(&store, "GROSS").await, Some(alone.id));
    // What folds further than to ß, as 6.0 stores it.
    let below = registered(&store, &["ᾳ"]).await;
    assert_eq!(owner_of(&store, "ᾼ").await, Some(below.id));
    assert_eq!(owner_of(&store, "αι").await, None);
    // An own type keeps its letters apart.
    assert!(store.create_user(&user_named("staff", "weiß")).await.unwrap());
    assert!(store.create_user(&user_named("staff", "weiss")).await.unwrap());
    assert!(!store.create_user(&user_named("username", "WEISS")).await.unwrap());
}

pub async fn one_of_many_spellings_is_registered(store: AnyStore) {
    let spellings = ["mississippi", "mißissippi", "missißippi", "mißißippi", "MISSISSIPPI", "MIẞIẞIPPI"];
    for end in ["", "1", "2", "ssss"] {
        let results = race(12, |index| {
            let store = Arc::clone(&store);
            let user = user_named("username", &format!("{}{end}", spellings[index % spellings.len()]));
            async move { store.create_user(&user).await.unwrap() }
        })
        .await;
        assert_eq!(results.iter().filter(|made| **made).count(), 1, "{end}");
    }
}

pub async fn a_sign_in_is_claimed_by_one_of_many(store: AnyStore) {
    let anna = registered(&store, &["anna"]).await;
    for round in 0..6 {
        let value = format!("Name{round}");
        let results = race(12, |index| {
            let (store, anna) = (Arc::clone(&store), anna.id.clone());
            let kind = if index % 2 == 0 { "username" } else { "staff" };
            let user = user_named(kind, &value);
            async move {
                if index > 1 {
                    return store.create_user(&user).await.unwrap();
                }
                // A user of another registration, and one who changes what there is.
                let limits = ChangeLimits { claims: user.claims.clone(), ..ChangeLimits::default() };
                let change = store.add_identifiers(&anna, &user.identifiers, &limits, T).await.unwrap();
                change == IdentifierChange::Done
            }
        })
        .await;
        // The two of one user may stand beside each other.
        let by_one_user = results[..2].iter().filter(|won| **won).count().min(1);
        let others = results[2..].iter().filter(|won| **won).count();
        assert_eq!(by_one_user + others, 1, "{value}: {results:?}");
    }
}

pub async fn one_first_key(store: AnyStore) {
    assert!(store.list_keys().await.unwrap().is_empty());
    let results = race(8, |index| {
        let (store, mine) = (Arc::clone(&store), key(&format!("kid{index}"), T));
        async move { store.add_key(&mine, None).await.unwrap() }
    })
    .await;
    assert_eq!(results.iter().filter(|made| **made).count(), 1);
    let keys = store.list_keys().await.unwrap();
    assert_eq!(keys.len(), 1);
    let winner = results.iter().position(|made| *made).unwrap();
    assert_eq!(keys[0].kid, format!("kid{winner}"));

    let newest = keys[0].kid.clone();
    let results = race(8, |index| {
        let (store, mine, newest) = (Arc::clone(&store), key(&format!("next{index}"), T + 1), newest.clone());
        async move { store.add_key(&mine, Some(&newest)).await.unwrap() }
    })
    .await;
    assert_eq!(results.iter().filter(|made| **made).count(), 1);
    assert_eq!(store.list_keys().await.unwrap().len(), 2);
}

pub async fn keys_follow_one_another(store: AnyStore) {
    assert!(!store.add_key(&key("a", T), Some("nobody")).await.unwrap());
    assert!(store.add_key(&key("a", T), None).await.unwrap());
    assert!(!store.add_key(&key("b", T), None).await.unwrap(), "there is a key");
    assert!(store.add_key(&key("b", T + 10), Some("a")).await.unwrap());
    assert!(!store.add_key(&key("c", T + 20), Some("a")).await.unwrap(), "a has a successor");
    assert!(!store.add_key(&key("b", T + 20), Some("b")).await.unwrap(), "a key is added once");
    assert!(store.add_key(&key("c", T + 20), Some("b")).await.unwrap());

    let keys = store.list_keys().await.unwrap();
    let shape: Vec<_> = keys.iter().map(|key| (key.kid.as_str(), key.active_from, key.retired_at)).collect();
    assert_eq!(shape, [("c", T + 20, None), ("b", T + 10, Some(T + 20)), ("a", T, Some(T + 10))]);
    assert_eq!((keys[0].private_key.expose().as_str(), keys[0].algorithm.as_str()), ("pem of c", "RS256"));
    assert_eq!(keys[0].created_at, T);

    assert_eq!(store.delete_keys(T + 10).await.unwrap(), 0, "retired at that instant, not before it");
    assert_eq!(store.delete_keys(T + 11).await.unwrap(), 1);
    assert_eq!(store.delete_keys(T + HOUR).await.unwrap(), 1, "the newest is never retired");
    assert!(!store.add_key(&key("d", T), None).await.unwrap(), "there still is a key");
    assert!(store.add_key(&key("d", T + 30), Some("c")).await.unwrap());
}

pub async fn dead_sessions_are_purged_in_portions(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    for age in 0..5 {
        let expired = Session { expires_at: T - 100 - age, ..session_of(&user.id) };
        let revoked = Session { revoked_at: Some(T - 100 - age), ..session_of(&user.id) };
        for session in [&expired, &revoked] {
            assert!(store.create_session(session, Expected::default(), 100).await.unwrap().is_some());
        }
    }
    let live = logged_in(&store, &user.id).await;
    let recent = Session { revoked_at: Some(T), ..session_of(&user.id) };
    assert!(store.create_session(&recent, Expected::default(), 100).await.unwrap().is_some());
    assert_eq!(store.purge_sessions(T, 4).await.unwrap(), 4);
    assert_eq!(store.purge_sessions(T, 100).await.unwrap(), 6);
    assert_eq!(store.purge_sessions(T, 100).await.unwrap(), 0);
    assert!(store.find_session(&live.id).await.unwrap().is_some());
    assert!(store.find_session(&recent.id).await.unwrap().is_some());
}

pub async fn migrations_repeat(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    store.check().await.unwrap();
    for later in 0..3 {
        store.migrate(T + later).await.unwrap();
    }
    store.check().await.unwrap();
    assert_eq!(store.find_user(&user.id).await.unwrap().unwrap().identifiers, user.identifiers);
}

pub async fn a_closed_store_is_unavailable(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    store.close().await;
    store.close().await;
    assert!(matches!(store.find_user(&user.id).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.create_user(&new_user(&["ben"])).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
}
