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
}

impl Proxy {
    pub async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, watched) = watch::channel(Line::Open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), watched.clone()));
            }
        });
        Self { address, line }
    }

    pub fn set(&self, line: Line) {
        self.line.send(line).unwrap();
    }
}

async fn carry(client: TcpStream, server: String, mut line: watch::Receiver<Line>) {
    let cut = line.clone();
    let both = async {
        if line.wait_for(|line| *line != Line::Paused).await.is_err() {
            return;
        }
        let Ok(server) = TcpStream::connect(server).await else { return };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            () = copy(from_client, to_server, line.clone()) => {}
            () = copy(from_server, to_client, line) => {}
        }
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
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
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
