//! The `db` option.

use sentri_core::config::Config;
use sentri_core::store::{open, open_noting};
use serde_json::{Value, json};

fn refusal(db: Value) -> String {
    match open(&db) {
        Ok(_) => panic!("{db} was taken"),
        Err(error) => {
            assert_eq!(error.code, "CONFIGURATION_ERROR");
            assert!(!error.message.contains("hunter2"), "{}", error.message);
            error.message
        }
    }
}

#[test]
fn the_forms_of_the_contract_open_without_io() {
    for db in [
        json!("postgres://app:hunter2@localhost/auth"),
        json!("postgresql://localhost:6432/auth?sslmode=verify-full&application_name=x"),
        json!("POSTGRES://localhost/auth"),
        json!(
            "postgres://db/auth?schema=auth&connection_limit=5&pool_timeout=10&pgbouncer=true&statement_cache_size=0"
        ),
        json!("postgres://db/auth?sslmode=require&uselibpqcompat=true&sslaccept=accept_invalid_certs"),
        json!("postgres://a:5432,b:5432/auth?target_session_attrs=read-write"),
        json!({ "connectionString": "postgres://db/auth", "schema": "auth" }),
        json!("mysql://app:hunter2@localhost:3306/auth?ssl-mode=VERIFY_IDENTITY"),
        json!("mariadb://localhost/auth"),
        json!("mysql://db/auth?connection_limit=5&pool_timeout=10&sslaccept=strict&socket_timeout=3&charset=latin1"),
        json!("mysql://db/auth?useSSL=true&serverTimezone=UTC"),
        json!({ "connectionString": "mysql://app:hunter2@db/auth", "max": 10, "ssl": true }),
        json!({ "type": "mysql", "host": "db", "database": "auth", "user": "app", "password": "hunter2" }),
        json!({ "type": "postgres", "host": "db", "database": "auth" }),
        json!("sqlite:./file.db"),
        json!("sqlite:///var/lib/absent/file.db"),
        json!("sqlite::memory:"),
        json!({ "filename": "/nowhere/at/all.db" }),
        json!({ "filename": ":memory:" }),
        json!({ "connectionString": "postgres://app:hunter2@db/auth", "max": 10 }),
        json!({ "connectionString": "postgres://db/auth", "max": "10", "ssl": true }),
        json!({ "connectionString": "sqlite:./file.db" }),
        json!({ "host": "localhost", "port": 5432, "database": "mydb", "user": "app", "password": "secret" }),
        json!({ "host": "/var/run/postgresql", "database": "mydb", "max": 3.0, "ssl": false }),
        json!({ "host": "db", "port": "6432", "database": "d", "ssl": { "rejectUnauthorized": false } }),
        json!({ "database": "mydb", "password": null }),
    ] {
        assert!(open(&db).is_ok(), "{db}");
    }
}

#[test]
fn a_wrong_value_is_named_with_its_cure() {
    for (db, words) in [
        (json!(5), vec!["db must be a URL or an object"]),
        (json!(null), vec!["db must be"]),
        (json!("auth.db"), vec!["db", "sqlite:./file.db"]),
        (json!("oracle://app:hunter2@db/x"), vec!["db", "unknown scheme", "postgres://", "sqlite::memory:"]),
        (json!("postgresql+asyncpg://app:hunter2@db/x"), vec!["db", "unknown scheme", "postgresql://"]),
        (json!("postgres+psycopg://app:hunter2@db/x"), vec!["db", "unknown scheme", "postgres://"]),
        (json!({ "connectionString": "psql://app:hunter2@db/x" }), vec!["db", "unknown scheme", "postgres://"]),
        (json!("mysql+pymysql://app:hunter2@db/x"), vec!["db", "unknown scheme", "mysql://"]),
        (json!("sqlite+aiosqlite:///./x.db"), vec!["db", "unknown scheme", "write sqlite:// instead"]),
        (json!("postgres://app:hunter2@db/x?schema="), vec!["db", "empty schema"]),
        (json!("postgres://app:hunter2@db/x?ssltls=hunter2"), vec!["db", "ssltls"]),
        (json!("postgres://app:17?hunter2@db/x"), vec!["db", "%3F"]),
        (json!({ "host": "db", "schema": "" }), vec!["db.schema", "name a schema"]),
        (json!({ "type": "mysql", "host": "db", "schema": "x" }), vec!["db.schema", "PostgreSQL"]),
        (json!("mysql://app:hunter2@db:port/x"), vec!["db", "MySQL URL"]),
        (json!("mysql://app:hunter2@db/x?ssl-mode=hunter2"), vec!["db", "ssl-mode", "VERIFY_IDENTITY"]),
        (json!("mysql://app:hunter2@db/x?ssltls=hunter2"), vec!["db", "ssltls", "db.ssl"]),
        (json!("mysql://app:hunter2@db/x?tls=hunter2"), vec!["db", "tls", "ssl-mode"]),
        (json!("mysql://app:hunter2@db/x?useSSL=true&ssl-mode=DISABLED"), vec!["db", "TLS", "leave one"]),
        (json!("mysql://app:17?hunter2@db/x"), vec!["db", "%3F"]),
        (json!("mysql://app:hunter2@db/x?ssl-key=/a"), vec!["db ssl-key", "/a"]),
        (json!({ "type": "oracle", "host": "h" }), vec!["db.type", "mariadb"]),
        (json!({ "connectionString": "mysql://db/x", "maxConns": 3 }), vec!["db.maxConns", "max"]),
        (json!("sqlite:"), vec!["db", "names no file"]),
        (json!("postgres://app:hunter2@db:port/x"), vec!["db"]),
        (json!("postgres://app:hunter2@db/x?sslmode=on"), vec!["db", "sslmode", "verify-full"]),
        (json!("postgres://app:hunter2@db/x?sslcert=/a"), vec!["db sslcert", "/a"]),
        (json!("postgres://db/x?sslmod=require"), vec!["db"]),
        (json!({}), vec!["db names no database"]),
        (json!({ "connectionString": "" }), vec!["db.connectionString", "environment variable"]),
        (json!({ "connectionString": null }), vec!["db.connectionString"]),
        (json!({ "connectionString": "postgres://db/x", "maxConns": 3 }), vec!["db.maxConns", "max"]),
        (json!({ "connectionString": "postgres://db/x", "host": "a" }), vec!["db.host"]),
        (json!({ "connectionString": "sqlite:./x.db", "max": 3 }), vec!["db.max"]),
        (json!({ "filename": "x.db", "ssl": true }), vec!["db.ssl"]),
        (json!({ "filename": 3 }), vec!["db.filename", "string"]),
        (json!({ "host": "h", "databse": "x" }), vec!["db.databse", "database"]),
        (json!({ "host": "h", "port": 0 }), vec!["db.port", "65535"]),
        (json!({ "host": "h", "port": "x" }), vec!["db.port"]),
        (json!({ "host": "h", "max": 0 }), vec!["db.max", "1"]),
        (json!({ "host": "h", "max": 1.5 }), vec!["db.max"]),
        (json!({ "host": "h", "ssl": "yes" }), vec!["db.ssl"]),
        (json!({ "host": "h", "ssl": { "rejectUnauthorised": false } }), vec!["db.ssl.rejectUnauthorised"]),
        (json!({ "host": "h", "ssl": { "ca": "/path.pem" } }), vec!["db.ssl.ca", "PEM"]),
        (json!({ "host": "h", "password": 5 }), vec!["db.password", "string"]),
    ] {
        let message = refusal(db.clone());
        for word in words {
            assert!(message.contains(word), "{db}: {message}");
        }
    }
}

