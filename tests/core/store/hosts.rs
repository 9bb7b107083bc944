//! Several hosts in a `mysql://` URL: the next one is tried where one is away, silent or of no use.

use std::time::{Duration, Instant};

use sentri_core::store::open;
use serde_json::json;

use crate::conformance::T;
use crate::mysql::{self, MysqlDatabase, mysql_url};
use crate::outage::new_user;
use crate::proxy::{Line, Proxy};
use crate::servers::{self, Place, free_port};

/// The URL of `database` by way of `hosts`.
fn url_by(database: &MysqlDatabase, hosts: &[String]) -> String {
    let opts = mysql_async::Opts::from_url(&mysql_url()).unwrap();
    let password = opts.pass().map(|pass| format!(":{pass}")).unwrap_or_default();
    format!("mysql://{}{password}@{}/{}", opts.user().unwrap_or("root"), hosts.join(","), database.name())
}

fn server() -> String {
    let opts = mysql_async::Opts::from_url(&mysql_url()).unwrap();
    format!("{}:{}", opts.ip_or_hostname(), opts.tcp_port())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_hosts_are_tried_in_turn() {
    let database = MysqlDatabase::new().await;
    let (one, other) = (Proxy::before(server()).await, Proxy::before(server()).await);
    let nobody = format!("127.0.0.1:{}", free_port());
    let url = url_by(&database, &[nobody, one.address.to_string(), other.address.to_string()]);
    let store = open(&json!(url)).unwrap();
    one.set(Line::Paused);
    store.migrate(T).await.unwrap();
    for turn in 0..4 {
        let (good, bad) = if turn % 2 == 0 { (&one, &other) } else { (&other, &one) };
        good.set(Line::Open);
        bad.set(if turn < 2 { Line::Cut } else { Line::Paused });
        // Whoever waits for an answer of the host that went hears of it; whoever comes then goes to the other one.
        let started = Instant::now();
        while store.find_user("nobody").await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(5), "turn {turn}");
        }
        for number in 0..20 {
            assert!(store.create_user(&new_user(&format!("user{turn}-{number}"))).await.unwrap());
        }
    }
    store.close().await;
}

/// A replica is of no use to somebody who writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mysql_host_that_is_read_only_is_passed_over() {
    let database = MysqlDatabase::new().await;
    let first = format!("CREATE DATABASE {};", database.name());
    let replica = servers::mysql(Place::new("mysql"), &["--read-only=1".to_owned()], &first);
    let replica_url = format!("mysql://root@127.0.0.1:{}/mysql", replica.port);
    let replica = replica.ready(async |_| mysql::answers(&replica_url, "SELECT 1").await.is_some()).await;
    let hosts = [format!("127.0.0.1:{}", replica.port), server()];
    let store = open(&json!(url_by(&database, &hosts))).unwrap();
    store.migrate(T).await.unwrap();
    assert!(store.create_user(&new_user("anna")).await.unwrap());
    assert_eq!(mysql::first(&database.url(), "SELECT COUNT(*) FROM sentri_users").await, ["1"]);
    store.close().await;
}

/// The primary becomes read-only under a server that is connected to it: what it refuses before a commit is run again
/// at the next host, and nobody hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mysql_primary_that_is_demoted_is_left() {
    let database = MysqlDatabase::new().await;
    let first = format!(
        "CREATE DATABASE {};\nCREATE USER boss@localhost;\nGRANT ALL ON *.* TO boss@localhost;\n\
         REVOKE SUPER, READ ONLY ADMIN ON *.* FROM root@localhost;\n",
        database.name()
    );
    let primary = servers::mysql(Place::new("mysql"), &[], &first);
    let boss = format!("mysql://boss@127.0.0.1:{}/mysql", primary.port);
    let primary = primary.ready(async |_| mysql::answers(&boss, "SELECT 1").await.is_some()).await;
    let hosts = [format!("127.0.0.1:{}", primary.port), server()];
    let store = open(&json!(url_by(&database, &hosts))).unwrap();
    store.migrate(T).await.unwrap();
    let next = open(&json!(database.url())).unwrap();
    next.migrate(T).await.unwrap();
    assert!(store.create_user(&new_user("anna")).await.unwrap());
    mysql::run(&boss, "SET GLOBAL read_only = 1").await;
    for number in 0..5 {
        assert!(store.create_user(&new_user(&format!("ben{number}"))).await.unwrap());
    }
    let count = "SELECT COUNT(*) FROM sentri_users";
    assert_eq!(mysql::first(&database.url_over(&boss), count).await, ["1"]);
    assert_eq!(mysql::first(&database.url(), count).await, ["5"]);
    store.close().await;
    next.close().await;
}
