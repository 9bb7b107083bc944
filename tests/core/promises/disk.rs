//! P45, P47: SQLite on a disk that is full, in places that may not be written, and locked by another process. All of it
//! is a 503 in time, leaves nothing half done, and is over by itself. Linux alone lends a test such a disk.
#![cfg(target_os = "linux")]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sentri_core::store;
use serde_json::{Value, json};

use crate::support::{Answer, Bench, Login, PASSWORD};

/// The folder in which a process of this test binary, started for that, is to do the test.
const CHILD: &str = "SENTRI_TEST_DISK";
/// A promise of two seconds, with a margin for a loaded machine.
const SOON: Duration = Duration::from_millis(2_600);

/// Runs a test in a process started by these words, in a folder of its own. In that process: the folder.
fn in_child(test: &str, words: &[&str]) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(CHILD) {
        return Some(folder.into());
    }
    let folder = std::env::temp_dir().join(format!("sentri-disk-{}", sentri_core::crypto::make_id()));
    std::fs::create_dir(&folder).unwrap();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(std::env::current_exe().unwrap());
    let output = command.args([test, "--exact", "--nocapture"]).env(CHILD, &folder).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{words:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("1 passed"), "{}", text(&output.stdout));
    None
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn db(folder: &Path) -> Value {
    json!({ "filename": folder.join("auth.db") })
}

fn more() -> Value {
    json!({ "sessionCheck": { "maxAge": 0 }, "audit": "all", "apiKey": "key of the application" })
}

/// Writes of all kinds at once, each of which is refused for now.
async fn refuses(bench: &Bench, login: &Login, name: &str) {
    let bearer = format!("Bearer {}", login.access);
    let as_user = [("authorization", bearer.as_str())];
    let cookie = format!("refresh_token={}", login.refresh);
    let new = json!({ "currentPassword": PASSWORD, "newPassword": "battery staple 2" });
    let added = json!({ "identifiers": [{ "type": "handle", "value": format!("{name}-2") }] });
    let by_key = [("x-api-key", "key of the application")];
    let user = json!({ "identifiers": [{ "type": "username", "value": name }], "password": PASSWORD });
    let asked = [
        ("POST /register", &by_key[..], Some(user)),
        ("POST /login", &[], Some(json!({ "identifier": "rizz", "password": PASSWORD }))),
        ("POST /refresh", &[("cookie", cookie.as_str())], None),
        ("PATCH /me/password", &as_user, Some(new)),
        ("POST /me/identifiers", &as_user, Some(added)),
        ("POST /logout-all", &as_user, None),
    ];
    let asked = asked.into_iter().map(|(what, headers, body)| async move {
        let (method, path) = what.split_once(' ').unwrap();
        let started = Instant::now();
        let answer = bench.request(method, path, headers, body).await;
        assert!(started.elapsed() < SOON, "{what}: {:?}", started.elapsed());
        is_away(&answer, what);
    });
    futures_util::future::join_all(asked).await;
}

fn is_away(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.code()), (503, "SERVICE_UNAVAILABLE"), "{what}: {}", answer.body);
    assert!(answer.header("retry-after").is_some(), "{what}");
    assert!(answer.cookies().is_empty(), "{what}");
}

async fn registers(bench: &Bench, name: &str) -> Answer {
    let user = json!({ "identifiers": [{ "type": "username", "value": name }], "password": PASSWORD });
    bench.request("POST", "/register", &[("x-api-key", "key of the application")], Some(user)).await
}

/// A write that was refused has left nothing, and succeeds now.
async fn works(bench: &Bench, login: &Login, name: &str) -> Login {
    let answer = bench.refresh(&login.refresh).await;
    assert_eq!(answer.status, 200, "the session lives: {}", answer.body);
    let sessions = bench.server.call("listSessions", json!([login.user_id])).await.unwrap();
    assert_eq!(sessions.as_array().unwrap().len(), 1, "no session of a login that was refused: {sessions}");
    let user = bench.server.call("getUser", json!([login.user_id])).await.unwrap();
    assert_eq!(user["identifiers"].as_array().unwrap().len(), 1, "{user}");
    let made = registers(bench, name).await;
    assert_eq!(made.status, 201, "{}", made.body);
    renewed(login, &answer)
}

fn renewed(login: &Login, answer: &Answer) -> Login {
    let access = answer.body["data"]["accessToken"].as_str().unwrap().to_owned();
    Login { access, refresh: answer.cookie("refresh_token").unwrap(), ..login.clone() }
}

async fn begun(folder: &Path) -> (Bench, Login) {
    let bench = Bench::new(&db(folder), more()).await;
    let made = registers(&bench, "rizz").await;
    assert_eq!(made.status, 201, "{}", made.body);
    let login = bench.login("rizz").await;
    (bench, login)
}

/// Asked by another process.
fn is_whole(folder: &Path) {
    let script = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\n\
                  print(db.execute('pragma integrity_check').fetchone()[0], db.execute('pragma foreign_key_check').fetchall())";
    let output = Command::new("python3").args(["-c", script]).arg(folder.join("auth.db")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok []", "{output:?}");
}

fn mount(folder: &Path) {
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "none"]).arg(folder).status().unwrap();
    assert!(mounted.success(), "a disk of the test's own can be mounted");
}

