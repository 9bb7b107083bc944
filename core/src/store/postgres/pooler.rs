//! Detects a pooler between a connection and its server.
//!
//! A pooler in transaction mode gives every transaction to any free server connection. There a statement that was
//! prepared by name may be missing, or another client may have prepared another statement of that name. So no statement
//! may be prepared by name.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// The length in bytes of the process id and the key at the end of a request to cancel.
const IDENTITY: usize = 8;

/// Whether the process that runs the statements is not the process that accepted the connection. A pooler accepts
/// connections itself, as some databases with PostgreSQL's protocol do. The check takes one round trip.
///
/// # Errors
/// The driver's, if the connection broke. A server without `pg_backend_pid()` counts as a pooler.
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

/// Returns the process id that the server named at the start of the connection. The driver shows it only in a request
/// to cancel, so such a request is written to memory.
async fn process_of(client: &Client) -> Option<i32> {
    let written = Recorder::default();
    client.cancel_token().cancel_query_raw(written.clone(), InTheClear).await.ok()?;
    let bytes = written.0.lock();
    let start = bytes.len().checked_sub(IDENTITY)?;
    bytes[start..].first_chunk::<4>().map(|id| i32::from_be_bytes(*id))
}

/// A stream that keeps the written bytes, and agrees to TLS.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<u8>>>);

/// A TLS connector that does not encrypt, which is safe since no byte leaves this process.
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
