//! Whether a pooler stands between a connection and its server.
//!
//! A pooler in transaction mode hands every transaction to any free server connection. Statements that are prepared by
//! name are then missing there, or are another client's statements of the same name, so none may be used.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// Length of the process id and of the key at the end of a request to cancel.
const IDENTITY: usize = 8;

/// Returns `true` unless the server that runs the statements is the process that took the connection. A pooler takes
/// connections in its own name, as some databases that speak PostgreSQL's protocol do. One round trip.
///
/// # Errors
/// The driver's, when the connection broke. A server without such a function counts as a pooler.
pub(super) async fn stands_before(client: &Client) -> Result<bool, Error> {
    let answers = match client.simple_query("SELECT pg_backend_pid()").await {
        Ok(answers) => answers,
        Err(error) if error.as_db_error().is_some() => return Ok(true),
        Err(error) => return Err(error),
    };
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let process = row.and_then(|text| text.parse::<i32>().ok());
    Ok(process.is_none() || process != process_of(client).await)
}

/// The process id that the server named at the start of the connection. The driver shows it nowhere but in a request to
/// cancel, which is therefore written to memory.
async fn process_of(client: &Client) -> Option<i32> {
    let written = Recorder::default();
    client.cancel_token().cancel_query_raw(written.clone(), InTheClear).await.ok()?;
    let bytes = written.0.lock();
    let start = bytes.len().checked_sub(IDENTITY)?;
    bytes[start..].first_chunk::<4>().map(|id| i32::from_be_bytes(*id))
}

/// Keeps the written bytes, and agrees to TLS when asked.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<u8>>>);

/// TLS that leaves bytes as they are: nothing leaves this process.
struct InTheClear;

impl TlsConnect<Recorder> for InTheClear {
    type Stream = Recorder;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Recorder>>;

    fn connect(self, stream: Recorder) -> Self::Future {
        std::future::ready(Ok(stream))
    }
}

impl TlsStream for Recorder {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Recorder {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        out.put_slice(b"S");
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recorder {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
