//! A proxy before PostgreSQL that lets one transaction lose a race, at a place of the test's choice, as a distributed
//! database does at any statement and at COMMIT.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// SQLSTATE 40001 in the words of the protocol, up to its end.
const LOST: &[u8] = b"SERROR\0VERROR\0C40001\0Mrestart transaction: a test lets it lose\0\0";

pub struct Losing {
    pub address: SocketAddr,
    /// Statements until the one that loses; 0 is never.
    pub countdown: Arc<AtomicUsize>,
}

impl Losing {
    pub async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let countdown = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&countdown);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, counter) = (server.clone(), Arc::clone(&counter));
                tokio::spawn(async move { carry(client, TcpStream::connect(server).await.unwrap(), &counter).await });
            }
        });
        Self { address, countdown }
    }
}

/// What the client sends until it wants an answer.
#[derive(Default)]
struct Request {
    bytes: Vec<u8>,
    kinds: Vec<u8>,
    /// The text of a simple query.
    sql: String,
}

impl Request {
    fn begins(&self, word: &str) -> bool {
        self.sql.starts_with(word)
    }

    /// Whether a transaction may lose here.
    fn counts(&self) -> bool {
        self.kinds.contains(&b'E') || self.begins("START TRANSACTION") || self.begins("COMMIT")
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, countdown: &AtomicUsize) -> Option<()> {
    let start = message(&mut client, false).await?;
    server.write_all(&start).await.ok()?;
    client.write_all(&answer(&mut server).await?).await.ok()?;
    let mut open = false;
    loop {
        let request = request(&mut client).await?;
        let step = |left: usize| left.checked_sub(1);
        let loses = request.counts() && countdown.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step) == Ok(1);
        if !loses {
            server.write_all(&request.bytes).await.ok()?;
            client.write_all(&answer(&mut server).await?).await.ok()?;
            open = (open || request.begins("START")) && !request.begins("COMMIT") && !request.begins("ROLLBACK");
            continue;
        }
        if request.begins("COMMIT") {
            server.write_all(b"Q\0\0\0\x0dROLLBACK\0").await.ok()?;
            answer(&mut server).await?;
            open = false;
        }
        client.write_all(&lost(open)).await.ok()?;
    }
}

fn lost(open: bool) -> Vec<u8> {
    let mut bytes = vec![b'E'];
    bytes.extend_from_slice(&u32::try_from(LOST.len() + 4).unwrap().to_be_bytes());
    bytes.extend_from_slice(LOST);
    bytes.extend_from_slice(&[b'Z', 0, 0, 0, 5, if open { b'E' } else { b'I' }]);
    bytes
}

async fn request(client: &mut TcpStream) -> Option<Request> {
    let mut request = Request::default();
    loop {
        let message = message(client, true).await?;
        request.kinds.push(message[0]);
        if message[0] == b'Q' {
            request.sql = String::from_utf8_lossy(&message[5..]).into_owned();
        }
        request.bytes.extend_from_slice(&message);
        if matches!(message[0], b'Q' | b'S' | b'X') {
            return Some(request);
        }
    }
}

/// What the server says until it is ready for more.
async fn answer(server: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let message = message(server, true).await?;
        bytes.extend_from_slice(&message);
        if message[0] == b'Z' {
            return Some(bytes);
        }
    }
}

/// One message; only the first of a client has no letter before its length.
async fn message(from: &mut (impl AsyncRead + Unpin), lettered: bool) -> Option<Vec<u8>> {
    let letter = usize::from(lettered);
    let mut bytes = vec![0; letter + 4];
    from.read_exact(&mut bytes).await.ok()?;
    let length = u32::from_be_bytes(bytes[letter..].try_into().unwrap()) as usize;
    bytes.resize(letter + length, 0);
    from.read_exact(&mut bytes[letter + 4..]).await.ok()?;
    Some(bytes)
}
