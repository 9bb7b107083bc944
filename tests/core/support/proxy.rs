//! A TCP proxy whose line can be paused, cut and restored.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Bytes flow.
    Open,
    /// Connections are taken and kept, and nothing flows: a stopped server, or a network that swallows packets.
    Paused,
    /// Every connection is closed, at once and after it is made.
    Cut,
}

/// A proxy in front of one server.
pub struct Proxy {
    pub address: SocketAddr,
    line: watch::Sender<Line>,
    stranded: watch::Sender<u64>,
}

impl Proxy {
    pub async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, watched) = watch::channel(Line::Open);
        let (stranded, strandings) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), watched.clone(), strandings.clone()));
            }
        });
        Self { address, line, stranded }
    }

    /// Lets the present connections fall silent for ever, while new ones work: a router or a host was replaced.
    pub fn strand(&self) {
        self.stranded.send_modify(|count| *count += 1);
    }

    pub fn set(&self, line: Line) {
        self.line.send(line).unwrap();
    }
}

async fn carry(
    client: TcpStream,
    server: String,
    mut line: watch::Receiver<Line>,
    mut strandings: watch::Receiver<u64>,
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
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::select! {
            () = copy(&mut from_client, &mut to_server, line.clone()) => return,
            () = copy(&mut from_server, &mut to_client, line) => return,
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

async fn copy(
    from: &mut tokio::net::tcp::OwnedReadHalf,
    to: &mut tokio::net::tcp::OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let open = line.wait_for(|line| *line == Line::Open).await.is_ok();
        if !open || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
