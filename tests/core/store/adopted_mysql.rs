//! Tables of sentri 5 on MySQL and MariaDB: their collations equate what differs, and some teams gave them types of
//! their own.

use std::sync::Arc;

use sentri_core::failure::StoreError;
use sentri_core::store::model::{
    ChangeLimits, Expected, Identifier, IdentifierChange, IdentifierUpdate, Rotation, Session, Standing,
};
use sentri_core::store::{Store, open};
use serde_json::json;

use crate::conformance::T;
use crate::fixture::Fixture;
use crate::kysely::{self, Driver};
use crate::migrations::{MYSQL_5_0, MYSQL_5_3, ROWS};
use crate::mysql::{self, MysqlDatabase};

/// Tables with `tables` and [`ROWS`], whose names differ by more than case.
async fn adopted(tables: &str) -> MysqlDatabase {
    let database = MysqlDatabase::new().await;
    let rows = ROWS.replace("'rizz'", "'other'");
    mysql::run(&database.url(), &format!("SET time_zone = '+00:00'; {tables} {rows}")).await;
    database
}

async fn compares_ids_byte_by_byte(store: &Arc<dyn Store>) {
    assert!(store.find_user("U-OLD").await.unwrap().is_none());
    assert!(store.credential_of("U-OLD").await.unwrap().is_none());
    assert!(store.find_session("S-LIVE").await.unwrap().is_none());
    assert!(!store.set_roles("U-OLD", &[], T).await.unwrap());
    assert!(!store.rehash("U-OLD", "hash", "other", T).await.unwrap());
    assert!(!store.change_password("U-OLD", None, "hash", T).await.unwrap());
    assert!(!store.change_password("u-öld", None, "hash", T).await.unwrap());
    assert!(!store.revoke_session("S-LIVE", None, T).await.unwrap());
    assert!(!store.revoke_session("s-live", Some("U-OLD"), T).await.unwrap());
    assert_eq!(store.revoke_sessions("U-OLD", T).await.unwrap(), Vec::<String>::new());
    assert!(store.list_sessions("U-OLD", T).await.unwrap().is_empty());
    assert!(matches!(store.rotate("S-LIVE", 0, T + 1000, T).await.unwrap(), Rotation::Gone));
    assert!(!store.delete_user("U-OLD", T).await.unwrap());
    let mut session = store.list_sessions("u-old", T).await.unwrap().remove(0);
    (session.id, session.user_id) = ("s-more".into(), "U-OLD".into());
    assert!(store.create_session(&session, Expected::default(), 100).await.unwrap().is_none());
    let limits = ChangeLimits::default();
    let update =
        IdentifierUpdate { id: "I1".into(), kind: "username".into(), value: "x".into(), normalized: "x".into() };
    for (user_id, expected) in [("u-old", IdentifierChange::NotFound), ("U-OLD", IdentifierChange::NoUser)] {
        let updated = store.update_identifiers(user_id, std::slice::from_ref(&update), &[], &limits, T).await.unwrap();
        assert_eq!(updated, expected);
        assert_eq!(
            store.delete_identifiers(user_id, &["I1".into()], &ChangeLimits::default(), T).await.unwrap(),
            expected
        );
        assert_eq!(
            store.delete_identifiers(user_id, &["i1".into(), "I1".into()], &ChangeLimits::default(), T).await.unwrap(),
            expected
        );
    }
    let handle = Identifier {
        id: "i9".into(),
        kind: "handle".into(),
        value: "h".into(),
        normalized: "h".into(),
        verified_at: None,
    };
    assert_eq!(store.add_identifiers("U-OLD", &[handle], &limits, T).await.unwrap(), IdentifierChange::NoUser);

    // All is as it was, and the right spelling is understood.
    assert_eq!(store.find_user("u-old").await.unwrap().unwrap().user.roles, ["admin", "user"]);
    assert!(store.set_roles("u-old", &["user".into()], T).await.unwrap());
    assert_eq!(
        store.delete_identifiers("u-old", &["i1".into()], &ChangeLimits::default(), T).await.unwrap(),
        IdentifierChange::Done
    );
    assert!(matches!(store.rotate("s-live", 0, T + 1000, T).await.unwrap(), Rotation::Rotated(_)));
    assert!(store.revoke_session("s-live", Some("u-old"), T).await.unwrap());
    assert!(store.delete_user("u-old", T).await.unwrap());
}

