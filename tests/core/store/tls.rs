//! TLS to real database servers, with certificates of the test's own. What can't be trusted is not spoken to, neither
//! in clear.

use std::process::Command;
use std::time::{Duration, Instant};

use sentri_core::failure::StoreError;
use sentri_core::store::executor::{Executor, Outcome, Statement, Value};
use sentri_core::store::mysql::{MysqlConfig, MysqlExecutor};
use sentri_core::store::open;
use sentri_core::store::postgres::{PostgresConfig, PostgresExecutor};
use serde_json::json;

use crate::fixture::{connect, server_url};
use crate::servers::{self, Authority, Place, Server};

fn with_mode(mode: &str) -> String {
    let url = server_url();
    format!("{url}{}sslmode={mode}", if url.contains('?') { '&' } else { '?' })
}

/// The result of `attempt`. A machine under load says nothing of TLS: what came too late is tried again, up to ten
/// times.
async fn in_time<T>(attempt: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 1..10 {
        match attempt().await {
            Err(StoreError::Unavailable(cause)) if cause.contains("in time") => {}
            outcome => return outcome,
        }
    }
    attempt().await
}

/// Whether our connection is encrypted, by the server's own account.
async fn is_encrypted(url: &str) -> Result<bool, StoreError> {
    in_time(async || is_encrypted_now(url).await).await
}

