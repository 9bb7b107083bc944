//! Databases that are not as the store needs them: what is said names the cure, which works.

use sentri_core::crypto::make_id;
use sentri_core::failure::StoreError;
use sentri_core::store::open;
use serde_json::json;

use crate::conformance::T;
use crate::fixture::{Schema, connect, server_url};
use crate::mysql::{self, MysqlDatabase};

fn name() -> String {
    format!("sentri_{}", make_id().replace('-', ""))
}

/// The URL of the tests' server with another part before the query.
fn url_with(change: impl FnOnce(&mut tokio_postgres::Config)) -> String {
    let mut config: tokio_postgres::Config = server_url().parse().unwrap();
    change(&mut config);
    let tokio_postgres::config::Host::Tcp(host) = &config.get_hosts()[0] else { panic!("a host") };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let password = config.get_password().map(|word| format!(":{}", String::from_utf8_lossy(word)));
    let user = config.get_user().unwrap_or("postgres");
    format!("postgres://{user}{}@{host}:{port}/{}", password.unwrap_or_default(), config.get_dbname().unwrap_or(user))
}

async fn refusal(url: &str) -> String {
    match open(&json!(url)).unwrap().migrate(T).await {
        Err(StoreError::Configuration(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_role_without_rights_is_told_the_grant_that_helps() {
    let (role, schema, admin) = (name(), Schema::new().await, connect(&server_url()).await);
    admin.batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'hunter2'")).await.unwrap();
    let url = url_with(|config| _ = config.user(&role).password("hunter2"));
    let url = format!("{url}?schema={}", schema.name());
    for _ in 0..2 {
        let text = refusal(&url).await;
        assert!(text.contains(schema.name()) && !text.contains("hunter2"), "{text}");
        let grant = text.split("run: ").nth(1).unwrap();
        assert!(grant.starts_with("GRANT USAGE, CREATE ON SCHEMA") && grant.ends_with(&role), "{text}");
        if text.contains("42501") {
            admin.batch_execute(grant).await.unwrap();
            break;
        }
    }
    let store = open(&json!(url)).unwrap();
    store.migrate(T).await.unwrap();
    store.check().await.unwrap();
    store.close().await;
    admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn a_schema_that_is_not_there_is_told_with_the_cure() {
    let (schema, admin) = (name(), connect(&server_url()).await);
    let joint = if server_url().contains('?') { '&' } else { '?' };
    let url = format!("{}{joint}schema={schema}", server_url());
    let text = refusal(&url).await;
    let cure = text.split("run: ").nth(1).unwrap();
    assert!(cure.starts_with(&format!("CREATE SCHEMA {schema} AUTHORIZATION ")), "{text}");
    admin.batch_execute(cure).await.unwrap();
    let store = open(&json!(url)).unwrap();
    store.migrate(T).await.unwrap();
    store.close().await;
    admin.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
}

#[tokio::test]
async fn a_database_without_unicode_is_refused_with_the_cure() {
    let (database, admin) = (name(), connect(&server_url()).await);
    let make = format!("CREATE DATABASE {database} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    admin.batch_execute(&make).await.unwrap();
    let url = url_with(|config| _ = config.dbname(&database));
    let text = refusal(&url).await;
    assert!(text.contains("LATIN1") && text.contains("ENCODING 'UTF8'") && text.contains(&database), "{text}");
    // Pools close in the background.
    admin.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)")).await.unwrap();
}

#[tokio::test]
async fn mysql_without_a_database_or_a_right_is_told_the_cure() {
    let database = MysqlDatabase::new().await;
    let url = database.url();
    let text = refusal(url.trim_end_matches(database.name())).await;
    assert!(text.contains("1046") && text.contains("mysql://user:password@host:3306/database"), "{text}");

    // The longest name that MySQL takes has 32 characters.
    let user = &name()[..30];
    let grantee = format!("'{user}'@'%'");
    let make =
        format!("CREATE USER {grantee} IDENTIFIED BY 'hunter2'; GRANT SELECT ON {}.* TO {grantee}", database.name());
    mysql::run(&url, &make).await;
    let own = format!("mysql://{user}:hunter2@{}", url.split_once('@').unwrap().1);
    let text = refusal(&own).await;
    assert!(text.contains("CREATE command denied") && !text.contains("hunter2"), "{text}");
    let rights = text.split("run: GRANT ").nth(1).and_then(|cure| cure.split_once(" ON ")).unwrap().0;
    mysql::run(&url, &format!("GRANT {rights} ON {}.* TO {grantee}", database.name())).await;
    let store = open(&json!(own)).unwrap();
    store.migrate(T).await.unwrap();
    store.check().await.unwrap();
    store.close().await;
    mysql::run(&url, &format!("DROP USER {grantee}")).await;
}
