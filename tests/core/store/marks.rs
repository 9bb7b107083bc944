//! The mark before the hash of a user whom a password alone must not let in, as 6.0 finds it on the same tables.

use std::sync::Arc;

use sentri_core::crypto::Secret;
use sentri_core::password::{PasswordVerdict, Policy, verify};
use sentri_core::store::executor::{Batch, Executor, Outcome, Statement};
use sentri_core::store::import::NewImport;
use sentri_core::store::model::{Disabling, NewUser, Spending};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use sentri_core::store::sqlite::{SqliteConfig, SqliteExecutor};
use sentri_core::store::value::Value;
use sentri_core::store::{Store, open};
use serde_json::json;

use crate::conformance::{HASH, HOUR, OTHER, T, new_user, registered};
use crate::factors::{enrolled, factor_of};
use crate::fixture::{Folder, Schema};
use crate::flows::flow_of;
use crate::mysql::MysqlDatabase;

struct Tables {
    store: Arc<dyn Store>,
    executor: Box<dyn Executor>,
}

impl Tables {
    /// The hash as it is stored, which is all that 6.0 knows of a user's rights to log in.
    async fn stored(&self, user: &NewUser) -> String {
        let sql = "SELECT password_hash FROM sentri_users WHERE id = ?";
        let read = Statement::read(sql, [Value::from(user.id.as_str())]).once();
        let Outcome::Done(mut answers) = self.executor.run(&Batch::of([read])).await.unwrap() else {
            panic!("nothing was expected")
        };
        answers.remove(0).rows.remove(0).remove(0).into_text().unwrap()
    }

    async fn is_marked(&self, user: &NewUser, hash: &str) -> bool {
        let stored = self.stored(user).await;
        let known = self.store.credential_of(&user.id).await.unwrap().unwrap().password_hash;
        assert_eq!(known.as_ref().map_or("", |hash| hash.expose().as_str()), hash, "here it is never seen");
        assert!(stored == hash || stored == format!("{{sentri}}{hash}"), "{stored}");
        stored != hash
    }

    async fn disable(&self, user: &NewUser) {
        let word = Disabling { at: T, until: Some(T + HOUR), reason: None };
        assert!(self.store.disable_user(&user.id, &word).await.unwrap());
    }
}

async fn a_mark_stands_while_it_is_needed(tables: &Tables) {
    let store = &tables.store;
    let user = registered(store, &["anna"]).await;
    assert!(!tables.is_marked(&user, HASH).await);
    tables.disable(&user).await;
    assert!(tables.is_marked(&user, HASH).await);
    tables.disable(&user).await;
    assert!(tables.is_marked(&user, HASH).await, "once");
    assert!(store.rehash(&user.id, HASH, OTHER, T).await.unwrap());
    assert!(tables.is_marked(&user, OTHER).await, "a stronger hash");
    assert!(store.change_password(&user.id, None, HASH, T).await.unwrap());
    assert!(tables.is_marked(&user, HASH).await, "a new password");
    assert!(store.enable_user(&user.id, T).await.unwrap());
    assert!(!tables.is_marked(&user, HASH).await);
    assert!(store.rehash(&user.id, HASH, OTHER, T).await.unwrap());
    assert!(!tables.is_marked(&user, OTHER).await);
}

async fn a_mark_stands_for_a_factor(tables: &Tables) {
    let store = &tables.store;
    let pending = registered(store, &["pending"]).await;
    assert!(store.put_factor(&factor_of(&pending), None).await.unwrap());
    assert!(!tables.is_marked(&pending, HASH).await, "nothing asks for it");
    let (user, _) = enrolled(store, "ben").await;
    assert!(tables.is_marked(&user, HASH).await);
    assert!(store.change_password(&user.id, Some(HASH), OTHER, T).await.unwrap());
    assert!(tables.is_marked(&user, OTHER).await);
    tables.disable(&user).await;
    assert!(store.remove_factors(&user.id, T).await.unwrap());
    assert!(tables.is_marked(&user, OTHER).await, "disabled still");
    assert!(store.enable_user(&user.id, T).await.unwrap());
    assert!(!tables.is_marked(&user, OTHER).await);
    let (user, _) = enrolled(store, "cleo").await;
    tables.disable(&user).await;
    assert!(store.enable_user(&user.id, T).await.unwrap());
    assert!(tables.is_marked(&user, HASH).await, "a factor still");
    // Whoever proves the address takes the account over, and the factors go.
    let (flow, proves) = (flow_of(Some(&user)), Some(&user.identifiers[0]));
    assert!(store.put_flow(&flow, 3).await.unwrap());
    let spending = Spending { flow: &flow, by_code: false, proves, new_hash: Some(OTHER), takes_over: true };
    assert!(store.spend_flow(&spending, T).await.unwrap());
    assert!(!tables.is_marked(&user, OTHER).await);
}

