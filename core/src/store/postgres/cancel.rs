//! Asks the server to end the statement of an abandoned connection.
//!
//! The driver's own request closes its connection right after the last byte. `PgBouncer` may still be passing the
//! request on at that time, and version 1.18 ends with a fatal error. So this code waits until the server closes, as
//! libpq does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

use super::hosts::Link;
use crate::store::pooled::CONNECT_TIMEOUT;

const PORT: u16 = 5432;
/// The longest time of a request. It is long, because a pooler waits for its server meanwhile.
const LIMIT: Duration = Duration::from_secs(30);

/// Makes the server end the statement of `link`, and closes that connection. A failure is ignored, since the connection
/// closes anyway.
pub(super) async fn cancel(link: Link) {
    let settings = &link.settings;
    let port = settings.get_ports().first().copied().unwrap_or(PORT);
    match (settings.get_hostaddrs().first(), settings.get_hosts().first()) {
        #[cfg(unix)]
        (None, Some(Host::Unix(folder))) => {
            let socket = folder.join(format!(".s.PGSQL.{port}"));
            cancel_over(link, UnixStream::connect(socket), String::new()).await;
        }
        (Some(address), name) => {
            let address = *address;
            let name = match name {
                Some(Host::Tcp(name)) => name.clone(),
                _ => address.to_string(),
            };
            cancel_over(link, TcpStream::connect((address, port)), name).await;
        }
        (None, Some(Host::Tcp(name))) => {
            let name = name.clone();
            cancel_over(link, TcpStream::connect((name.clone(), port)), name).await;
        }
        (None, None) => {}
    }
}

/// Sends the request over a new connection. `name` is the name that the server's certificate must have.
async fn cancel_over<S>(mut link: Link, connecting: impl Future<Output = io::Result<S>> + Send, name: String)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, connecting).await else { return };
    let Ok(tls) = MakeTlsConnect::<Wire<S>>::make_tls_connect(&mut link.connector, &name);
    let request = link.client.cancel_token();
    if let Ok(Ok(())) = timeout(LIMIT, request.cancel_query_raw(Wire(stream), Quiet(tls))).await {
        // This waits for the answer after the cancelled statement, since a pooler drops the request of a client that
        // has gone.
        drop(timeout(CONNECT_TIMEOUT, link.client.batch_execute("")).await);
    }
}

/// A stream whose shutdown waits until the other side closes.
struct Wire<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, out)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut bytes = [0; 64];
            let mut answer = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut self.0).poll_read(context, &mut answer));
            // An error counts as closed, since no answer is expected.
            if read.is_err() || answer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: TlsStream + Unpin> TlsStream for Wire<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.0.channel_binding()
    }
}

/// A TLS connector whose streams are [`Wire`]s.
struct Quiet<T>(T);

impl<S, T> TlsConnect<S> for Quiet<T>
where
    S: Send + 'static,
    T: TlsConnect<S, Future: Send> + Send + 'static,
{
    type Stream = Wire<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, T::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = self.0.connect(stream);
        Box::pin(async move { connecting.await.map(Wire) })
    }
}