/// Takes what is left of the disk.
fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = std::fs::File::create(&path).unwrap();
    for size in [64 * 1024, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
    path
}

#[tokio::test]
async fn p45_p47_a_full_disk() {
    let words: &[&str] = if is_root() { &["unshare", "--mount"] } else { &["unshare", "--mount", "--map-root-user"] };
    let Some(folder) = in_child("disk::p45_p47_a_full_disk", words) else { return };
    mount(&folder);
    let (bench, mut login) = begun(&folder).await;
    for round in 0..3 {
        let filler = fill(&folder);
        // What is left of the log's last block is written first.
        let started = Instant::now();
        loop {
            let answer = bench.refresh(&login.refresh).await;
            if answer.status != 200 {
                break is_away(&answer, "a disk that is full");
            }
            login = renewed(&login, &answer);
            assert!(started.elapsed() < Duration::from_secs(20), "the disk is full");
        }
        let name = format!("late{round}");
        for _ in 0..2 {
            refuses(&bench, &login, &name).await;
        }
        assert_eq!(bench.me(&login.access).await.status, 200, "what is there is read");
        std::fs::remove_file(filler).unwrap();
        login = works(&bench, &login, &name).await;
    }
    bench.server.close().await;
    is_whole(&folder);
}

/// A start on a full disk, which waits as it does for any database.
#[tokio::test]
async fn p45_a_start_on_a_full_disk() {
    let words: &[&str] = if is_root() { &["unshare", "--mount"] } else { &["unshare", "--mount", "--map-root-user"] };
    let Some(folder) = in_child("disk::p45_a_start_on_a_full_disk", words) else { return };
    mount(&folder);
    let filler = fill(&folder);
    let bench =
        Bench::unmigrated(&db(&folder), more(), sentri_core::Host::default(), store::open(&db(&folder)).unwrap());
    let error = bench.server.migrate().await.unwrap_err();
    assert_eq!(error.status, 503, "{error:?}");
    let cause = error.details.unwrap()["cause"].to_string();
    assert!(cause.contains("full"), "{cause}");
    std::fs::remove_file(filler).unwrap();
    bench.server.migrate().await.unwrap();
    assert_eq!(registers(&bench, "rizz").await.status, 201);
    bench.server.close().await;
    is_whole(&folder);
}

/// Another process that writes and does not end.
fn hold(folder: &Path) -> Child {
    let script = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                  db.execute('begin immediate')\nprint('held', flush=True)\nsys.stdin.read()\ndb.execute('rollback')";
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(folder.join("auth.db")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = [0; 5];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
    assert_eq!(&said, b"held\n");
    child
}

fn let_go(mut child: Child) {
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p45_p47_a_lock_of_another_process() {
    let Some(folder) = in_child("disk::p45_p47_a_lock_of_another_process", &["env"]) else { return };
    let (bench, mut login) = begun(&folder).await;
    for round in 0..2 {
        let (holder, name) = (hold(&folder), format!("late{round}"));
        refuses(&bench, &login, &name).await;
        assert_eq!(bench.me(&login.access).await.status, 200, "nobody who reads waits");
        let_go(holder);
        login = works(&bench, &login, &name).await;
    }
    // One that lets go in time is waited for.
    let holder = hold(&folder);
    let later = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(700));
        let_go(holder);
    });
    assert_eq!(bench.refresh(&login.refresh).await.status, 200);
    later.await.unwrap();
    bench.server.close().await;
    is_whole(&folder);
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Without the right of root to write whatever it wants.
const AS_ANYBODY: [&str; 2] = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

#[tokio::test]
async fn p45_places_that_may_not_be_written() {
    let test = "disk::p45_places_that_may_not_be_written";
    let words = if is_root() { &AS_ANYBODY[..] } else { &["env"] };
    let Some(folder) = in_child(test, words) else { return };
    let file = folder.join("auth.db");
    // A folder in which nothing can be made; a file that is read-only; a file in such a folder, without room for its log.
    let cases = [
        ("no file may be made", &folder, 0o555, 0o755),
        ("the file is read-only", &file, 0o444, 0o600),
        ("no log may be made", &folder, 0o555, 0o755),
    ];
    for (number, (case, path, mode, restored)) in cases.into_iter().enumerate() {
        allow(path, mode);
        let bench =
            Bench::unmigrated(&db(&folder), more(), sentri_core::Host::default(), store::open(&db(&folder)).unwrap());
        for _ in 0..2 {
            let started = Instant::now();
            let error = bench.server.call("migrate", json!([{}])).await.unwrap_err();
            assert!(started.elapsed() < SOON, "{case}: it waits for nothing: {:?}", started.elapsed());
            let cause = error.details.as_ref().unwrap()["cause"].to_string();
            assert_eq!(error.status, 503, "{case}: {error:?}");
            for word in ["db", "auth.db", "must be writable"] {
                assert!(cause.contains(word), "{case}: {cause}");
            }
        }
        is_away(
            &bench.request("POST", "/login", &[], Some(json!({ "identifier": "a", "password": PASSWORD }))).await,
            case,
        );
        allow(path, restored);
        assert_eq!(bench.server.call("migrate", json!([{}])).await.unwrap(), Value::Null, "{case}: no restart");
        assert_eq!(registers(&bench, &format!("user{number}")).await.status, 201, "{case}");
        bench.server.close().await;
        is_whole(&folder);
    }
}