/// The texts that list drivers, letter by letter.
#[test]
fn the_drivers_are_listed() {
    let known = "use postgres://user:password@host/database, mysql://user:password@host/database, sqlite:./file.db or \
                 sqlite::memory:";
    for scheme in ["oracle", "file+x", "mssql+pyodbc"] {
        assert_eq!(refusal(json!(format!("{scheme}://h/x"))), format!("db has an unknown scheme: {known}"));
    }
    assert_eq!(refusal(json!("auth.db")), format!("db is not a URL: {known}"));
    for (scheme, name) in [("mariadb+mysqldb", "mariadb"), ("pgsql", "postgres"), ("file+sqlite", "sqlite")] {
        let cure = format!("db has an unknown scheme: write {name}:// instead, sentri brings its own driver");
        assert_eq!(refusal(json!(format!("{scheme}://h/x"))), cure);
    }
    for kind in ["oracle", "sqlite", "file"] {
        let message = "db.type must be 'postgres', 'mysql' or 'mariadb'; for SQLite give filename";
        assert_eq!(refusal(json!({ "type": kind, "host": "h" })), message);
    }
    for kind in [json!("oracle"), Value::Null] {
        let options = json!({ "mode": "server", "validRoles": ["a"], "dialect": "[dialect]", "dialectKind": kind });
        let error = Config::from_options(&options).unwrap_err();
        assert!(error.message.ends_with(" 'postgres', 'mysql' or 'sqlite'"), "{}", error.message);
    }
}

/// A file in the present folder that the other reading of the URL means, and one that 6.0.0 named by the whole URL.
#[test]
fn a_file_beside_is_named() {
    let name = format!("sentri-{}.db", sentri_core::crypto::make_id());
    std::fs::write(&name, "").unwrap();
    let both = refusal(json!(format!("sqlite:///{name}")));
    std::fs::rename(&name, format!("{name}?mode=rwc")).unwrap();
    let literal = refusal(json!(format!("sqlite:./{name}?mode=rwc")));
    std::fs::remove_file(format!("{name}?mode=rwc")).unwrap();
    assert!(both.contains(&format!("'/{name}'")) && both.contains(&format!("sqlite:./{name} ")), "{both}");
    assert!(literal.contains(&format!("'./{name}'")) && literal.contains("filename"), "{literal}");
    assert!(refusal(json!(format!("sqlite:./{name}?nolock=1"))).contains("unknown parameter"));
}

/// A parameter that means nothing here is named once, and nothing else is warned of.
#[test]
fn what_is_ignored_is_named_in_one_warning() {
    for (url, named) in [
        ("postgres://db/auth?schema=auth&connection_limit=5&pgbouncer=true&uselibpqcompat=true", None),
        (
            "postgres://db/auth?pool_timeout=10&schema=auth&statement_cache_size=0",
            Some("pool_timeout, statement_cache_size"),
        ),
        ("mysql://db/auth?connection_limit=5&sslaccept=strict&charset=utf8mb4", None),
        ("mariadb://db/auth?pool_timeout=10&useSSL=true&serverTimezone=UTC", Some("pool_timeout, serverTimezone")),
    ] {
        for db in [json!(url), json!({ "connectionString": url })] {
            let mut warnings = Vec::new();
            open_noting(&db, &mut warnings).unwrap();
            assert_eq!(warnings.len(), usize::from(named.is_some()), "{warnings:?}");
            assert!(warnings.iter().all(|warning| warning.ends_with(named.unwrap())), "{warnings:?}");
        }
    }
}
