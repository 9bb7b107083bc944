//! What several servers over one database owe each other: P11, P12, P21, P27; and P45, what all owe their callers when
//! it is away. The servers share a clock and nothing else, as processes would.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sentri_core::ErrorCode;
use sentri_core::clock::TestClock;
use sentri_core::config::Config;
use sentri_core::http::guard::GuardRequest;
use sentri_core::token::KeyRing;
use sentri_core::{AuthServer, Host, store};
use serde_json::{Value, json};
use tokio_postgres::config::Host as Address;

use crate::proxy::{Line, Proxy};
use crate::support::{Bench, Database, Own, START, bearer, options, postgres_url};

fn server(db: &Value, more: Value, clock: &Arc<TestClock>) -> Bench {
    let mut config = Config::from_options(&options(db, more)).unwrap();
    config.password.cost = 4;
    let host = Host { clock: Arc::<TestClock>::clone(clock), ..Host::default() };
    let server = AuthServer::with_store(config, host, store::open(db).unwrap()).unwrap();
    Bench { server, clock: Arc::clone(clock), address: "203.0.113.7".to_owned() }
}

/// A proxy before PostgreSQL, and the URL of a database of the test's by way of it.
pub async fn proxied(own: &Own) -> (Proxy, String) {
    let config: tokio_postgres::Config = postgres_url().parse().unwrap();
    let Address::Tcp(host) = &config.get_hosts()[0] else { panic!("the proxy stands before TCP alone") };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let proxy = Proxy::before(format!("{host}:{port}")).await;
    let url = own.option["connectionString"].as_str().unwrap();
    let url = url.replace(&format!("{host}:{port}"), &proxy.address.to_string());
    assert!(url.contains(&proxy.address.to_string()), "DATABASE_URL has host and port");
    (proxy, url)
}

fn stored_keys() -> Value {
    json!({ "secret": "[absent]", "algorithm": "ES256", "accessExpiresIn": "15m" })
}

/// P11: eight at once on an empty database make one key, and tokens of each are good with all.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p11_replicas_that_start_at_once_share_one_key() {
    for kind in [Database::SqliteFile, Database::Postgres] {
        let own = Own::new(kind).await;
        let clock = Arc::new(TestClock::at(START));
        let servers: Vec<Arc<Bench>> = (0..8).map(|_| Arc::new(server(&own.option, stored_keys(), &clock))).collect();
        let starts: Vec<_> = servers
            .iter()
            .map(|bench| {
                let bench = Arc::clone(bench);
                tokio::spawn(async move { bench.server.migrate().await.unwrap() })
            })
            .collect();
        for start in starts {
            start.await.unwrap();
        }
        assert_eq!(servers[0].register("rizz").await.status, 201);
        for signer in &servers {
            assert_eq!(signer.server.jwks(), servers[0].server.jwks(), "one key");
            let login = signer.login("rizz").await;
            for verifier in &servers {
                assert!(verifier.guard(&login.access).await.result.is_ok());
                verifier.server.verify_access_token(&login.access).unwrap();
            }
        }
        let before = servers[0].login("rizz").await;
        let restarted = server(&own.option, stored_keys(), &clock);
        restarted.server.ready().await.unwrap();
        assert!(restarted.guard(&before.access).await.result.is_ok(), "a restart invalidates nothing");
        assert_eq!(restarted.refresh(&before.refresh).await.status, 200);
        for bench in &servers {
            bench.server.close().await;
        }
        restarted.server.close().await;
        own.drop().await;
    }
}

/// P12: while keys rotate, what one signs the other verifies, in every second of an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p12_no_verification_fails_while_keys_rotate() {
    for kind in [Database::SqliteFile, Database::Postgres] {
        let own = Own::new(kind).await;
        let clock = Arc::new(TestClock::at(START));
        let [signer, verifier] = [(); 2].map(|()| server(&own.option, stored_keys(), &clock));
        signer.server.migrate().await.unwrap();
        verifier.server.migrate().await.unwrap();
        assert_eq!(signer.register("rizz").await.status, 201);
        let mut session = signer.login("rizz").await;
        let (mut alive, mut kids) = (Vec::new(), std::collections::HashSet::new());
        for second in 0..3_600_i64 {
            if second % 120 == 0 {
                signer.server.call("rotateKeys", json!([])).await.unwrap();
            }
            // Once in ten minutes nobody asks the verifier for anything while a new key starts to sign.
            let asked = !(470..540).contains(&(second % 600));
            if second % 5 == 0 {
                session.access = signer.refresh(&session.refresh).await.into_login().access;
                kids.insert(KeyRing::kid_of(&session.access).unwrap());
                alive.push((second + 900, session.access.clone()));
                alive.retain(|(ends, _)| *ends > second);
            }
            if asked {
                let oldest = &alive[0].1;
                for token in [&session.access, oldest] {
                    let guarded = verifier.guard(token).await;
                    assert!(guarded.result.is_ok(), "{kind:?}, second {second}: {guarded:?}");
                }
            }
            clock.advance(1_000);
        }
        assert!(kids.len() >= 28, "{} keys signed", kids.len());
        signer.server.close().await;
        verifier.server.close().await;
        own.drop().await;
    }
}