/// Somebody who is done with an id in capitals would live on under the right one wherever sessions are remembered.
#[tokio::test]
async fn a6_ids_in_adopted_tables_compare_byte_by_byte() {
    for charset in ["utf8mb4", "latin1"] {
        let before = format!("ALTER DATABASE CHARACTER SET {charset};");
        let database = adopted(&format!("{before} {MYSQL_5_3}")).await;
        let fixture = Fixture::over(open(&json!(database.url())).unwrap(), database).await;
        compares_ids_byte_by_byte(&fixture.store).await;
        let database = adopted(&format!("{before} {MYSQL_5_0}")).await;
        compares_ids_byte_by_byte(&Fixture::over(kysely::store(Driver::Mysql2, &database.url()), database).await.store)
            .await;
    }
}

/// Looking at bytes costs no index.
#[tokio::test]
async fn a6_a_comparison_byte_by_byte_uses_the_index() {
    let database = adopted(MYSQL_5_3).await;
    open(&json!(database.url())).unwrap().migrate(T).await.unwrap();
    for sql in [
        "SELECT id FROM sentri_users WHERE id == ?",
        "UPDATE sentri_sessions SET revoked_at = NULL WHERE user_id == ?",
        "DELETE FROM sentri_identifiers WHERE id == ?",
    ] {
        let sql = sentri_core::store::dialect::MYSQL.spell(sql).replace('?', "'s-live'");
        let scanned = mysql::first(&database.url(), &format!("EXPLAIN {sql}")).await;
        assert!(!scanned.iter().any(|column| column == "ALL" || column == "index"), "{sql}: {scanned:?}");
    }
}

/// No call finds anything by `id`, and none fails.
async fn belongs_to_nobody(store: &Arc<dyn Store>, id: &str, session: &Session) {
    let mut of_nobody = session.clone();
    (of_nobody.id, of_nobody.user_id) = (sentri_core::crypto::make_id(), id.into());
    for expected in [Expected::default(), Expected::hash("hash")] {
        assert!(store.create_session(&of_nobody, expected, 100).await.unwrap().is_none(), "{id}");
    }
    assert!(store.find_user(id).await.unwrap().is_none(), "{id}");
    assert!(store.credential_of(id).await.unwrap().is_none(), "{id}");
    assert_eq!(store.standing(id, T).await.unwrap(), Standing::Good, "{id}");
    assert!(!store.set_roles(id, &[], T).await.unwrap(), "{id}");
    assert!(!store.rehash(id, "hash", "other", T).await.unwrap(), "{id}");
    assert!(!store.change_password(id, None, "hash", T).await.unwrap(), "{id}");
    assert!(store.list_sessions(id, T).await.unwrap().is_empty(), "{id}");
    assert!(store.page_sessions(&session.user_id, 10, Some((0, id)), T).await.unwrap().is_empty(), "{id}");
    assert!(store.revoke_sessions(id, T).await.unwrap().is_empty(), "{id}");
    assert!(store.revoke_surplus(id, id, 1, T).await.unwrap().is_empty(), "{id}");
    assert!(store.find_session(id).await.unwrap().is_none(), "{id}");
    assert!(matches!(store.rotate(id, 0, T + 1000, T).await.unwrap(), Rotation::Gone), "{id}");
    store.touch_session(id, 0, T).await.unwrap();
    assert!(!store.revoke_session(id, None, T).await.unwrap(), "{id}");
    assert!(!store.revoke_session(&session.id, Some(id), T).await.unwrap(), "{id}");
    let limits = ChangeLimits::default();
    let update = IdentifierUpdate { id: id.into(), kind: "x".into(), value: "x".into(), normalized: "x".into() };
    for (user_id, expected) in [(id, IdentifierChange::NoUser), (&*session.user_id, IdentifierChange::NotFound)] {
        let updates = std::slice::from_ref(&update);
        assert_eq!(store.update_identifiers(user_id, updates, &[], &limits, T).await.unwrap(), expected, "{id}");
        assert_eq!(
            store.delete_identifiers(user_id, &[id.into()], &ChangeLimits::default(), T).await.unwrap(),
            expected,
            "{id}"
        );
    }
    assert_eq!(store.add_identifiers(id, &[], &limits, T).await.unwrap(), IdentifierChange::NoUser, "{id}");
    assert!(!store.delete_user(id, T).await.unwrap(), "{id}");
}

