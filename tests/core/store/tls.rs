//! TLS to PostgreSQL, as far as a server with a certificate of its own making can show it.

use sentri_core::failure::StoreError;
use sentri_core::store::executor::{Executor, Outcome, Statement};
use sentri_core::store::open;
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use serde_json::json;

use crate::fixture::{connect, server_url};

fn with_mode(mode: &str) -> String {
    let url = server_url();
    format!("{url}{}sslmode={mode}", if url.contains('?') { '&' } else { '?' })
}

/// Whether our connection is encrypted, by the server's own account.
async fn is_encrypted(mode: &str) -> Result<bool, StoreError> {
    let executor = PostgresExecutor::new(PostgresConfig::from_url(&with_mode(mode)).unwrap());
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let Outcome::Done(mut answers) = executor.run(&Statement::read(sql, []).into()).await? else {
        panic!("nothing was expected")
    };
    Ok(answers.remove(0).rows.remove(0).remove(0).into_int()? == 1)
}

#[tokio::test]
async fn the_mode_says_whether_a_connection_is_encrypted() {
    let row = connect(&server_url()).await.query_one("SHOW ssl", &[]).await.unwrap();
    let offered = row.get::<_, &str>(0) == "on";
    assert!(!is_encrypted("disable").await.unwrap());
    assert_eq!(is_encrypted("prefer").await.unwrap(), offered);
    match is_encrypted("require").await {
        Ok(encrypted) => assert!(offered && encrypted),
        Err(error) => assert!(!offered && matches!(error, StoreError::Unavailable(_)), "{error}"),
    }
}

/// The tests' server has no certificate that anybody vouches for.
#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_refused() {
    let url = server_url();
    for db in [
        json!(with_mode("verify-full")),
        json!(with_mode("verify-ca")),
        json!({ "connectionString": url, "ssl": true }),
        json!({ "connectionString": url, "ssl": { "rejectUnauthorized": true } }),
    ] {
        let refused = open(&db).unwrap().check().await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_root_certificate_that_is_missing_is_named() {
    let db = format!("{}&sslrootcert=%2Fnowhere%2Froot.pem", with_mode("verify-full"));
    let Err(StoreError::Other(cause)) = open(&json!(db)).unwrap().check().await else { panic!("there is none") };
    assert!(cause.contains("sslrootcert") && cause.contains("/nowhere/root.pem"), "{cause}");
}
