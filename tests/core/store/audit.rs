//! The audit over every executor: an entry is there with its change or not at all.

use sentri_core::audit::{Actor, AuditEntry, Author, Change};
use sentri_core::clock::Millis;
use sentri_core::crypto::make_id;
use sentri_core::event::EventName;
use sentri_core::store::audit::{EntryQuery, StoredEntry};
use sentri_core::store::import::{Imported, NewImport};
use sentri_core::store::model::{ChangeLimits, Expected, IdentifierChange, Rotation, Session, StoredKey};
use serde_json::json;

use crate::conformance::{AnyStore, HASH, HOUR, OTHER, T, logged_in, new_user, race, registered, session_of};

/// Expands the suite as tests of all its cases, as `store_conformance!` does.
#[macro_export]
macro_rules! audit_conformance {
    ($($name:ident, $factory:path;)*) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn every_case() {
                $crate::conformance::hold($factory, $crate::audit_conformance!(@each @list)).await;
            }
        })*
    };
    (@each $($head:tt)*) => {
        $crate::audit_conformance! { $($head)*
            an_entry_goes_with_its_change
            an_entry_goes_with_a_session
            an_entry_goes_with_an_import
            one_of_many_changes_leaves_an_entry
            an_entry_comes_back_whole
            entries_are_listed_in_pages
            a_deletion_forgets_addresses
            old_entries_are_purged_in_portions
        }
    };
    (@list $($case:ident)*) => {
        vec![$((stringify!($case), |store| Box::pin($crate::audit::$case(store)))),*]
    };
}

fn entry(event: EventName, subject: &str, at: Millis) -> AuditEntry {
    let author = Author { actor: Actor::Code, ip: Some("203.0.113.7".into()), ..Author::default() };
    AuditEntry { at, change: Change::of(event, subject), author }
}

/// The same store with an entry of the event for its next write.
fn noting(store: &AnyStore, event: EventName, subject: &str) -> AnyStore {
    store.noting(vec![entry(event, subject, T)]).unwrap()
}

async fn about(store: &AnyStore, subject: &str) -> Vec<String> {
    let query = EntryQuery { limit: 100, subject: Some(subject), ..EntryQuery::default() };
    let mut found: Vec<String> =
        store.list_entries(&query).await.unwrap().into_iter().map(|entry| entry.event).collect();
    found.reverse();
    found
}

pub async fn an_entry_goes_with_its_change(store: AnyStore) {
    let user = new_user(&["anna", "annie"]);
    let id = user.id.as_str();
    let with = |event: EventName| noting(&store, event, id);
    assert!(with(EventName::RegisterSuccess).create_user(&user).await.unwrap());
    assert!(!noting(&store, EventName::RegisterSuccess, "nobody").create_user(&new_user(&["anna"])).await.unwrap());
    assert!(with(EventName::RolesAssigned).set_roles(id, &["editor".to_owned()], T + 1).await.unwrap());
    assert!(!noting(&store, EventName::RolesAssigned, "nobody").set_roles("nobody", &[], T + 1).await.unwrap());
    assert!(!with(EventName::PasswordChanged).change_password(id, Some(OTHER), OTHER, T + 1).await.unwrap());
    assert!(with(EventName::PasswordChanged).change_password(id, Some(HASH), OTHER, T + 1).await.unwrap());
    let limits = ChangeLimits::default();
    let nothing = vec![make_id()];
    let refused = with(EventName::IdentifiersDeleted).delete_identifiers(id, &nothing, &limits, T + 1).await.unwrap();
    assert_eq!(refused, IdentifierChange::NotFound);
    let one = vec![user.identifiers[0].id.clone()];
    let done = with(EventName::IdentifiersDeleted).delete_identifiers(id, &one, &limits, T + 1).await.unwrap();
    assert_eq!(done, IdentifierChange::Done);
    assert!(with(EventName::MfaRemoved).remove_factors(id, T + 1).await.unwrap());
    assert!(!noting(&store, EventName::MfaRemoved, "nobody").remove_factors("nobody", T + 1).await.unwrap());
    let names = [
        "auth.register.success",
        "auth.roles.assigned",
        "auth.password.changed",
        "auth.identifiers.deleted",
        "auth.mfa.removed",
    ];
    assert_eq!(about(&store, id).await, names);
    assert_eq!(about(&store, "nobody").await, [] as [&str; 0]);
    let key = |kid: &str| StoredKey {
        kid: kid.into(),
        algorithm: "RS256".into(),
        private_key: "a key".to_owned().into(),
        created_at: T,
        active_from: T,
        retired_at: None,
    };
    assert!(noting(&store, EventName::KeysRotated, "first").add_key(&key("1"), None).await.unwrap());
    assert!(!noting(&store, EventName::KeysRotated, "second").add_key(&key("2"), Some("0")).await.unwrap());
    assert_eq!((about(&store, "first").await.len(), about(&store, "second").await.len()), (1, 0));
}