/// P12: a process that serves no request signs by the present key too: where it makes sessions, and where it signs by
/// hand after `ready()`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p12_a_process_without_requests_signs_by_the_present_key() {
    for kind in [Database::SqliteFile, Database::Postgres] {
        let own = Own::new(kind).await;
        let clock = Arc::new(TestClock::at(START));
        let [serving, caller, signer] = [(); 3].map(|()| server(&own.option, stored_keys(), &clock));
        for bench in [&serving, &caller, &signer] {
            bench.server.migrate().await.unwrap();
        }
        assert_eq!(serving.register("rizz").await.status, 201);
        let user = serving.login("rizz").await.user_id;
        for pause in [40_000, 1_200_000, 40_000] {
            serving.server.call("rotateKeys", json!([])).await.unwrap();
            clock.advance(pause);
            let made = caller.server.call("createSession", json!([user])).await.unwrap();
            signer.server.call("ready", json!([{}])).await.unwrap();
            let access = signer.server.sign_access_token(&json!({ "id": user })).unwrap();
            let refresh = signer.server.sign_refresh_token("a session").unwrap();
            assert!(serving.guard(made["accessToken"].as_str().unwrap()).await.result.is_ok(), "{kind:?}, {pause}");
            let newest = serving.server.call("listKeys", json!([])).await.unwrap()[0]["kid"].clone();
            for token in [&made["accessToken"], &made["refreshToken"], &json!(access), &json!(refresh)] {
                let kid = KeyRing::kid_of(token.as_str().unwrap());
                assert_eq!(kid.as_deref(), newest.as_str(), "{kind:?}, {pause}");
            }
        }
        for bench in [&serving, &caller, &signer] {
            bench.server.close().await;
        }
        own.drop().await;
    }
}

/// G17: in a forked child a server that is made again goes by the keys of its parent until its own look is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g17_a_server_that_is_made_again_goes_on_by_the_keys_of_its_parent() {
    let own = Own::new(Database::SqliteFile).await;
    let clock = Arc::new(TestClock::at(START));
    let [parent, other, child] = [(); 3].map(|()| server(&own.option, stored_keys(), &clock));
    parent.server.migrate().await.unwrap();
    other.server.migrate().await.unwrap();
    let before = other.server.sign_access_token(&json!({ "id": "u" })).unwrap();
    other.server.call("rotateKeys", json!([])).await.unwrap();
    clock.advance(36_000);
    let after = other.server.sign_access_token(&json!({ "id": "u" })).unwrap();
    assert!(child.server.verify_access_token(&before).unwrap_err().is(ErrorCode::ServiceUnavailable));
    child.server.go_on_from(&parent.server);
    assert_ne!(child.server.epoch(), parent.server.epoch(), "what was cached in the parent is void");
    assert_eq!(child.server.verify_access_token(&before).unwrap().id, "u");
    assert!(child.server.verify_access_token(&after).is_err() && child.server.keys_are_old());
    child.server.reload_keys();
    let asked = Instant::now();
    while child.server.verify_access_token(&after).is_err() {
        assert!(asked.elapsed() < Duration::from_secs(10), "it looks by itself");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for bench in [&parent, &other, &child] {
        bench.server.close().await;
    }
    own.drop().await;
}

/// P21, P27: another process learns of the end of a session and of new roles within `sessionCheck.maxAge`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p21_p27_other_processes_know_within_the_age_of_their_check() {
    for kind in [Database::SqliteFile, Database::Postgres] {
        let own = Own::new(kind).await;
        let clock = Arc::new(TestClock::at(START));
        let more = json!({ "sessionCheck": { "maxAge": "5s" } });
        let [here, there] = [(); 2].map(|()| server(&own.option, more.clone(), &clock));
        here.server.migrate().await.unwrap();
        there.server.migrate().await.unwrap();
        assert_eq!(here.register("rizz").await.status, 201);
        let login = here.login("rizz").await;
        assert!(there.guard(&login.access).await.result.unwrap().roles.is_empty());
        here.server.call("assignRoles", json!([login.user_id, ["editor"]])).await.unwrap();
        clock.advance(5_001);
        assert_eq!(there.guard(&login.access).await.result.unwrap().roles, ["editor"], "{kind:?}");
        let loose = there.server.sign_access_token(&json!({ "id": login.user_id, "roles": ["admin"] })).unwrap();
        assert!(there.guard(&loose).await.result.is_ok());
        let auth = format!("Bearer {}", login.access);
        assert_eq!(here.request("POST", "/logout-all", &[("authorization", &auth)], None).await.status, 200);
        assert!(here.guard(&login.access).await.result.is_err(), "here at once");
        clock.advance(5_001);
        let late = there.guard(&login.access).await.result.unwrap_err();
        assert!(late.is(ErrorCode::Unauthorized), "{kind:?}: {late}");
        assert_eq!(there.refresh(&login.refresh).await.status, 401);
        // C6: a token without a session ends with its user.
        assert!(there.guard(&loose).await.result.is_ok());
        here.server.call("deleteUser", json!([login.user_id])).await.unwrap();
        assert!(here.guard(&loose).await.result.is_err(), "here at once");
        clock.advance(5_001);
        let late = there.guard(&loose).await.result.unwrap_err();
        assert!(late.is(ErrorCode::Unauthorized), "{kind:?}: {late}");
        here.server.close().await;
        there.server.close().await;
        own.drop().await;
    }
}

