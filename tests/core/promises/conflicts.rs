//! A transaction that loses a race at any of its statements or at COMMIT (40001), as all may on a distributed database,
//! is run again: the caller hears nothing of it, and nothing is left half-done.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sentri_core::Host;
use serde_json::{Value, json};

use crate::faults::{OPERATIONS, Subject, options_of};
use crate::losing::Losing;
use crate::support::{Bench, Database, Own, postgres_url, store_at};

/// The database of `own` through a proxy.
async fn through_proxy(own: &Own) -> (Losing, Value) {
    let config: tokio_postgres::Config = postgres_url().parse().unwrap();
    let tokio_postgres::config::Host::Tcp(host) = &config.get_hosts()[0] else { panic!("a host") };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let losing = Losing::before(format!("{host}:{port}")).await;
    let url = own.option["connectionString"].as_str().unwrap();
    let (_, place) = url.rsplit_once('/').unwrap();
    let user = config.get_user().unwrap_or("postgres");
    let joint = if place.contains('?') { '&' } else { '?' };
    let url = format!("postgres://{user}@{}/{place}{joint}sslmode=disable", losing.address);
    (losing, json!({ "connectionString": url, "max": 4 }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_race_at_any_statement_is_run_again() {
    let own = Own::new(Database::Postgres).await;
    let (losing, db) = through_proxy(&own).await;
    let (direct, store) = (store_at(&own.option), store_at(&db));
    let bench = |operation: &str| Bench::unmigrated(&db, options_of(operation), Host::default(), Arc::clone(&store));
    bench("").server.migrate().await.unwrap();
    let mut number = 0;
    for operation in OPERATIONS {
        let ready = async |number: usize| {
            let bench = bench(operation);
            bench.server.ready().await.unwrap();
            Subject::new(bench, number).await
        };
        let bare = |state: &Value, subject: &Subject| state.to_string().replace(&subject.name, "user");
        number += 1;
        let subject = ready(number).await;
        assert!(subject.operate(operation).await.status < 300, "{operation}");
        let after = bare(&subject.state(&direct).await, &subject);
        for n in 1.. {
            number += 1;
            let subject = ready(number).await;
            losing.countdown.store(n, Ordering::SeqCst);
            let answer = subject.operate(operation).await;
            let fired = losing.countdown.swap(0, Ordering::SeqCst) == 0;
            let what = format!("{operation}, statement {n}: {} {}", answer.status, answer.body);
            assert!(answer.status < 300, "{what}");
            assert_eq!(bare(&subject.state(&direct).await, &subject), after, "{what}");
            if !fired {
                assert!(n > 1, "{operation} asks the database");
                break;
            }
        }
    }
    store.close().await;
    direct.close().await;
    own.drop().await;
}
