//! Databases that are not as the store needs them: what is said names the cure, which works.

use sentri_core::crypto::make_id;
use sentri_core::failure::StoreError;
use sentri_core::store::open;
use serde_json::json;

use crate::conformance::T;
use crate::fixture::{Schema, connect, server_url};

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