/// A read of a session or a user from before the clock stepped back hides no revocation of another process.
#[tokio::test]
async fn a_clock_that_steps_back_hides_no_revocation() {
    let own = Own::new(Database::SqliteFile).await;
    let clock = Arc::new(TestClock::at(START));
    let more = json!({ "sessionCheck": { "maxAge": "5s" } });
    let [here, there] = [(); 2].map(|()| server(&own.option, more.clone(), &clock));
    here.server.migrate().await.unwrap();
    there.server.migrate().await.unwrap();
    assert_eq!(here.register("rizz").await.status, 201);
    let login = here.login("rizz").await;
    assert!(there.guard(&login.access).await.result.is_ok());
    let auth = format!("Bearer {}", login.access);
    assert_eq!(here.request("POST", "/logout-all", &[("authorization", &auth)], None).await.status, 200);
    clock.advance(-3_600_000);
    let refused = there.guard(&login.access).await.result.unwrap_err();
    assert!(refused.is(ErrorCode::Unauthorized), "{refused}");
    for (name, end) in [("lena", "deleteUser"), ("mona", "disableUser")] {
        let registered = here.register(name).await.body;
        let id = registered["data"]["user"]["id"].clone();
        let loose = there.server.sign_access_token(&json!({ "id": id, "roles": [] })).unwrap();
        assert!(there.guard(&loose).await.result.is_ok(), "{end}");
        assert!(there.server.guard_now(&bearer(&loose)).is_some(), "{end}: remembered");
        here.server.call(end, json!([id])).await.unwrap();
        clock.advance(-3_600_000);
        assert!(there.server.guard_now(&bearer(&loose)).is_none(), "{end}: what is remembered counts for nothing");
        let refused = there.guard(&loose).await.result.unwrap_err();
        assert!(refused.is(ErrorCode::Unauthorized), "{end}: {refused}");
    }
    here.server.close().await;
    there.server.close().await;
    own.drop().await;
}

/// P45: while the database is away every answer that needs it is a 503 within two seconds that says when to come back,
/// never a 401 and never with a cookie; and all is well when it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p45_an_outage_is_a_503_and_passes() {
    for line in [Line::Cut, Line::Paused] {
        let own = Own::new(Database::Postgres).await;
        let (proxy, url) = proxied(&own).await;
        let clock = Arc::new(TestClock::at(START));
        let more = json!({ "sessionCheck": { "maxAge": 0 }, "accessCookie": true });
        let bench = server(&json!({ "connectionString": url, "max": 5 }), more, &clock);
        bench.server.migrate().await.unwrap();
        assert_eq!(bench.register("rizz").await.status, 201);
        let login = bench.login("rizz").await;
        let silent = GuardRequest {
            method: "GET".into(),
            cookie: Some(format!("refresh_token={}", login.refresh)),
            ..Default::default()
        };
        proxy.set(line);
        for round in 0..3 {
            let started = Instant::now();
            let (me, refresh, entry, guarded, minted) = tokio::join!(
                bench.me(&login.access),
                bench.refresh(&login.refresh),
                bench.login_with("rizz", crate::support::PASSWORD),
                async { bench.server.guard(&bearer(&login.access)).await },
                async { bench.server.guard(&silent).await },
            );
            assert!(started.elapsed() < Duration::from_millis(2_600), "{line:?} {round}: {:?}", started.elapsed());
            for answer in [me, refresh, entry] {
                assert_eq!((answer.status, answer.code()), (503, "SERVICE_UNAVAILABLE"), "{line:?} {round}");
                assert!(answer.header("retry-after").is_some());
                assert!(answer.cookies().is_empty());
            }
            for guarded in [guarded, minted] {
                assert!(guarded.result.unwrap_err().is(ErrorCode::ServiceUnavailable), "{line:?} {round}");
                assert!(guarded.headers.is_empty());
            }
            // A bad token is still a bad token.
            let forged = bench.server.guard(&bearer("a.b.c")).await.result.unwrap_err();
            assert!(forged.is(ErrorCode::TokenInvalid));
        }
        proxy.set(Line::Open);
        let back = Instant::now();
        while bench.me(&login.access).await.status != 200 {
            assert!(back.elapsed() < Duration::from_secs(10), "{line:?}: it recovers by itself");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(bench.refresh(&login.refresh).await.status, 200, "{line:?}: the session lives");
        bench.server.close().await;
        own.drop().await;
    }
}
