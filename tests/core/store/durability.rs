//! A process killed in the middle of its work loses nothing that it had said was done.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use sentri_core::crypto::{Secret, make_id, make_random};
use sentri_core::store::model::{Expected, Identifier, NewUser, Rotation, Session};
use sentri_core::store::open;
use serde_json::json;

use crate::conformance::T;
use crate::fixture::{Folder, Schema};
use crate::mysql::MysqlDatabase;

/// Tells a process of this test binary to write into that database until it is killed.
const CHILD: &str = "SENTRI_TEST_WRITE";

/// In a child: registers users, each with a session that is rotated, and says so when each is done.
async fn write_if_child() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let store = open(&json!(url)).unwrap();
    loop {
        let id = make_id();
        let identifier = Identifier {
            id: make_id(),
            kind: "username".into(),
            value: id.clone(),
            normalized: id.clone(),
            verified_at: None,
        };
        let user = NewUser {
            id: id.clone(),
            password_hash: Some(Secret::new("hash".into())),
            roles: vec![],
            identifiers: vec![identifier],
            claims: vec![],
            displaces: false,
            now: T,
        };
        let session = Session {
            id: make_id(),
            user_id: id.clone(),
            expires_at: T + 1000,
            created_at: T,
            generation: 0,
            rotated_at: None,
            last_used_at: None,
            revoked_at: None,
            ip_address: None,
            user_agent: None,
            assurance: None,
        };
        assert!(store.create_user(&user).await.unwrap());
        assert!(store.create_session(&session, Expected::hash("hash"), 100).await.unwrap().is_some());
        assert!(matches!(store.rotate(&session.id, 0, T + 1000, T).await.unwrap(), Rotation::Rotated(_)));
        println!("done {id} {}", session.id);
    }
}

async fn loses_nothing(name: &str, url: &str) {
    let store = open(&json!(url)).unwrap();
    store.migrate(T).await.unwrap();
    let mut acknowledged = 0;
    for _ in 0..10 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([&format!("durability::{name}"), "--exact", "--nocapture"]).env(CHILD, url);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let [random] = make_random::<1>();
        tokio::time::sleep(Duration::from_millis(60 + u64::from(random))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        // The last line may be torn; whatever is whole was said.
        for line in output.lines().map_while(Result::ok) {
            let [_, user, session] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
            if !line.starts_with("done ") || session.len() < 36 {
                continue;
            }
            acknowledged += 1;
            assert!(store.find_user(user).await.unwrap().is_some(), "{line}");
            let state = store.find_session(session).await.unwrap().unwrap();
            assert_eq!(state.session.generation, 1, "{line}");
        }
    }
    assert!(acknowledged > 10, "only {acknowledged} writes to look at");
    let users = store.list_users(u32::MAX, None, &[]).await.unwrap().users;
    assert!(users.iter().all(|user| user.identifiers.len() == 1), "no half of a registration");
    store.close().await;
}

#[tokio::test]
async fn sqlite_keeps_what_it_acknowledged() {
    write_if_child().await;
    let folder = Folder::new();
    loses_nothing("sqlite_keeps_what_it_acknowledged", &folder.url()).await;
}

#[tokio::test]
async fn postgres_keeps_what_it_acknowledged() {
    write_if_child().await;
    let schema = Schema::new().await;
    loses_nothing("postgres_keeps_what_it_acknowledged", &schema.url()).await;
}

#[tokio::test]
async fn mysql_keeps_what_it_acknowledged() {
    write_if_child().await;
    let database = MysqlDatabase::new().await;
    loses_nothing("mysql_keeps_what_it_acknowledged", &database.url()).await;
}