/// MariaDB's own types for ids and addresses, bytes for texts, instants of another precision.
#[tokio::test]
async fn a5_mysql_tables_with_types_of_their_own_are_adopted() {
    let mariadb = mysql::first(&mysql::mysql_url(), "SELECT VERSION()").await[0].contains("MariaDB");
    let (id, address) = if mariadb { ("UUID", "INET6") } else { ("CHAR(36)", "CHAR(39)") };
    let own = MYSQL_5_3
        .replace("VARCHAR(36)", id)
        .replace("VARCHAR(45)", address)
        .replace("roles VARCHAR(1000) NOT NULL DEFAULT '[]'", "roles BLOB NOT NULL")
        .replace("user_agent TEXT", "user_agent BLOB, revoked_at TIMESTAMP NULL")
        .replace("type VARCHAR(50)", "type ENUM('username', 'email')")
        .replace("value VARCHAR(255)", "value VARBINARY(255)");
    let (user, session) = ("0196b7a0-0000-7000-8000-00000000000a", "0196b7a0-0000-7000-8000-00000000000b");
    let rows = format!(
        "INSERT INTO sentri_users (id, password_hash, roles) VALUES ('{user}', 'hash', '[\"user\"]');
         INSERT INTO sentri_identifiers (id, user_id, type, value) VALUES ('{session}', '{user}', 'username', 'Rizz');
         INSERT INTO sentri_sessions (id, user_id, expires_at, ip_address, user_agent)
         VALUES ('{session}', '{user}', '2099-01-01', '2001:db8::1', 'agent');
         CREATE TABLE orders (buyer {id}, FOREIGN KEY (buyer) REFERENCES sentri_users (id) ON DELETE CASCADE);
         INSERT INTO orders VALUES ('{user}')"
    );
    for through_kysely in [false, true] {
        let database = MysqlDatabase::new().await;
        mysql::run(&database.url(), &format!("{own} {rows}")).await;
        let url = database.url();
        let store = if through_kysely { kysely::store(Driver::Mysql2, &url) } else { open(&json!(url)).unwrap() };
        store.migrate(T).await.unwrap();
        store.migrate(T).await.unwrap();
        let found = store.find_credential("rizz", "Rizz", &[]).await.unwrap().unwrap();
        assert_eq!((found.user_id.as_str(), found.roles.as_slice()), (user, &["user".to_owned()][..]));
        let state = store.find_session(session).await.unwrap().unwrap();
        assert_eq!(state.session.ip_address.as_deref(), Some("2001:db8::1"));
        assert_eq!(state.session.user_agent.as_deref(), Some("agent"));
        for id in ["no uuid", "", &user.to_uppercase()] {
            belongs_to_nobody(&store, id, &state.session).await;
        }
        let page = store.list_users(10, None, &[]).await.unwrap();
        assert_eq!(page.users.iter().map(|listed| listed.user.id.as_str()).collect::<Vec<_>>(), [user]);
        let custom = Identifier {
            id: sentri_core::crypto::make_id(),
            kind: "handle".into(),
            value: "h".into(),
            normalized: "h".into(),
            verified_at: None,
        };
        let added = store.add_identifiers(user, &[custom], &ChangeLimits::default(), T).await.unwrap();
        assert_eq!(added, IdentifierChange::Done, "of a type that the column did not know");
        let mut other = state.session.clone();
        (other.id, other.ip_address) = (sentri_core::crypto::make_id(), Some("203.0.113.7".into()));
        assert!(store.create_session(&other, Expected::hash("hash"), 100).await.unwrap().is_some());
        assert!(store.revoke_session(session, None, T + 123).await.unwrap());
        let revoked = store.find_session(session).await.unwrap().unwrap().session.revoked_at;
        assert_eq!(revoked, Some(T + 123), "to the millisecond");
        assert!(store.delete_user(user, T).await.unwrap());
        assert_eq!(mysql::first(&url, "SELECT COUNT(*) FROM orders").await, ["0"], "tables beside still refer to it");
        store.close().await;
    }
}

/// What can't be read is named with its cure, and nothing is changed.
#[tokio::test]
async fn a5_mysql_types_that_mean_something_else_are_refused_with_the_cure() {
    let instant = "created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)";
    for (from, to, column, kind) in [
        (instant, "created_at BIGINT NOT NULL", "created_at", "bigint"),
        ("expires_at DATETIME(6)", "expires_at VARCHAR(30)", "expires_at", "varchar(30)"),
        ("VARCHAR(36)", "BINARY(16)", "id", "binary(16)"),
        ("VARCHAR(36)", "VARCHAR(32)", "id", "varchar(32)"),
        ("ip_address VARCHAR(45)", "ip_address INT UNSIGNED", "ip_address", "int"),
        ("roles VARCHAR(1000) NOT NULL DEFAULT '[]'", "roles SET('user', 'admin')", "roles", "set("),
        ("value VARCHAR(255)", "value BIGINT", "value", "bigint"),
    ] {
        let database = MysqlDatabase::new().await;
        mysql::run(&database.url(), &MYSQL_5_3.replace(from, to)).await;
        let store = open(&json!(database.url())).unwrap();
        let Err(StoreError::Configuration(text)) = store.migrate(T).await else { panic!("{column} as {kind}") };
        for word in [column, kind, "sentri_", "ALTER TABLE", "MODIFY"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert!(matches!(store.check().await, Err(StoreError::SchemaMissing(_))));
    }
}