async fn imported_factors_bring_a_mark(tables: &Tables) {
    for (name, factors, wanted) in [("dora", true, true), ("emil", false, false)] {
        let user = NewUser { password_hash: Some(Secret::new(HASH.to_owned())), ..new_user(&[name]) };
        let confirmed = sentri_core::store::model::Factor { confirmed_at: Some(T), ..factor_of(&user) };
        let factors = if factors { vec![confirmed] } else { vec![] };
        tables.store.import_users(&[NewImport { user: user.clone(), factors }], T, true).await.unwrap();
        assert_eq!(tables.is_marked(&user, HASH).await, wanted, "{name}");
    }
}

/// No hash is as long as its column here or in 6.0 but some of other systems, which 6.0 does not know.
async fn a_mark_fits(tables: &Tables) {
    let none = NewUser { password_hash: None, ..new_user(&["frida"]) };
    assert!(tables.store.create_user(&none).await.unwrap());
    tables.disable(&none).await;
    assert!(!tables.is_marked(&none, "").await, "no password is none for 6.0 too");
    for (name, length, wanted) in [("gerd", 247, true), ("hans", 248, false), ("ida", 255, false)] {
        let hash = format!("$scrypt${}", "x".repeat(length - 8));
        let user = NewUser { password_hash: Some(Secret::new(hash.clone())), ..new_user(&[name]) };
        assert!(tables.store.create_user(&user).await.unwrap());
        tables.disable(&user).await;
        assert_eq!(tables.is_marked(&user, &hash).await, wanted, "{length}");
        assert!(tables.store.enable_user(&user.id, T).await.unwrap());
        assert!(!tables.is_marked(&user, &hash).await);
    }
}

#[tokio::test]
async fn beside_6_0_nobody_logs_in_whose_hash_is_marked() {
    let (folder, schema, database) = (Folder::new(), Schema::new().await, MysqlDatabase::new().await);
    let executors: [(String, Box<dyn Executor>); 3] = [
        (folder.url(), Box::new(SqliteExecutor::new(SqliteConfig::at(folder.file())))),
        (schema.url(), Box::new(PostgresExecutor::new(PostgresConfig::from_url(&schema.url()).unwrap()))),
        (database.url(), Box::new(MysqlExecutor::new(MysqlConfig::from_url(&database.url()).unwrap()))),
    ];
    for (url, executor) in executors {
        let store = open(&json!(url)).unwrap();
        store.migrate(T).await.unwrap();
        let tables = Tables { store, executor };
        a_mark_stands_while_it_is_needed(&tables).await;
        a_mark_stands_for_a_factor(&tables).await;
        imported_factors_bring_a_mark(&tables).await;
        a_mark_fits(&tables).await;
        tables.store.close().await;
        tables.executor.close().await;
    }
}

/// The verifier of 6.0 is that of now as far as it goes: it knows no hash that begins with anything but `$`.
#[test]
fn no_password_fits_a_marked_hash() {
    let hash = sentri_core::password::hash("correct horse", &Policy::default()).unwrap();
    assert_eq!(verify("correct horse", hash.expose(), &Policy::default()), PasswordVerdict::Match);
    let marked = format!("{{sentri}}{}", hash.expose());
    assert_eq!(verify("correct horse", &marked, &Policy::default()), PasswordVerdict::Mismatch);
}
