//! P45, P46: bad lines to the databases and to Redis. Answers are cut in the middle, come late, byte by byte or all at
//! once. Whoever tries again stays logged in, nobody waits longer than was promised, and no limit opens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sentri_core::crypto::{make_id, make_random};
use serde_json::{Value, json};

use crate::proxy::{Line, Proxy};
use crate::support::{Answer, Bench, Database, Own, PASSWORD, mysql, postgres_url};

/// A promise of two seconds, with a margin for a loaded machine.
const SOON: Duration = Duration::from_millis(2_600);

/// Lines on which everything works.
const SLOW: [Line; 4] = [
    Line::Late(Duration::from_millis(15)),
    Line::Split,
    Line::Joined(Duration::from_millis(10)),
    Line::Narrow(64, Duration::from_millis(1)),
];

/// Lines on which nothing comes in time.
const HOPELESS: [Line; 3] =
    [Line::Late(Duration::from_secs(6)), Line::Narrow(1, Duration::from_millis(400)), Line::Paused];

/// A proxy before the server of a database, and the option `db` that goes by way of it.
async fn before(own: &Own, kind: Database) -> (Proxy, Value) {
    let (server, url) = match kind {
        Database::Mysql => (mysql::mysql_url(), own.option.as_str().unwrap()),
        _ => (postgres_url(), own.option["connectionString"].as_str().unwrap()),
    };
    let place = |url: &str| {
        let after = url.split_once("://").unwrap().1;
        let after = after.rsplit_once('@').map_or(after, |(_, place)| place);
        after.split(['/', '?']).next().unwrap().to_owned()
    };
    let place = place(&server);
    let proxy = Proxy::before(place.clone()).await;
    let url = url.replace(&place, &proxy.address.to_string());
    (proxy, json!({ "connectionString": url, "max": 4 }))
}

/// A client that tries again what was not answered.
struct Client {
    bench: Arc<Bench>,
    name: String,
    refresh: String,
    access: String,
    /// Answers that were 503.
    away: usize,
}

impl Client {
    async fn new(bench: &Arc<Bench>, name: &str) -> Self {
        assert_eq!(bench.register(name).await.status, 201);
        let login = bench.login(name).await;
        let (bench, name) = (Arc::clone(bench), name.to_owned());
        Self { bench, name, refresh: login.refresh, access: login.access, away: 0 }
    }

    /// The answer, which is a success, or a 503 in time that takes nothing away.
    fn judge(&mut self, answer: Answer, started: Instant) -> Option<Answer> {
        assert!(started.elapsed() < SOON, "{} waited {:?}", self.name, started.elapsed());
        if answer.status == 200 {
            return Some(answer);
        }
        assert_eq!((answer.status, answer.code()), (503, "SERVICE_UNAVAILABLE"), "{}: {}", self.name, answer.body);
        assert!(answer.header("retry-after").is_some() && answer.cookies().is_empty());
        self.away += 1;
        None
    }

    /// Steps the session on; by the token that it had, as long as that was not answered.
    async fn refreshes(&mut self) -> bool {
        let started = Instant::now();
        let answer = self.bench.refresh(&self.refresh).await;
        let Some(answer) = self.judge(answer, started) else { return false };
        self.refresh = answer.cookie("refresh_token").unwrap();
        self.access = answer.body["data"]["accessToken"].as_str().unwrap().to_owned();
        true
    }

    async fn logs_in(&mut self) -> bool {
        let started = Instant::now();
        let answer = self.bench.login_with(&self.name, PASSWORD).await;
        self.judge(answer, started).is_some()
    }

    async fn is_known(&mut self) -> bool {
        let started = Instant::now();
        let answer = self.bench.me(&self.access).await;
        self.judge(answer, started).is_some()
    }

    /// Does all of it, each until it is done.
    async fn goes_on(&mut self) {
        let started = Instant::now();
        let within = || assert!(started.elapsed() < Duration::from_secs(20), "no end of failures");
        while !self.refreshes().await {
            within();
        }
        while !self.is_known().await {
            within();
        }
        while !self.logs_in().await {
            within();
        }
    }
}

async fn bench_over(db: &Value) -> Arc<Bench> {
    Arc::new(Bench::new(db, json!({ "sessionCheck": { "maxAge": 0 }, "audit": "all", "maxSessions": 1_000 })).await)
}

/// Cut at every place of what the server sends for a refresh, a read and a login, and of what it sends when it is
/// connected to.
async fn answers_are_cut(kind: Database) {
    let own = Own::new(kind).await;
    let (proxy, db) = before(&own, kind).await;
    let bench = bench_over(&db).await;
    let mut client = Client::new(&bench, "rizz").await;
    let mut cuts = 0;
    for bytes in (0..1_300).step_by(13) {
        proxy.cut_after(bytes);
        client.goes_on().await;
        cuts += usize::from(!proxy.is_to_cut());
    }
    assert!(cuts > 50, "all that is sent is cut somewhere: {cuts}");
    assert!(client.away > 0, "none of {cuts} cuts was seen");
    bench.server.close().await;
    own.drop().await;
}

