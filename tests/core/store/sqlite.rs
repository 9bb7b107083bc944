//! An SQLite file and others who open it: a library in this process is found out before anything is destroyed, other
//! servers of ours and other processes are welcome.

use std::fs::File;
use std::process::Command;
use std::sync::Arc;

use sentri_core::failure::StoreError;
use sentri_core::store::{Store, open};
use serde_json::json;

use crate::conformance::T;
use crate::fixture::Folder;
use crate::outage::new_user;

async fn store_in(folder: &Folder) -> Arc<dyn Store> {
    let store = open(&json!(folder.url())).unwrap();
    store.migrate(T).await.unwrap();
    for name in ["anna", "ben"] {
        assert!(store.create_user(&new_user(name)).await.unwrap());
    }
    store
}

async fn is_refused(store: &Arc<dyn Store>) {
    let write = store.create_user(&new_user("late")).await;
    let read = store.find_user("nobody").await;
    for refused in [write.map(drop), read.map(drop)] {
        let Err(StoreError::Configuration(text)) = refused else { panic!("{refused:?}") };
        for word in ["db", "another SQLite library in this process", "dialect", "a file of its own", "PostgreSQL"] {
            assert!(text.contains(word), "{text}");
        }
    }
    let now = store.find_session_now("nobody");
    assert!(!matches!(now, Some(Ok(_))), "{now:?}");
}

/// Whether the file is whole and holds the users of [`store_in`]; asked by another process.
fn is_whole(folder: &Folder) {
    let script = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\n\
                  print(db.execute('pragma integrity_check').fetchone()[0], \
                  db.execute('select count(*) from sentri_users').fetchone()[0])";
    let output = Command::new("python3").args(["-c", script]).arg(folder.file()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok 2", "{output:?}");
}

#[tokio::test]
async fn another_library_that_stays_is_found_out() {
    let folder = Folder::new();
    let store = store_in(&folder).await;
    let other = File::open(folder.file()).unwrap();
    is_refused(&store).await;
    store.close().await;
    drop(other);
    is_whole(&folder);
}

/// Its close dropped our locks, though it is gone when we look.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn another_library_that_came_and_went_is_found_out() {
    let folder = Folder::new();
    let store = store_in(&folder).await;
    drop(File::open(folder.file()).unwrap());
    is_refused(&store).await;
    drop(store);
    is_whole(&folder);
}

#[tokio::test]
async fn another_library_that_was_there_first_is_found_out() {
    let folder = Folder::new();
    store_in(&folder).await.close().await;
    let other = File::open(folder.file()).unwrap();
    let store = open(&json!(folder.url())).unwrap();
    is_refused(&store).await;
    drop(other);
    assert!(store.find_user("nobody").await.unwrap().is_none(), "once it is gone, nothing stands in the way");
    store.close().await;
    is_whole(&folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_of_one_process_share_a_file() {
    let folder = Folder::new();
    let first = store_in(&folder).await;
    for round in 0..5 {
        let other = open(&json!(folder.url())).unwrap();
        let uses = (0..20).map(|index| {
            let store = Arc::clone(if index % 2 == 0 { &first } else { &other });
            tokio::spawn(async move {
                assert!(store.create_user(&new_user(&format!("u{round}-{index}"))).await.unwrap());
                assert!(store.find_user("nobody").await.unwrap().is_none());
            })
        });
        for used in uses.collect::<Vec<_>>() {
            used.await.unwrap();
        }
        if round % 2 == 0 {
            other.close().await
        } else {
            drop(other)
        }
        assert!(first.list_users(100, None, &[]).await.is_ok());
    }
    first.close().await;
    assert!(open(&json!(folder.url())).unwrap().find_user("nobody").await.unwrap().is_none());
}

#[tokio::test]
async fn other_processes_may_open_the_file() {
    let folder = Folder::new();
    let store = store_in(&folder).await;
    for round in 0..5 {
        let script = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], timeout=5)\n\
                      db.execute('create table if not exists mine (x)')\ndb.execute('insert into mine values (1)')\n\
                      db.commit()\ndb.close()";
        assert!(Command::new("python3").args(["-c", script]).arg(folder.file()).status().unwrap().success());
        assert!(store.create_user(&new_user(&format!("u{round}"))).await.unwrap());
        assert!(store.delete_user("nobody", T).await.is_ok());
    }
    store.close().await;
}