pub async fn an_entry_goes_with_a_session(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let id = user.id.as_str();
    let with = |event: EventName| noting(&store, event, id);
    let refused = with(EventName::LoginSuccess).create_session(&session_of(id), Expected::hash(OTHER), 100).await;
    assert_eq!(refused.unwrap(), None);
    let session = session_of(id);
    let opened = with(EventName::LoginSuccess).create_session(&session, Expected::hash(HASH), 100).await.unwrap();
    assert_eq!(opened.unwrap().roles, user.roles);
    let behind = with(EventName::RefreshSuccess).rotate(&session.id, 7, T + HOUR, T + 1).await.unwrap();
    assert!(matches!(behind, Rotation::Behind(_)), "{behind:?}");
    let stepped = with(EventName::RefreshSuccess).rotate(&session.id, 0, T + HOUR, T + 1).await.unwrap();
    let Rotation::Rotated(state) = stepped else { panic!("{stepped:?}") };
    let renewed = Session { generation: 1, ..state.session };
    for (hash, is_done) in [(OTHER, false), (HASH, true)] {
        let step = with(EventName::StepUpSuccess).reauthenticate(&renewed, Expected::hash(hash), T + 2).await.unwrap();
        assert_eq!(matches!(step, Rotation::Rotated(_)), is_done, "{step:?}");
    }
    for (session, is_done) in [("nothing", false), (session.id.as_str(), true), (session.id.as_str(), false)] {
        assert_eq!(with(EventName::SessionRevoked).revoke_session(session, None, T + 3).await.unwrap(), is_done);
    }
    assert_eq!(with(EventName::LogoutAll).revoke_sessions(id, T + 3).await.unwrap(), [] as [&str; 0]);
    let mut others = [logged_in(&store, id).await.id, logged_in(&store, id).await.id];
    others.sort();
    let mut ended = with(EventName::LogoutAll).revoke_sessions(id, T + 3).await.unwrap();
    ended.sort();
    assert_eq!(ended, others);
    let names = [
        "auth.login.success",
        "auth.refresh.success",
        "auth.step_up.success",
        "auth.session.revoked",
        "auth.logout_all",
    ];
    assert_eq!(about(&store, id).await, names);
}

pub async fn an_entry_goes_with_an_import(store: AnyStore) {
    let import = |name: &str| NewImport { user: new_user(&[name]), factors: Vec::new() };
    let users = [import("anna"), import("ben"), import("anna")];
    let with = noting(&store, EventName::UsersImported, "import");
    let ends = with.import_users(&users, T, true).await.unwrap();
    assert_eq!(ends, [Imported::Written, Imported::Written, Imported::Taken]);
    let again = with.import_users(&users[..2], T, true).await.unwrap();
    assert_eq!(again, [Imported::Present; 2]);
    let query = EntryQuery { limit: 9, subject: Some("import"), ..EntryQuery::default() };
    let found = store.list_entries(&query).await.unwrap();
    assert_eq!(found.iter().map(|entry| entry.fields["count"].clone()).collect::<Vec<_>>(), [json!(2)]);
}

pub async fn one_of_many_changes_leaves_an_entry(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let done = race(8, |_| {
        let (store, id) = (noting(&store, EventName::PasswordChanged, &user.id), user.id.clone());
        async move { store.change_password(&id, Some(HASH), OTHER, T + 1).await.unwrap() }
    });
    assert_eq!(done.await.into_iter().filter(|is_done| *is_done).count(), 1);
    assert_eq!(about(&store, &user.id).await, ["auth.password.changed"]);
}

pub async fn an_entry_comes_back_whole(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let change = Change::of(EventName::RolesAssigned, &user.id)
        .with("roles", json!(["\u{e9}\u{1f600}", "a\u{0}b", "quote\"d", "back\\slash"]))
        .with("count", 2);
    let author = Author {
        actor: Actor::User("somebody".into()),
        session: Some("x".repeat(300)),
        ip: Some("2001:db8::1".into()),
        request_id: Some("a\u{0}\u{1f600}\n".into()),
    };
    let entry = AuditEntry { at: T + 7, change: change.clone(), author };
    let nobody = AuditEntry { at: T + 8, change: Change::of_nobody(EventName::KeysRotated), author: Author::default() };
    let with = store.noting(vec![entry, nobody]).unwrap();
    assert!(with.set_roles(&user.id, &["editor".to_owned()], T + 7).await.unwrap());
    let found = store.list_entries(&EntryQuery { limit: 9, ..EntryQuery::default() }).await.unwrap();
    let [nobody, entry] = &found[..] else { panic!("{found:?}") };
    let StoredEntry { id, at, event, actor, subject, session, ip, request_id, fields } = entry.clone();
    assert_eq!((id.len(), at, event.as_str()), (36, T + 7, "auth.roles.assigned"));
    assert_eq!((actor.as_deref(), subject.as_deref()), (Some("somebody"), Some(user.id.as_str())));
    assert_eq!((session.unwrap().len(), ip.as_deref()), (255, Some("2001:db8::1")), "as much as the column holds");
    assert_eq!((request_id.as_deref(), &fields), (Some("a\u{1f600}"), &change.fields));
    assert_eq!((&nobody.actor, &nobody.subject, &nobody.session, &nobody.ip), (&None, &None, &None, &None));
}