async fn is_encrypted_now(url: &str) -> Result<bool, StoreError> {
    if url.starts_with("mysql:") {
        let executor = MysqlExecutor::new(MysqlConfig::from_url(url).unwrap());
        let cipher = ask(&executor, "SHOW SESSION STATUS LIKE 'Ssl_cipher'").await?.remove(1).into_text()?;
        return Ok(!cipher.is_empty());
    }
    let executor = PostgresExecutor::new(PostgresConfig::from_url(url).unwrap());
    Ok(ask(&executor, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").await?.remove(0).into_int()? == 1)
}

async fn ask(executor: &impl Executor, sql: &'static str) -> Result<Vec<Value>, StoreError> {
    let Outcome::Done(mut answers) = executor.run(&Statement::read(sql, []).into()).await? else {
        panic!("nothing was expected")
    };
    Ok(answers.remove(0).rows.remove(0))
}

#[tokio::test]
async fn the_mode_says_whether_a_connection_is_encrypted() {
    let row = connect(&server_url()).await.query_one("SHOW ssl", &[]).await.unwrap();
    let offered = row.get::<_, &str>(0) == "on";
    assert!(!is_encrypted(&with_mode("disable")).await.unwrap());
    assert_eq!(is_encrypted(&with_mode("prefer")).await.unwrap(), offered);
    match is_encrypted(&with_mode("require")).await {
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
async fn files_that_are_none_are_named() {
    let place = Place::new("postgres");
    let (certificate, key) = Authority::new().issue(&place, "client", "client");
    let (_, another) = Authority::new().issue(&place, "other", "client");
    let nowhere = place.path("nowhere.pem");
    for (db, words) in [
        (json!(format!("postgres://db/x?sslrootcert={nowhere}")), ["db sslrootcert", "nowhere.pem"]),
        (json!(format!("postgres://db/x?sslrootcert={key}")), ["db sslrootcert", "BEGIN CERTIFICATE"]),
        (json!(format!("postgres://db/x?sslcert={certificate}&sslkey={another}")), ["db", "don't go together"]),
        (json!(format!("postgres://db/x?sslcert={certificate}")), ["db", "without its key"]),
        (json!(format!("mysql://db/x?ssl-ca={nowhere}")), ["db ssl-ca", "nowhere.pem"]),
        (json!(format!("mysql://db/x?ssl-cert={certificate}&ssl-key={certificate}")), ["db ssl-key", "PRIVATE KEY"]),
        (json!({ "host": "db", "ssl": { "ca": "-----BEGIN nothing" } }), ["db.ssl.ca", "BEGIN CERTIFICATE"]),
    ] {
        let Err(error) = open(&db) else { panic!("{db} was taken") };
        assert_eq!(error.code, "CONFIGURATION_ERROR");
        assert!(words.iter().all(|word| error.message.contains(word)), "{db}: {}", error.message);
    }
}

/// The files that a server and its clients need: its certificate is for `localhost`.
fn prepare(user: &str, authority: &Authority) -> (Place, [String; 3]) {
    let place = Place::new(user);
    let root = authority.root(&place, "root.crt");
    let (certificate, key) = authority.issue(&place, "server", "localhost");
    authority.issue(&place, "client", "client");
    Authority::new().root(&place, "other.crt");
    (place, [root, certificate, key])
}

async fn postgres(offers: bool) -> Server {
    let (place, [root, certificate, key]) = prepare("postgres", &Authority::new());
    let settings = [
        format!("ssl={}", if offers { "on" } else { "off" }),
        format!("ssl_ca_file={root}"),
        format!("ssl_cert_file={certificate}"),
        format!("ssl_key_file={key}"),
    ];
    let access = if offers {
        "hostssl template1 all all trust clientcert=verify-ca\nhostssl all all all trust\n"
    } else {
        "hostnossl all all all trust\n"
    };
    let ready = async |port| is_encrypted(&format!("postgres://postgres@localhost:{port}/postgres")).await.is_ok();
    servers::postgres(place, &settings, access).ready(ready).await
}

async fn mysql(offers: bool) -> Server {
    let (place, [root, certificate, key]) = prepare("mysql", &Authority::new());
    let settings = match offers {
        true => vec![
            format!("--ssl-ca={root}"),
            format!("--ssl-cert={certificate}"),
            format!("--ssl-key={key}"),
            "--require-secure-transport=ON".to_owned(),
        ],
        false => vec!["--skip-ssl".to_owned()],
    };
    servers::mysql(place, &settings, "CREATE USER app REQUIRE X509;\n").ready(servers::listens).await
}

/// What must come of a URL: an encrypted connection, or a refusal in these words.
type Case<'a> = (&'a str, String, &'a [&'a str]);

async fn hold(cases: &[Case<'_>], url: impl Fn(&str, &str) -> String) {
    for (host, query, words) in cases {
        match is_encrypted(&url(host, query)).await {
            Ok(encrypted) => assert!(encrypted && words.is_empty(), "{host} {query}"),
            Err(StoreError::Unavailable(cause)) => {
                let told = !words.is_empty() && words.iter().all(|word| cause.contains(word));
                assert!(told, "{host} {query}: {cause}");
            }
            Err(error) => panic!("{host} {query}: {error}"),
        }
    }
}

/// The process that this runs in may be one that trusts what another test says; then the URL is all there is to try.
const URL: &str = "SENTRI_TEST_TLS_URL";

/// Whether a process whose system trusts `root` connects to `url`.
fn is_trusted_by_a_system(test: &str, root: &str, url: &str) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args([test, "--exact"]).env(URL, url).env("SSL_CERT_FILE", root).output().unwrap();
    output.status.success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_must_be_vouched_for_and_be_the_host() {
    if let Ok(url) = std::env::var(URL) {
        return assert!(is_encrypted(&url).await.unwrap());
    }
    let server = postgres(true).await;
    let path = |name: &str| server.place.path(name);
    let (root, other) = (format!("sslrootcert={}", path("root.crt")), format!("sslrootcert={}", path("other.crt")));
    let url = |host: &str, query: &str| format!("postgres://postgres@{host}:{}/postgres?{query}", server.port);
    let cases: [Case<'_>; 12] = [
        ("localhost", format!("sslmode=verify-full&{root}"), &[]),
        ("127.0.0.1", format!("sslmode=verify-full&{root}"), &["localhost", "sslmode=verify-ca"]),
        ("127.0.0.1", format!("sslmode=verify-ca&{root}"), &[]),
        ("127.0.0.1", root, &[]),
        ("localhost", format!("sslmode=verify-full&{other}"), &["UnknownIssuer", "sslrootcert"]),
        ("localhost", format!("sslmode=require&{other}"), &["UnknownIssuer", "sslrootcert"]),
        ("localhost", format!("sslmode=prefer&{other}"), &["UnknownIssuer"]),
        ("localhost", other, &["UnknownIssuer"]),
        ("localhost", "sslmode=verify-full".into(), &["UnknownIssuer", "sslrootcert"]),
        ("localhost", "sslmode=require".into(), &[]),
        ("127.0.0.1", String::new(), &[]),
        ("localhost", "sslmode=disable".into(), &["no encryption"]),
    ];
    hold(&cases, url).await;

    let of_client = format!("sslcert={}&sslkey={}", path("client.crt"), path("client.key"));
    let template = |query: &str| url("localhost", query).replace("/postgres?", "/template1?");
    assert!(is_encrypted(&template(&of_client)).await.unwrap());
    let refused = is_encrypted(&template("")).await.unwrap_err().to_string();
    assert!(refused.contains("client certificate"), "{refused}");

    let test = "tls::postgresql_must_be_vouched_for_and_be_the_host";
    let url = url("localhost", "sslrootcert=system");
    assert!(is_trusted_by_a_system(test, &path("root.crt"), &url));
    assert!(!is_trusted_by_a_system(test, &path("other.crt"), &url));
}

/// A server that takes no connection in clear takes no request to cancel in clear either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_is_cancelled_by_tls() {
    let server = postgres(true).await;
    let root = server.place.path("root.crt");
    let url = format!("postgres://postgres@localhost:{}/postgres?sslmode=verify-full&sslrootcert={root}", server.port);
    let executor = PostgresExecutor::new(PostgresConfig::from_url(&url).unwrap());
    let slow = "SELECT pg_sleep(60)";
    assert!(matches!(ask(&executor, slow).await, Err(StoreError::Unavailable(_))));
    let given_up = Instant::now();
    let running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(60)'";
    while in_time(async || ask(&executor, running).await).await.unwrap().remove(0).into_int().unwrap() > 0 {
        assert!(given_up.elapsed() < Duration::from_secs(3), "what nobody waits for goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_must_be_vouched_for_and_be_the_host() {
    if let Ok(url) = std::env::var(URL) {
        return assert!(is_encrypted(&url).await.unwrap());
    }
    let server = mysql(true).await;
    let path = |name: &str| server.place.path(name);
    let (root, other) = (format!("ssl-ca={}", path("root.crt")), format!("ssl-ca={}", path("other.crt")));
    let url = |host: &str, query: &str| format!("mysql://root@{host}:{}/mysql?{query}", server.port);
    let cases: [Case<'_>; 13] = [
        ("localhost", format!("ssl-mode=VERIFY_IDENTITY&{root}"), &[]),
        ("127.0.0.1", format!("ssl-mode=VERIFY_IDENTITY&{root}"), &["localhost", "ssl-mode=VERIFY_CA"]),
        ("127.0.0.1", format!("ssl-mode=VERIFY_CA&{root}"), &[]),
        ("localhost", format!("ssl-mode=VERIFY_CA&{root}"), &[]),
        ("127.0.0.1", root, &[]),
        ("localhost", format!("ssl-mode=VERIFY_IDENTITY&{other}"), &["UnknownIssuer", "ssl-ca"]),
        ("localhost", format!("ssl-mode=REQUIRED&{other}"), &["UnknownIssuer", "ssl-ca"]),
        ("localhost", format!("ssl-mode=PREFERRED&{other}"), &["UnknownIssuer"]),
        ("127.0.0.1", other, &["UnknownIssuer"]),
        ("localhost", "ssl-mode=VERIFY_IDENTITY".into(), &["UnknownIssuer", "ssl-ca"]),
        ("localhost", "ssl-mode=REQUIRED".into(), &[]),
        ("127.0.0.1", String::new(), &[]),
        // MariaDB calls it a wrong login, MySQL an insecure transport.
        ("localhost", "ssl-mode=DISABLED".into(), &[""]),
    ];
    hold(&cases, url).await;

    let of_client = format!("ssl-cert={}&ssl-key={}", path("client.crt"), path("client.key"));
    let app = |query: &str| format!("mysql://app@localhost:{}?{query}", server.port);
    assert!(is_encrypted(&app(&of_client)).await.unwrap());
    let refused = is_encrypted(&app("")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");

    let test = "tls::mysql_must_be_vouched_for_and_be_the_host";
    let url = url("localhost", "ssl-mode=VERIFY_IDENTITY");
    assert!(is_trusted_by_a_system(test, &path("root.crt"), &url));
    assert!(!is_trusted_by_a_system(test, &path("other.crt"), &url));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_an_object_say_the_same() {
    let server = mysql(true).await;
    let read = |name: &str| std::fs::read_to_string(server.place.path(name)).unwrap();
    let ca = |name: &str| json!({ "ca": read(name) });
    let all = json!({ "ca": read("root.crt"), "cert": read("client.crt"), "key": read("client.key") });
    for (host, user, ssl, ok) in [
        ("localhost", "root", ca("root.crt"), true),
        ("127.0.0.1", "root", ca("root.crt"), false),
        ("localhost", "root", ca("other.crt"), false),
        ("localhost", "root", json!(true), false),
        ("127.0.0.1", "root", json!({ "rejectUnauthorized": false, "ca": read("other.crt") }), true),
        ("localhost", "app", all, true),
        ("localhost", "root", json!(false), false),
    ] {
        let db = json!({ "type": "mysql", "host": host, "port": server.port, "user": user, "ssl": ssl });
        // Whoever gets in is told that there are no tables, or no database.
        let refused = in_time(async || open(&db).unwrap().check().await).await.unwrap_err();
        let got_in = !matches!(refused, StoreError::Unavailable(_));
        assert_eq!(got_in, ok, "{host} {user}: {refused}");
    }
}

/// What a proxy that strips TLS, or a server that has none, gets from us.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_tls_is_wanted_nothing_goes_in_clear() {
    let (postgres, mysql) = (postgres(false).await, mysql(false).await);
    let root = |server: &Server| server.place.path("root.crt");
    let at_postgres = |query: &str| format!("postgres://postgres@localhost:{}/postgres?{query}", postgres.port);
    let at_mysql = |query: &str| format!("mysql://root@localhost:{}/mysql?{query}", mysql.port);
    for (url, word) in [
        (at_postgres("sslmode=require"), "sslmode=disable"),
        (at_postgres("sslmode=verify-full"), "sslmode=disable"),
        (at_postgres(&format!("sslrootcert={}", root(&postgres))), "sslmode=disable"),
        (at_mysql("ssl-mode=REQUIRED"), "ssl-mode=DISABLED"),
        (at_mysql("ssl-mode=VERIFY_IDENTITY"), "ssl-mode=DISABLED"),
        (at_mysql(&format!("ssl-ca={}", root(&mysql))), "ssl-mode=DISABLED"),
    ] {
        let Err(StoreError::Unavailable(cause)) = is_encrypted(&url).await else { panic!("{url} was connected to") };
        assert!(cause.contains(word), "{url}: {cause}");
    }
    // Nobody asked for TLS.
    for url in [at_postgres(""), at_mysql("")] {
        assert!(!is_encrypted(&url).await.unwrap());
    }
}
