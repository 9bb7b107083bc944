//! Servers of a test's own, with certificates of its own, from the programs that are installed. They end with the test,
//! however it ends: the shell that runs one waits for the end of its input, which the test alone holds open.
#![allow(dead_code, reason = "shared by several test binaries, each using a part")]

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use sentri_core::crypto::make_id;

/// Ends the server by the signal `$1` when nobody holds its input any more, and removes the folder `$2`.
const RUN: &str =
    r#"signal=$1 folder=$2; shift 2; "$@" </dev/null & cat >/dev/null; kill -"$signal" $!; wait $!; rm -rf "$folder""#;

/// Who vouches for certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = params_for(&make_id(), vec![]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, written to `folder`.
    pub fn root(&self, folder: &Place, name: &str) -> String {
        folder.write(name, &self.0.pem())
    }

    /// A certificate for `host` and its key, written to `folder` as `name.crt` and `name.key`.
    pub fn issue(&self, folder: &Place, name: &str, host: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = params_for(host, vec![host.to_owned()]).signed_by(&key, &self.0).unwrap();
        (
            folder.write(&format!("{name}.crt"), &certificate.pem()),
            folder.write(&format!("{name}.key"), &key.serialize_pem()),
        )
    }
}

/// Of nobody else's name: what has the name of its issuer counts as its own issuer.
fn params_for(name: &str, hosts: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A folder that belongs to whom the server runs as; it goes with the server.
pub struct Place {
    path: PathBuf,
    /// Servers refuse to run as root.
    owner: Option<(u32, u32)>,
}

impl Place {
    /// For a server that runs as `user`, if that is ours to choose.
    pub fn new(user: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sentri-{}", make_id()));
        std::fs::create_dir(&path).unwrap();
        let owner = (std::fs::metadata(&path).unwrap().uid() == 0).then(|| ids_of(user).or_else(|| ids_of("nobody")));
        let place = Self { path, owner: owner.flatten() };
        place.hand_over(&place.path, 0o700);
        place
    }

    pub fn path(&self, name: &str) -> String {
        self.path.join(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.hand_over(&self.path.join(name), 0o600);
        self.path(name)
    }

    fn hand_over(&self, path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn command(&self, program: &str) -> Command {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new(program);
        command.current_dir(&self.path).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    /// Runs a program to its end.
    pub fn run(&self, program: &Path, arguments: &[&str]) {
        let status = self.command(program.to_str().unwrap()).args(arguments).status().unwrap();
        assert!(status.success(), "{}: {}", program.display(), self.log());
    }

    /// Runs a server until it is dropped.
    pub fn serve(self, signal: &str, program: &Path, arguments: &[String], port: u16) -> Server {
        let mut command = self.command("sh");
        command.args(["-c", RUN, "sh", signal, self.path.to_str().unwrap()]).arg(program).args(arguments);
        let shell = command.stdin(Stdio::piped()).spawn().unwrap();
        Server { place: self, shell, port }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn ids_of(user: &str) -> Option<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields: Vec<&str> = users.lines().map(|line| line.split(':').collect()).find(|f: &Vec<_>| f[0] == user)?;
    Some((fields[2].parse().ok()?, fields[3].parse().ok()?))
}

/// A server that runs.
pub struct Server {
    pub place: Place,
    pub port: u16,
    shell: Child,
}

impl Server {
    /// Waits until `answers`.
    pub async fn ready(self, mut answers: impl AsyncFnMut(u16) -> bool) -> Self {
        let started = Instant::now();
        while !answers(self.port).await {
            assert!(started.elapsed() < Duration::from_secs(60), "the server does not answer: {}", self.place.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().unwrap();
    }
}

/// Something listens there.
pub async fn listens(port: u16) -> bool {
    tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The first of `names` that is installed.
pub fn program(names: &[&str], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .chain(versions.map(|version| version.path().join("bin")));
    let candidates = folders.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    let mut found = candidates.filter(|path| path.is_file());
    found.next().unwrap_or_else(|| panic!("{} is not installed: apt-get install {package}", names[0]))
}

/// PostgreSQL; `settings` as its command line has them, `access` as its `pg_hba.conf`.
pub fn postgres(place: Place, settings: &[String], access: &str) -> Server {
    let initdb = program(&["initdb"], "postgresql");
    place.run(&initdb, &["-D", &place.path("data"), "-U", "postgres", "-A", "trust", "--no-sync"]);
    let port = free_port();
    let access = place.write("access", access);
    let mut arguments =
        vec!["-D".into(), place.path("data"), "-p".into(), port.to_string(), "-k".into(), String::new()];
    let settings = settings.iter().cloned();
    let fixed = ["listen_addresses=127.0.0.1".into(), "fsync=off".into(), format!("hba_file={access}")];
    arguments.extend(fixed.into_iter().chain(settings).flat_map(|setting| ["-c".to_owned(), setting]));
    // Beside the real one, since distributions link it elsewhere.
    let server = std::fs::canonicalize(initdb).unwrap().with_file_name("postgres");
    place.serve("QUIT", &server, &arguments, port)
}

/// MariaDB or MySQL; `settings` as its command line has them, `first` is run at its start.
pub fn mysql(place: Place, settings: &[String], first: &str) -> Server {
    let server = program(&["mariadbd", "mysqld"], "mariadb-server");
    let data = format!("--datadir={}", place.path("data"));
    // A server that starts takes away what looks like temporary tables of its own.
    let temporary = format!("--tmpdir={}", place.path(""));
    if server.ends_with("mariadbd") {
        let install = program(&["mariadb-install-db"], "mariadb-server");
        let root = "--auth-root-authentication-method=normal";
        place.run(&install, &["--no-defaults", &data, &temporary, root, "--skip-test-db"]);
    } else {
        place.run(&server, &["--no-defaults", "--initialize-insecure", &data, &temporary]);
    }
    let port = free_port();
    let first = place.write("first.sql", first);
    let fixed = ["--no-defaults".into(), data, temporary, "--bind-address=127.0.0.1".into(), format!("--port={port}")];
    let paths = [format!("--socket={}", place.path("socket")), format!("--init-file={first}")];
    let arguments: Vec<_> = fixed.into_iter().chain(paths).chain(settings.iter().cloned()).collect();
    place.serve("KILL", &server, &arguments, port)
}

/// Redis that speaks TLS alone.
pub fn redis(place: Place, settings: &[String]) -> Server {
    let port = free_port();
    let fixed = ["--port", "0", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"].map(str::to_owned);
    let port_text = port.to_string();
    let own = [place.path(""), "--tls-port".to_owned(), port_text];
    let arguments: Vec<_> = fixed.into_iter().chain(own).chain(settings.iter().cloned()).collect();
    place.serve("KILL", &program(&["redis-server", "valkey-server"], "redis-server"), &arguments, port)
}