pub async fn entries_are_listed_in_pages(store: AnyStore) {
    let users = [registered(&store, &["anna"]).await, registered(&store, &["ben"]).await];
    // Of one instant three times, so that the id decides.
    for (n, at) in [T, T + 1, T + 1, T + 1, T + 2].into_iter().enumerate() {
        let user = &users[n % 2];
        let event = if n == 0 { EventName::PasswordChanged } else { EventName::RolesAssigned };
        let with = store.noting(vec![entry(event, &user.id, at)]).unwrap();
        assert!(with.set_roles(&user.id, &[format!("role{n}")], T + 10).await.unwrap());
    }
    let page = async |before: Option<(Millis, &str)>, subject: Option<&str>, event: Option<&str>, limit: u32| {
        store.list_entries(&EntryQuery { limit, before, subject, event }).await.unwrap()
    };
    let all = page(None, None, None, 100).await;
    assert_eq!(all.iter().map(|one| one.at - T).collect::<Vec<_>>(), [2, 1, 1, 1, 0]);
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let found = page(before.as_ref().map(|(at, id): &(Millis, String)| (*at, id.as_str())), None, None, 2).await;
        let Some(last) = found.last() else { break };
        before = Some((last.at, last.id.clone()));
        seen.extend(found);
    }
    assert_eq!(seen, all);
    let of_ben = page(None, Some(&users[1].id), None, 100).await;
    assert_eq!(of_ben.len(), 2);
    assert_eq!(page(None, Some(&users[0].id), Some("auth.roles.assigned"), 100).await.len(), 2);
    assert_eq!(page(None, None, Some("auth.password.changed"), 100).await, all[4..]);
    for nobody in ["' OR '1' = '1", "nobody", "", &users[0].id.to_uppercase(), &format!("{} ", users[0].id)] {
        assert_eq!(page(None, Some(nobody), None, 100).await, []);
    }
}

pub async fn a_deletion_forgets_addresses(store: AnyStore) {
    let [anna, ben] = [registered(&store, &["anna"]).await, registered(&store, &["ben"]).await];
    let roles = |n: u8| vec![format!("role{n}")];
    assert!(noting(&store, EventName::RolesAssigned, &anna.id).set_roles(&anna.id, &roles(1), T + 1).await.unwrap());
    let mut by_anna = entry(EventName::RolesAssigned, &ben.id, T);
    by_anna.author.actor = Actor::User(anna.id.clone());
    assert!(store.noting(vec![by_anna]).unwrap().set_roles(&ben.id, &roles(2), T + 1).await.unwrap());
    assert!(noting(&store, EventName::RolesAssigned, &ben.id).set_roles(&ben.id, &roles(3), T + 1).await.unwrap());
    assert!(noting(&store, EventName::UserDeleted, &anna.id).delete_user(&anna.id, T + HOUR).await.unwrap());
    assert!(!noting(&store, EventName::UserDeleted, &anna.id).delete_user(&anna.id, T + HOUR).await.unwrap());
    let found = store.list_entries(&EntryQuery { limit: 9, ..EntryQuery::default() }).await.unwrap();
    let addresses: Vec<bool> = found.iter().rev().map(|entry| entry.ip.is_some()).collect();
    // Those of anna and by anna have none; who deleted her is told.
    assert_eq!(addresses, [false, false, true, true]);
}

pub async fn old_entries_are_purged_in_portions(store: AnyStore) {
    let user = registered(&store, &["anna"]).await;
    let entries: Vec<AuditEntry> = (0..5).map(|n| entry(EventName::RolesAssigned, &user.id, T + n)).collect();
    assert!(store.noting(entries).unwrap().set_roles(&user.id, &["editor".to_owned()], T + 9).await.unwrap());
    for (limit, purged) in [(2, 2), (2, 1), (2, 0)] {
        assert_eq!(store.purge_entries(T + 3, limit).await.unwrap(), purged);
    }
    assert_eq!(about(&store, &user.id).await.len(), 2);
}
