//! URLs and settings of databases and Redis. None is opened here. Nothing that is said of one holds its password.

use std::sync::LazyLock;

use sentri_core::redis::Redis;
use sentri_core::store::open_noting;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const PASSWORD: &str = "hunter2canary";
const SCHEMES: [&str; 8] = ["postgres", "postgresql", "mysql", "mariadb", "sqlite", "file", "redis", "redis+sentinel"];

/// Pools want one around them, though they connect to nothing before they are used.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().unwrap());

pub fn check(data: &[u8]) {
    let Some(text) = super::text(data) else { return };
    let _inside = RUNTIME.enter();
    database(&json!(text));
    redis(text);
    // Parameters may name files, and a path of nobody's choice is not to be read.
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    for scheme in SCHEMES {
        let url = format!("{scheme}://user:{PASSWORD}@{rest}");
        quiet(&url);
        quiet(&format!("{scheme}://{rest}:{PASSWORD}@host/db"));
        quiet(&format!("{scheme}:{PASSWORD}{rest}"));
    }
    if let Ok(options @ Value::Object(_)) = serde_json::from_str(text) {
        let mut options: Value = options;
        database(&options);
        options["password"] = PASSWORD.into();
        assert!(!database(&options).contains(PASSWORD));
    }
}

fn quiet(url: &str) {
    let said = if url.starts_with("redis") { redis(url) } else { database(&json!(url)) };
    assert!(!said.contains(PASSWORD), "{url:?}: {said}");
    let said = database(&json!({ "connectionString": url }));
    assert!(!said.contains(PASSWORD), "{url:?}: {said}");
}

/// Everything that is said of it.
fn database(option: &Value) -> String {
    let mut warnings = Vec::new();
    match open_noting(option, &mut warnings) {
        Ok(_) => warnings.join("\n"),
        Err(error) => {
            assert_eq!(error.code, "CONFIGURATION_ERROR", "{option}");
            assert!(error.message.starts_with("db") || error.message.contains("db"), "{}", error.message);
            format!("{error} {error:?} {warnings:?}")
        }
    }
}

fn redis(url: &str) -> String {
    match Redis::open(url) {
        Ok(redis) => {
            redis.close();
            String::new()
        }
        Err(error) => {
            assert!(error.code == "CONFIGURATION_ERROR" && error.message.contains("redisUrl"), "{}", error.message);
            format!("{error} {error:?}")
        }
    }
}
