//! Issuers of key sets over real sockets, and clients in front of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sentri_core::clock::TestClock;
use sentri_core::http::guard::{GuardRequest, ProtectResult};
use sentri_core::token::jws;
use sentri_core::token::{AccessClaims, Algorithm, KeyRing};
use sentri_core::{AuthClient, ClientHost};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::fixtures::{NOW, claims, ring, signing_key};
use crate::support::bearer;

/// What an issuer does with a request.
#[derive(Clone)]
pub enum Manner {
    /// Writes this and closes.
    Answer(Vec<u8>),
    /// Writes this, then this again and again for as long as anybody reads.
    Endless(Vec<u8>, Vec<u8>),
    /// Writes this and then nothing, without closing.
    Hang(Vec<u8>),
    /// Closes at once.
    Close,
}

impl Manner {
    pub fn set(set: &Value) -> Self {
        Self::status("200 OK", &set.to_string())
    }

    pub fn status(status: &str, body: &str) -> Self {
        let length = body.len();
        Self::Answer(
            format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
                .into(),
        )
    }

    pub fn raw(text: &str) -> Self {
        Self::Answer(text.as_bytes().to_vec())
    }
}

/// A server on a port of its own, until it is dropped.
pub struct Issuer {
    pub address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Issuer {
    pub async fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (manner, requests) = (Arc::new(Mutex::new(manner)), Arc::new(AtomicUsize::new(0)));
        let (how, counter) = (Arc::clone(&manner), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (how, counter) = (Arc::clone(&how), Arc::clone(&counter));
                tokio::spawn(async move { serve(stream, &how, &counter).await });
            }
        });
        Self { address, manner, requests, task }
    }

    pub async fn publishing(keys: &KeyRing) -> Self {
        Self::new(Manner::set(&keys.jwks(NOW, 0).unwrap())).await
    }

    pub fn turn(&self, manner: Manner) {
        *self.manner.lock() = manner;
    }

    pub fn uri(&self) -> String {
        format!("http://{}/auth/keys", self.address)
    }

    /// How often it was asked.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Waits until it was asked so often: what happens in the background happens soon.
    pub async fn asked(&self, times: usize) {
        for _ in 0..500 {
            if self.requests() >= times {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(self.requests(), times);
    }
}

/// Reads a request's head and answers in the manner of the moment.
pub async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, manner: &Mutex<Manner>, requests: &AtomicUsize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    assert!(head.starts_with(b"GET /auth/keys"), "{}", String::from_utf8_lossy(&head));
    requests.fetch_add(1, Ordering::SeqCst);
    let manner = manner.lock().clone();
    match manner {
        Manner::Answer(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Manner::Endless(start, rest) => {
            let _ = stream.write_all(&start).await;
            while stream.write_all(&rest).await.is_ok() {}
        }
        Manner::Hang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            // Until the other side has had enough.
            let _ = stream.read(&mut [0; 1]).await;
        }
        Manner::Close => {}
    }
}

/// A client whose clock stands at [`NOW`].
pub struct Client {
    pub auth: AuthClient,
    pub clock: Arc<TestClock>,
}

impl Client {
    pub fn new(uri: &str, more: Value) -> Self {
        Self::with_host(uri, more, ClientHost::default())
    }

    pub fn with_host(uri: &str, more: Value, host: ClientHost) -> Self {
        let clock = Arc::new(TestClock::at(NOW));
        let mut options = json!({
            "mode": "client",
            "keyUri": uri,
            "logger": { "info": "[function]", "warn": "[function]", "error": "[function]" },
        });
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let host = ClientHost { clock: Arc::<TestClock>::clone(&clock), ..host };
        Self { auth: AuthClient::new(&options, host).unwrap(), clock }
    }

    /// `protect()` as an adapter calls it.
    pub async fn protect(&self, request: &GuardRequest) -> ProtectResult {
        match self.auth.guard_now(request) {
            Some(guarded) => guarded,
            None => self.auth.guard(request).await,
        }
    }

    pub async fn guard(&self, token: &str) -> ProtectResult {
        self.protect(&bearer(token)).await
    }

    /// The code of the refusal, or `ok`.
    pub async fn verdict(&self, token: &str) -> String {
        verdict(&self.guard(token).await)
    }
}

pub fn verdict(guarded: &ProtectResult) -> String {
    guarded.result.as_ref().map_or_else(|error| error.code.to_string(), |_| "ok".to_owned())
}

/// What the guarded request told the log: event names, or the cause of a failure.
pub fn causes(guarded: &ProtectResult) -> Vec<String> {
    let log = |event: &sentri_core::event::Event| {
        event.fields.get("cause").and_then(Value::as_str).unwrap_or(event.name.as_str()).to_owned()
    };
    guarded.events.iter().map(log).collect()
}

/// A token of this algorithm's test key, good for a day from [`NOW`].
pub fn token(algorithm: Algorithm) -> String {
    ring(algorithm).sign_access(&long_lived(), NOW).unwrap()
}

/// The same without `kid`, as sentri 5 signs.
pub fn anonymous_token(algorithm: Algorithm) -> String {
    let payload = serde_json::to_vec(&long_lived()).unwrap();
    jws::sign(&payload, "JWT", None, &signing_key(algorithm)).unwrap()
}

pub fn long_lived() -> AccessClaims {
    AccessClaims { exp: NOW / 1000 + 30 * 86_400, ..claims() }
}

/// A well-formed token of a key that nobody has.
pub fn stranger(kid: &str) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let header = format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{kid}"}}"#);
    format!("{}.{}.{}", encode(&header), encode(r#"{"id":"a"}"#), encode(&"s".repeat(64)))
}
