//! A TCP proxy whose line can be paused, cut, slowed down and restored.
#![allow(dead_code, reason = "shared by several test binaries, each using a part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Bytes flow.
    Open,
    /// Connections are taken and kept, and nothing flows: a stopped server, or a network that swallows packets.
    Paused,
    /// Every connection is closed, at once and after it is made.
    Cut,
    /// Whatever comes is passed on so much later.
    Late(Duration),
    /// Each byte goes by itself.
    Split,
    /// The time within which bytes that come go on together.
    Joined(Duration),
    /// So many bytes go, and then none for a time.
    Narrow(usize, Duration),
}

/// A proxy in front of one server.
pub struct Proxy {
    pub address: SocketAddr,
    line: watch::Sender<Line>,
    stranded: watch::Sender<u64>,
    left: Left,
}

/// The bytes of answers that are let through before a connection is closed in the middle of one. `None`: all.
type Left = Arc<Mutex<Option<usize>>>;

impl Proxy {
    pub async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, watched) = watch::channel(Line::Open);
        let (stranded, strandings) = watch::channel(0);
        let left = Left::default();
        let answers = Arc::clone(&left);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let answers = Arc::clone(&answers);
                tokio::spawn(carry(client, server.clone(), watched.clone(), strandings.clone(), answers));
            }
        });
        Self { address, line, stranded, left }
    }

    /// Lets the present connections fall silent for ever, while new ones work: a router or a host was replaced.
    pub fn strand(&self) {
        self.stranded.send_modify(|count| *count += 1);
    }

    pub fn set(&self, line: Line) {
        self.line.send(line).unwrap();
    }

    /// Closes one connection, in the middle of an answer, when the server has sent so many bytes more to anybody.
    pub fn cut_after(&self, bytes: usize) {
        *self.left.lock() = Some(bytes);
    }

    /// Whether a connection is still to be closed by [`Self::cut_after`].
    pub fn is_to_cut(&self) -> bool {
        self.left.lock().is_some()
    }
}

async fn carry(
    client: TcpStream,
    server: String,
    mut line: watch::Receiver<Line>,
    mut strandings: watch::Receiver<u64>,
    left: Left,
) {
    let cut = line.clone();
    let born = *strandings.borrow_and_update();
    let stranded = async move {
        let _ = strandings.wait_for(|count| *count != born).await;
    };
    let both = async {
        if line.wait_for(|line| *line != Line::Paused).await.is_err() {
            return;
        }
        let Ok(server) = TcpStream::connect(server).await else { return };
        for stream in [&client, &server] {
            // Pieces stay pieces.
            let _ = stream.set_nodelay(true);
        }
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let all = Left::default();
        tokio::select! {
            () = copy(&mut from_client, &mut to_server, line.clone(), &all) => return,
            () = copy(&mut from_server, &mut to_client, line, &left) => return,
            () = stranded => {}
        }
        // Kept open, and silent.
        std::future::pending::<()>().await;
    };
    let until_cut = async {
        let mut cut = cut;
        let _ = cut.wait_for(|line| *line == Line::Cut).await;
    };
    tokio::select! {
        () = both => {}
        () = until_cut => {}
    }
}

async fn copy(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, mut line: watch::Receiver<Line>, left: &Left) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let flows = |line: &Line| !matches!(line, Line::Paused | Line::Cut);
        let Ok(line) = line.wait_for(flows).await.map(|line| *line) else { return };
        let mut bytes = buffer[..count].to_vec();
        if let Line::Joined(time) = line {
            sleep(time).await;
            while let Ok(more @ 1..) = from.try_read(&mut buffer) {
                bytes.extend_from_slice(&buffer[..more]);
            }
        }
        let (passed, ends) = passed(left, bytes.len());
        if pass(&bytes[..passed], to, line).await.is_err() || ends {
            return;
        }
    }
}

/// The number of bytes that are let through, and whether the connection ends behind them.
fn passed(left: &Left, count: usize) -> (usize, bool) {
    let mut left = left.lock();
    match *left {
        Some(most) if most < count => {
            *left = None;
            (most, true)
        }
        Some(most) => {
            *left = Some(most - count);
            (count, false)
        }
        None => (count, false),
    }
}

async fn pass(bytes: &[u8], to: &mut OwnedWriteHalf, line: Line) -> std::io::Result<()> {
    let (piece, pause) = match line {
        Line::Late(time) => {
            sleep(time).await;
            (bytes.len(), None)
        }
        Line::Split => (1, None),
        Line::Narrow(piece, pause) => (piece, Some(pause)),
        _ => (bytes.len(), None),
    };
    for piece in bytes.chunks(piece.max(1)) {
        to.write_all(piece).await?;
        match pause {
            Some(pause) => sleep(pause).await,
            None => tokio::task::yield_now().await,
        }
    }
    Ok(())
}
