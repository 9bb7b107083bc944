//! Every store does the same: operations, races, migrations by many processes, adoption of sentri 5.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sentri_core::crypto::{Secret, make_id};
use sentri_core::failure::StoreError;
use sentri_core::store::model::{
    Identifier, IdentifierChange, IdentifierUpdate, NewUser, Rotation, Session, StoredKey,
};
use sentri_core::store::{self, Store};
use serde_json::{Value, json};
use support::{Bench, Database, Own, START, postgres_url};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

macro_rules! store_conformance {
    ($($case:ident),* $(,)?) => {$(
        mod $case {
            use super::*;
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn memory() { run(Database::Memory).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() { run(Database::SqliteFile).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() { run(Database::Postgres).await }
            async fn run(kind: Database) {
                let own = Own::new(kind).await;
                let store = store::open(&own.option).unwrap();
                store.migrate(START).await.unwrap();
                super::$case(Arc::clone(&store)).await;
                store.close().await;
                own.drop().await;
            }
        }
    )*};
}

store_conformance!(
    users_come_and_go,
    normal_forms_are_unique,
    identifiers_change_together,
    the_last_identifier_survives_races,
    sessions_rotate_once,
    a_session_needs_the_hash_it_was_verified_with,
    the_first_key_is_made_once,
    purging_takes_what_is_old,
    exact_spellings_win,
);

fn identifier(kind: &str, value: &str) -> Identifier {
    Identifier { id: make_id(), kind: kind.into(), value: value.into(), normalized: value.to_lowercase() }
}

async fn add_user(store: &Arc<dyn Store>, names: &[&str]) -> NewUser {
    let user = NewUser {
        id: make_id(),
        password_hash: Some(Secret::new("hash one".to_owned())),
        roles: vec!["user".into()],
        identifiers: names.iter().map(|name| identifier("username", name)).collect(),
        now: START,
    };
    assert!(store.create_user(&user).await.unwrap());
    user
}

fn session(user_id: &str) -> Session {
    Session {
        id: make_id(),
        user_id: user_id.into(),
        expires_at: START + 1_000_000,
        created_at: START,
        generation: 0,
        rotated_at: None,
        last_used_at: Some(START),
        revoked_at: None,
        ip_address: Some("2001:db8::1".into()),
        user_agent: Some("agent 'quoted' \u{1F600}".into()),
    }
}

async fn users_come_and_go(store: Arc<dyn Store>) {
    let user = add_user(&store, &["rizz", "other"]).await;
    let found = store.find_user(&user.id).await.unwrap().unwrap();
    assert_eq!(found.user.roles, ["user"]);
    assert_eq!(found.user.created_at, START);
    assert_eq!(found.identifiers, user.identifiers);
    assert_eq!(store.credential_of(&user.id).await.unwrap().unwrap().password_hash.unwrap().expose(), "hash one");
    assert!(store.set_roles(&user.id, &[], START).await.unwrap());
    assert!(!store.set_roles("nobody", &[], START).await.unwrap());
    assert!(store.rehash(&user.id, "hash one", "hash two", START).await.unwrap());
    assert!(!store.rehash(&user.id, "hash one", "hash three", START).await.unwrap(), "compare and set");
    let mut ids = vec![user.id.clone()];
    for i in 0..5 {
        ids.push(add_user(&store, &[&format!("name{i}")]).await.id);
    }
    ids.sort();
    let first = store.list_users(4, None, None).await.unwrap();
    let second = store.list_users(4, first.next.as_deref(), None).await.unwrap();
    let listed: Vec<String> = first.users.iter().chain(&second.users).map(|user| user.user.id.clone()).collect();
    assert_eq!(listed, ids);
    assert_eq!(second.next, None);
    assert!(first.users.iter().all(|user| !user.identifiers.is_empty()));
    assert_eq!(store.list_users(4, None, Some("name3")).await.unwrap().users.len(), 1);
    let live = session(&user.id);
    assert!(store.create_session(&live, None).await.unwrap());
    assert!(store.delete_user(&user.id).await.unwrap());
    assert!(!store.delete_user(&user.id).await.unwrap());
    assert_eq!(store.find_user(&user.id).await.unwrap(), None);
    assert_eq!(store.find_session(&live.id).await.unwrap(), None, "sessions go with their user");
    assert!(add_user(&store, &["rizz"]).await.identifiers.len() == 1, "and so do identifiers");
}

async fn normal_forms_are_unique(store: Arc<dyn Store>) {
    let tasks: Vec<_> = (0..20)
        .map(|i| {
            let store = Arc::clone(&store);
            let user = NewUser {
                id: make_id(),
                password_hash: None,
                roles: vec![],
                identifiers: vec![identifier("username", &format!("own{i}")), identifier("email", "Same@example.com")],
                now: START,
            };
            tokio::spawn(async move { store.create_user(&user).await.unwrap() })
        })
        .collect();
    let mut created = 0;
    for task in tasks {
        created += u32::from(task.await.unwrap());
    }
    assert_eq!(created, 1);
    assert_eq!(store.list_users(100, None, None).await.unwrap().users.len(), 1, "nothing half written");
    for (one, other) in [("rizz", "rízz"), ("straße", "strasse"), ("a", "a "), ("i", "ı")] {
        add_user(&store, &[one]).await;
        add_user(&store, &[other]).await;
    }
}

async fn identifiers_change_together(store: Arc<dyn Store>) {
    let user = add_user(&store, &["one", "two"]).await;
    let other = add_user(&store, &["taken"]).await;
    let [one, two] = [&user.identifiers[0], &user.identifiers[1]];
    let update = |of: &Identifier, value: &str| IdentifierUpdate {
        id: of.id.clone(),
        kind: "username".into(),
        value: value.into(),
        normalized: value.into(),
    };
    let swap = [update(one, "two"), update(two, "one")];
    assert_eq!(store.update_identifiers(&user.id, &swap, &[], START).await.unwrap(), IdentifierChange::Done);
    let refused = [update(one, "fine"), update(two, "taken")];
    assert_eq!(store.update_identifiers(&user.id, &refused, &[], START).await.unwrap(), IdentifierChange::Taken);
    let foreign = [update(one, "fine"), update(&other.identifiers[0], "mine")];
    assert_eq!(store.update_identifiers(&user.id, &foreign, &[], START).await.unwrap(), IdentifierChange::NotFound);
    let mixed =
        (vec![update(one, "fine")], vec![identifier("email", "a@example.com"), identifier("username", "taken")]);
    assert_eq!(store.update_identifiers(&user.id, &mixed.0, &mixed.1, START).await.unwrap(), IdentifierChange::Taken);
    assert_eq!(
        store.add_identifiers("nobody", &[identifier("x", "y")], START).await.unwrap(),
        IdentifierChange::NoUser
    );
    let now = store.find_user(&user.id).await.unwrap().unwrap().identifiers;
    let values: Vec<&str> = now.iter().map(|identifier| identifier.normalized.as_str()).collect();
    assert_eq!(values, ["two", "one"], "swapped, and untouched by what was refused");
}

async fn the_last_identifier_survives_races(store: Arc<dyn Store>) {
    let names: Vec<String> = (0..40).map(|i| format!("name{i}")).collect();
    let user = add_user(&store, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let tasks: Vec<_> = (0..200)
        .map(|i| {
            let (store, user) = (Arc::clone(&store), user.clone());
            tokio::spawn(async move {
                let ids = [user.identifiers[i % 40].id.clone(), user.identifiers[(i * 7 + 1) % 40].id.clone()];
                let ids = if ids[0] == ids[1] { &ids[..1] } else { &ids[..] };
                let _ = store.delete_identifiers(&user.id, ids, START).await.unwrap();
                store.delete_identifiers(&user.id, &ids[..1], START).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let left = store.find_user(&user.id).await.unwrap().unwrap().identifiers;
    assert!(!left.is_empty());
    let all: Vec<String> = left.iter().map(|identifier| identifier.id.clone()).collect();
    assert_eq!(store.delete_identifiers(&user.id, &all, START).await.unwrap(), IdentifierChange::LastOne);
    assert_eq!(store.delete_identifiers(&user.id, &["no".into()], START).await.unwrap(), IdentifierChange::NotFound);
    assert_eq!(store.delete_identifiers("nobody", &["no".into()], START).await.unwrap(), IdentifierChange::NoUser);
}

async fn sessions_rotate_once(store: Arc<dyn Store>) {
    let user = add_user(&store, &["rizz"]).await;
    let made = session(&user.id);
    assert!(store.create_session(&made, None).await.unwrap());
    let found = store.find_session(&made.id).await.unwrap().unwrap();
    assert_eq!((&found.session, found.roles.as_slice()), (&made, ["user".to_owned()].as_slice()));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (store, id) = (Arc::clone(&store), made.id.clone());
            tokio::spawn(async move { store.rotate(&id, 0, START + 2_000_000, START + 5).await.unwrap() })
        })
        .collect();
    let mut steps = 0;
    for task in tasks {
        match task.await.unwrap() {
            Rotation::Rotated(state) => {
                steps += 1;
                assert_eq!((state.session.generation, state.session.rotated_at), (1, Some(START + 5)));
                assert_eq!(state.session.expires_at, START + 2_000_000);
            }
            Rotation::Behind(state) => assert_eq!(state.session.generation, 1),
            Rotation::Gone => panic!("the session is there"),
        }
    }
    assert_eq!(steps, 1);
    store.touch_session(&made.id, 0, START + 9).await.unwrap();
    assert_eq!(store.find_session(&made.id).await.unwrap().unwrap().session.last_used_at, Some(START + 5));
    store.touch_session(&made.id, 1, START + 5).await.unwrap();
    let used = store.find_session(&made.id).await.unwrap().unwrap().session.last_used_at;
    assert!(used > Some(START + 5), "later than the rotation even when the clock stands still");
    assert!(
        matches!(store.rotate(&made.id, 1, START + 3, START + 2_000_000).await.unwrap(), Rotation::Behind(_)),
        "expired"
    );
    assert_eq!(store.list_sessions(&user.id, START).await.unwrap().len(), 1);
    assert!(!store.revoke_session(&made.id, Some("nobody"), START).await.unwrap());
    assert!(store.revoke_session(&made.id, Some(&user.id), START + 7).await.unwrap());
    assert!(!store.revoke_session(&made.id, None, START).await.unwrap(), "once");
    assert_eq!(store.find_session(&made.id).await.unwrap().unwrap().session.revoked_at, Some(START + 7));
    assert!(matches!(store.rotate(&made.id, 1, START, START).await.unwrap(), Rotation::Behind(_)), "revoked");
    assert_eq!(store.rotate("none", 0, START, START).await.unwrap(), Rotation::Gone);
    let more = [session(&user.id), session(&user.id)];
    for one in &more {
        store.create_session(one, None).await.unwrap();
    }
    let mut revoked = store.revoke_sessions(&user.id, START).await.unwrap();
    revoked.sort();
    let mut wanted: Vec<String> = more.iter().map(|one| one.id.clone()).collect();
    wanted.sort();
    assert_eq!(revoked, wanted);
}

async fn a_session_needs_the_hash_it_was_verified_with(store: Arc<dyn Store>) {
    let user = add_user(&store, &["rizz"]).await;
    assert!(!store.create_session(&session(&user.id), Some("another hash")).await.unwrap());
    assert!(!store.create_session(&session("nobody"), None).await.unwrap());
    assert!(!store.change_password(&user.id, Some("another hash"), "x", START).await.unwrap());
    for round in 0..100 {
        let (old, new) = (format!("hash {round}"), format!("hash {}", round + 1));
        store.change_password(&user.id, None, &old, START).await.unwrap();
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (store, old, made) = (Arc::clone(&store), old.clone(), session(&user.id));
                tokio::spawn(async move { store.create_session(&made, Some(&old)).await.unwrap() })
            })
            .collect();
        let changed = store.change_password(&user.id, Some(&old), &new, START).await.unwrap();
        for task in tasks {
            let _ = task.await.unwrap();
        }
        assert!(changed);
        let live = store.list_sessions(&user.id, START).await.unwrap();
        assert!(live.is_empty(), "round {round}: {} sessions of the old password live", live.len());
    }
}

async fn the_first_key_is_made_once(store: Arc<dyn Store>) {
    let key = |kid: &str, from| StoredKey {
        kid: kid.into(),
        algorithm: "RS256".into(),
        private_key: Secret::new("pem".to_owned()),
        created_at: START,
        active_from: from,
        retired_at: None,
    };
    let tasks: Vec<_> = (0..8)
        .map(|i| {
            let (store, key) = (Arc::clone(&store), key(&format!("first{i}"), START));
            tokio::spawn(async move { store.add_key(&key, None).await.unwrap() })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += u32::from(task.await.unwrap());
    }
    assert_eq!(made, 1);
    let first = store.list_keys().await.unwrap()[0].kid.clone();
    assert!(!store.add_key(&key("second", START + 10), Some("another")).await.unwrap());
    assert!(store.add_key(&key("second", START + 10), Some(&first)).await.unwrap());
    let keys = store.list_keys().await.unwrap();
    assert_eq!(keys.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>(), ["second", &first]);
    assert_eq!(keys[1].retired_at, Some(START + 10));
    assert_eq!(store.delete_keys(START + 10).await.unwrap(), 0);
    assert_eq!(store.delete_keys(START + 11).await.unwrap(), 1);
}

async fn purging_takes_what_is_old(store: Arc<dyn Store>) {
    let user = add_user(&store, &["rizz"]).await;
    for i in 0..10 {
        store.create_session(&Session { expires_at: START + i, ..session(&user.id) }, None).await.unwrap();
    }
    let live = session(&user.id);
    store.create_session(&live, None).await.unwrap();
    assert_eq!(store.purge_sessions(START + 5, 3).await.unwrap(), 3);
    assert_eq!(store.purge_sessions(START + 5, 100).await.unwrap(), 2);
    assert!(store.find_session(&live.id).await.unwrap().is_some());
}

async fn exact_spellings_win(store: Arc<dyn Store>) {
    let plain = add_user(&store, &["rizz"]).await;
    let adopted = NewUser {
        id: make_id(),
        password_hash: None,
        roles: vec![],
        identifiers: vec![Identifier { normalized: "\u{1}Rizz".into(), ..identifier("username", "Rizz") }],
        now: START,
    };
    assert!(store.create_user(&adopted).await.unwrap());
    let owner = async |exact: &str| store.find_credential("rizz", exact).await.unwrap().map(|found| found.user_id);
    assert_eq!(owner("Rizz").await, Some(adopted.id));
    assert_eq!(owner("rizz").await, Some(plain.id.clone()));
    assert_eq!(owner("RIZZ").await, Some(plain.id));
    assert_eq!(store.find_credential("nobody", "nobody").await.unwrap().map(|c| c.user_id), None);
}

// --- migrations ---------------------------------------------------------------------------------------------------

/// Migrates the database named by an environment variable: what the processes below run.
#[tokio::test]
async fn child_process() {
    let Ok(option) = std::env::var("SENTRI_TEST_MIGRATE") else { return };
    let option: Value = serde_json::from_str(&option).unwrap();
    // The lock of the database is waited for, and a crowd is no error.
    let store = store::open(&option).unwrap();
    let patience = Instant::now() + Duration::from_secs(50);
    loop {
        match store.migrate(START).await {
            Ok(()) => return store.check().await.unwrap(),
            Err(StoreError::Unavailable(_) | StoreError::Conflict(_)) if Instant::now() < patience => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn migrate_in_a_process(option: &Value) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--nocapture"])
        .env("SENTRI_TEST_MIGRATE", option.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// P44: sixteen processes at once, some of them killed; whoever is left finishes the work.
async fn many_processes_migrate(kind: Database) {
    for round in 0..4_u64 {
        let own = Own::new(kind).await;
        let mut children: Vec<_> = (0..16).map(|_| migrate_in_a_process(&own.option)).collect();
        if round % 2 == 1 {
            tokio::time::sleep(Duration::from_millis(40 + 25 * round)).await;
            for child in children.iter_mut().step_by(2) {
                let _ = child.kill();
            }
        }
        for (i, mut child) in children.into_iter().enumerate() {
            let status = tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
            assert!(status.success() || (round % 2 == 1 && i % 2 == 0), "process {i} of round {round}: {status}");
        }
        let store = store::open(&own.option).unwrap();
        store.migrate(START).await.unwrap();
        store.check().await.unwrap();
        add_user(&store, &["rizz"]).await;
        own.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p44_many_processes_migrate_sqlite() {
    many_processes_migrate(Database::SqliteFile).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p44_many_processes_migrate_postgres() {
    many_processes_migrate(Database::Postgres).await;
}

/// Starts a server on the database named by an environment variable and prints its key: what eight processes run.
#[tokio::test]
async fn child_server() {
    let Ok(option) = std::env::var("SENTRI_TEST_SERVER") else { return };
    let options = json!({
        "mode": "server", "db": serde_json::from_str::<Value>(&option).unwrap(), "validRoles": ["user"], "algorithm": "ES256",
    });
    let server = sentri_core::AuthServer::new(&options, sentri_core::Host::default()).unwrap();
    while let Err(error) = server.migrate().await {
        assert!(error.is(sentri_core::ErrorCode::ServiceUnavailable), "{error}");
    }
    println!(
        "kid={}",
        server.jwks()["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect::<String>()
    );
}

/// P11: replicas that start at once on an empty database share one key.
#[tokio::test]
async fn p11_replicas_share_one_key() {
    for kind in [Database::SqliteFile, Database::Postgres] {
        let own = Own::new(kind).await;
        let children: Vec<_> = (0..8)
            .map(|_| {
                Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "child_server", "--nocapture"])
                    .env("SENTRI_TEST_SERVER", own.option.to_string())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let mut kids = std::collections::HashSet::new();
        for child in children {
            let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let kid = text.split("kid=").nth(1).expect("a process printed its key").lines().next().unwrap().to_owned();
            assert_eq!(kid.len(), 43, "one key");
            kids.insert(kid);
        }
        assert_eq!(kids.len(), 1, "{kind:?}");
        own.drop().await;
    }
}

/// `password` under bcrypt with cost 6, from the tests of jBCrypt (`abc`).
const ABC: &str = "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i";

/// What sentri 5.0 and 5.3 leave behind, with rows.
fn sentri_5(minor: u32, time: &str, instants: [&str; 4]) -> String {
    let (extra, values) = if minor >= 3 {
        (", ip_address VARCHAR(45), user_agent TEXT, replaced_by VARCHAR(36)", ", '10.0.0.1', 'curl', NULL")
    } else {
        ("", "")
    };
    let [t0, t1, t2, t3] = instants;
    format!(
        "CREATE TABLE sentri_users (id VARCHAR(36) PRIMARY KEY, password_hash VARCHAR(255) NOT NULL, \
           roles TEXT NOT NULL DEFAULT '[]', created_at {time} NOT NULL DEFAULT CURRENT_TIMESTAMP);\
         CREATE TABLE sentri_sessions (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(36) NOT NULL REFERENCES sentri_users(id) ON DELETE CASCADE, \
           expires_at {time} NOT NULL, created_at {time} NOT NULL DEFAULT CURRENT_TIMESTAMP{extra});\
         CREATE TABLE sentri_identifiers (id VARCHAR(36) PRIMARY KEY, user_id VARCHAR(36) NOT NULL REFERENCES sentri_users(id) ON DELETE CASCADE, \
           type VARCHAR(64) NOT NULL, value VARCHAR(255) NOT NULL, created_at {time} NOT NULL DEFAULT CURRENT_TIMESTAMP, \
           CONSTRAINT sentri_value_unique UNIQUE (value), CONSTRAINT sentri_user_type_unique UNIQUE (user_id, type));\
         INSERT INTO sentri_users VALUES ('u1', '{ABC}', '[\"admin\"]', {t0}), ('u2', '{ABC}', '[]', {t1});\
         INSERT INTO sentri_sessions VALUES ('s1', 'u1', {t3}, {t0}{values});\
         INSERT INTO sentri_identifiers VALUES ('i1', 'u1', 'email', 'Rizz@Example.com', {t0}), ('i2', 'u1', 'username', 'Rizz', {t0}), \
           ('i3', 'u2', 'username', 'rizz', {t1}), ('i4', 'u2', 'phone', '+62 812-3456-789', {t2}), ('i5', 'u2', 'badge', 'A 7', {t2});"
    )
}

async fn adoption(own: &Own) {
    let bench = Bench::new(&own.option, json!({ "validRoles": ["user", "admin"] })).await;
    bench.server.migrate().await.unwrap();
    for (name, user) in [
        ("rizz@example.com", "u1"),
        ("RIZZ@EXAMPLE.COM", "u1"),
        ("Rizz", "u1"),
        ("rizz", "u2"),
        ("+628123456789", "u2"),
        ("A 7", "u2"),
    ] {
        let login = bench.login_with(name, "abc").await.into_login();
        assert_eq!(login.user_id, user, "{name}");
    }
    let user = bench.server.call("getUser", json!(["u1"])).await.unwrap();
    assert_eq!(user["roles"], json!(["admin"]));
    assert_eq!(user["identifiers"][0]["value"], "Rizz@Example.com", "values stay as they were");
    let sessions = bench.server.call("listSessions", json!(["u1"])).await.unwrap();
    let old = sessions.as_array().unwrap().iter().find(|session| session["id"] == "s1").expect("the old session lives");
    assert_eq!(old["createdAt"], "2025-12-01T10:00:00.000Z");
    let second = json!(["u1", [{ "type": "email", "value": "second@example.com" }]]);
    let added = bench.server.call("bulkCreateIdentifiers", second).await.unwrap();
    assert_eq!(added["success"], true, "several of a type are allowed now: {added}");
    let again = json!(["u2", [{ "type": "email", "value": "RIZZ@example.COM" }]]);
    assert_eq!(
        bench.server.call("bulkCreateIdentifiers", again).await.unwrap()["error"]["code"],
        "IDENTIFIER_ALREADY_EXISTS"
    );
    assert_eq!(bench.server.call("deleteUser", json!(["u2"])).await.unwrap(), true);
    assert_eq!(bench.login_with("rizz", "abc").await.status, 200, "the name is the other's normal form now");
}

#[tokio::test]
async fn adopts_sentri_5_on_sqlite() {
    let forms = [
        ["'2025-12-01 10:00:00'", "'2025-12-02 10:00:00'", "'2025-12-02 10:00:00'", "'2026-01-05 10:00:00'"],
        [
            "'2025-12-01T10:00:00.000Z'",
            "'2025-12-02T10:00:00.000Z'",
            "'2025-12-02T10:00:00.000Z'",
            "'2026-01-05T10:00:00.000Z'",
        ],
        ["1764583200000", "1764669600000", "1764669600000", "1767607200000"],
    ];
    for (minor, form) in [(0, forms[0]), (3, forms[1]), (3, forms[2])] {
        let own = Own::new(Database::SqliteFile).await;
        let path = own.option["filename"].as_str().unwrap().to_owned();
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.execute_batch(&sentri_5(minor, "TIMESTAMP", form)).unwrap();
        drop(connection);
        adoption(&own).await;
        own.drop().await;
    }
}

#[tokio::test]
async fn adopts_sentri_5_on_postgres() {
    let form = ["'2025-12-01 10:00:00'", "'2025-12-02 10:00:00'", "'2025-12-02 10:00:00'", "'2026-01-05 10:00:00'"];
    for (minor, time) in [(0, "TIMESTAMP(6)"), (3, "TIMESTAMP(6)"), (3, "TIMESTAMP(6) WITH TIME ZONE")] {
        let own = Own::new(Database::Postgres).await;
        let url = own.option["connectionString"].as_str().unwrap().to_owned();
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        let task = tokio::spawn(connection);
        client.batch_execute("SET TIME ZONE 'UTC'").await.unwrap();
        client.batch_execute(&sentri_5(minor, time, form)).await.unwrap();
        task.abort();
        adoption(&own).await;
        own.drop().await;
    }
}

// --- outages ------------------------------------------------------------------------------------------------------

/// A way to PostgreSQL that can be cut and held up.
struct Way {
    port: u16,
    state: tokio::sync::watch::Sender<&'static str>,
}

async fn open_way() -> Way {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (state, seen) = tokio::sync::watch::channel("open");
    let config: tokio_postgres::Config = postgres_url().parse().unwrap();
    let target = format!("127.0.0.1:{}", config.get_ports().first().copied().unwrap_or(5432));
    tokio::spawn(async move {
        loop {
            let Ok((mut from, _)) = listener.accept().await else { return };
            let (mut seen, target) = (seen.clone(), target.clone());
            tokio::spawn(async move {
                if *seen.borrow() == "cut" {
                    return;
                }
                let mut to = TcpStream::connect(target).await.unwrap();
                loop {
                    if *seen.borrow() == "held" {
                        // Connections stay up and nothing moves.
                        seen.changed().await.unwrap();
                        continue;
                    }
                    tokio::select! {
                        _ = copy_bidirectional(&mut from, &mut to) => return,
                        _ = seen.changed() => if *seen.borrow() == "cut" { return },
                    }
                }
            });
        }
    });
    Way { port, state }
}

/// P45: PostgreSQL away or silent is a 503 within two seconds, never a 401, takes no cookie, and passes by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p45_outages_of_postgres_pass() {
    let own = Own::new(Database::Postgres).await;
    let way = open_way().await;
    let mut url: String = own.option["connectionString"].as_str().unwrap().to_owned();
    let host = url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
    url = url.replace(&host, &format!("127.0.0.1:{}", way.port));
    let option = json!({ "connectionString": url, "max": 4 });
    let bench = Bench::new(&option, json!({ "sessionCheck": { "maxAge": 0 } })).await;
    assert_eq!(bench.register("rizz").await.status, 201);
    let mut login = bench.login("rizz").await;
    for outage in ["cut", "held", "cut"] {
        way.state.send(outage).unwrap();
        for _ in 0..3 {
            let answers = [bench.login_with("rizz", support::PASSWORD)];
            for answer in answers {
                let started = Instant::now();
                let answer = answer.await;
                assert_eq!((answer.status, answer.code()), (503, "SERVICE_UNAVAILABLE"), "{outage}: {}", answer.body);
                assert!(answer.header("retry-after").is_some());
                assert!(started.elapsed() < Duration::from_millis(2_500), "{outage}: {:?}", started.elapsed());
            }
            let started = Instant::now();
            let (refreshed, me) = tokio::join!(bench.refresh(&login.refresh), bench.me(&login.access));
            assert_eq!((refreshed.status, me.status), (503, 503), "{outage}");
            assert!(!refreshed.clears_cookie());
            assert!(started.elapsed() < Duration::from_millis(2_500), "{outage}: {:?}", started.elapsed());
        }
        way.state.send("open").unwrap();
        let patience = Instant::now() + Duration::from_secs(10);
        let refreshed = loop {
            let answer = bench.refresh(&login.refresh).await;
            if answer.status == 200 {
                break answer;
            }
            assert_eq!(answer.status, 503, "{}", answer.body);
            assert!(Instant::now() < patience, "it does not come back by itself");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        login = refreshed.into_login();
        assert_eq!(bench.me(&login.access).await.status, 200);
    }
    own.drop().await;
}