/// Several clients at once, while connections are closed under them all the time.
async fn nobody_is_logged_out(kind: Database) {
    let own = Own::new(kind).await;
    let (proxy, db) = before(&own, kind).await;
    let bench = bench_over(&db).await;
    let mut clients = Vec::new();
    for number in 0..6 {
        clients.push(Client::new(&bench, &format!("user{number}")).await);
    }
    let ends = Instant::now() + Duration::from_secs(4);
    let work = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            let mut rounds = 0;
            while Instant::now() < ends {
                client.goes_on().await;
                rounds += 1;
            }
            (client, rounds)
        })
    });
    let work: Vec<_> = work.collect();
    let mut bytes = 7;
    while Instant::now() < ends {
        bytes = (bytes * 31 + 17) % 1_009;
        proxy.cut_after(bytes);
        tokio::time::sleep(Duration::from_millis(9)).await;
    }
    for done in work {
        let (mut client, rounds) = done.await.unwrap();
        client.goes_on().await;
        assert!(rounds > 3, "{} went round {rounds} times, with {} failures", client.name, client.away);
    }
    bench.server.close().await;
    own.drop().await;
}

async fn lines_are_bad(kind: Database) {
    let own = Own::new(kind).await;
    let (proxy, db) = before(&own, kind).await;
    let bench = bench_over(&db).await;
    let mut client = Client::new(&bench, "rizz").await;
    for line in SLOW {
        proxy.set(line);
        client.goes_on().await;
        assert_eq!(client.away, 0, "{line:?}: what is slow is answered");
    }
    for line in HOPELESS {
        proxy.set(line);
        let (forged, kept) = (bench.refresh("a.b.c").await.status, client.refresh.clone());
        assert_eq!(forged, 401, "{line:?}: a bad token is a bad token");
        for _ in 0..2 {
            assert!(!client.refreshes().await && !client.is_known().await && !client.logs_in().await, "{line:?}");
        }
        assert_eq!(client.refresh, kept);
        proxy.set(Line::Open);
        client.goes_on().await;
    }
    bench.server.close().await;
    own.drop().await;
}

/// Redis is no condition: everything is answered, and five guesses are all there are, on every line.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p45_bad_lines_to_redis_open_no_limit() {
    let own = Own::new(Database::SqliteFile).await;
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let place = url.rsplit_once("://").unwrap().1.split('/').next().unwrap().to_owned();
    let proxy = Proxy::before(place).await;
    let more = json!({
        "redisUrl": format!("redis://{}", proxy.address),
        "rateLimit": { "maxLoginAttempts": 5 },
        "sessionCheck": { "maxAge": 0 },
    });
    let mut bench = Bench::new(&own.option, more).await;
    let cuts = (0..300).step_by(23).map(Some);
    let lines = SLOW.into_iter().chain(HOPELESS).chain([Line::Cut]);
    for (line, cut) in lines.map(|line| (line, None)).chain(cuts.map(|cut| (Line::Open, cut))) {
        // Redis remembers those of another run.
        let [a, b, c, d] = make_random();
        bench.address = format!("2001:db8:{a:x}{b:02x}:{c:x}{d:02x}::1");
        let name = make_id();
        proxy.set(Line::Open);
        let login = {
            assert_eq!(bench.register(&name).await.status, 201);
            bench.login(&name).await
        };
        proxy.set(line);
        if let Some(bytes) = cut {
            proxy.cut_after(bytes);
        }
        let mut statuses = Vec::new();
        for _ in 0..7 {
            let started = Instant::now();
            statuses.push(bench.login_with(&name, "wrong horse 1").await.status);
            assert!(started.elapsed() < SOON, "{line:?}: {:?}", started.elapsed());
        }
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429], "{line:?} {cut:?}");
        assert_eq!(bench.refresh(&login.refresh).await.status, 200, "{line:?} {cut:?}");
        assert_eq!(bench.me(&login.access).await.status, 200, "{line:?} {cut:?}");
    }
    bench.server.close().await;
    own.drop().await;
}

/// A module of tests for each server.
macro_rules! on_each_server {
    ($($name:ident: $kind:expr;)*) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn p46_answers_are_cut() { super::answers_are_cut($kind).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn p46_nobody_is_logged_out() { super::nobody_is_logged_out($kind).await }
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn p45_lines_are_bad() { super::lines_are_bad($kind).await }
        }
    )*};
}

on_each_server! {
    on_postgres: crate::support::Database::Postgres;
    on_mysql: crate::support::Database::Mysql;
}
