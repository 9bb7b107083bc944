//! HTTP as data: the request that an adapter passes in, and the result that it writes back.

use crate::event::Event;
use crate::hook::Notice;
use crate::message::Message;

pub mod body;
pub(crate) mod call;
pub(crate) mod client_guard;
pub mod cors;
pub mod credential;
mod debug;
pub mod decision;
pub mod endpoint;
pub mod envelope;
pub(crate) mod frame;
pub mod guard;
pub mod openapi;
pub(crate) mod pace;
pub mod preflight;
pub mod router;
pub mod token_choice;

/// A request to an endpoint, as the adapter passes it in.
#[derive(Clone, Default)]
pub struct Request {
    /// HTTP method in upper case.
    pub method: String,
    /// Path below the mount point, with its leading slash: `/login`.
    pub path: String,
    /// The whole path as the client sent it, if the adapter knows it. The mount point is read from it.
    pub full_path: Option<String>,
    /// Query string without `?`.
    pub query: Option<String>,
    /// The scheme by which the request came, as the framework knows it.
    pub scheme: Option<String>,
    /// Names in lower case, and values as received. A repeated header is repeated here.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// Client address as the framework knows it.
    pub client_ip: Option<String>,
    /// The host's request id.
    pub request_id: Option<String>,
    /// The host's number for the request, which its overrides get back.
    pub host_context: Option<u32>,
    /// Whether the host is a server of its own (`sentri serve`), with no framework around it. Pages of `trustedOrigins`
    /// may then read its answers ([`cors`]), and its events carry the trace id of the header `traceparent`.
    pub alone: bool,
}

/// A request body, raw or as the framework has parsed it already.
#[derive(Clone, Default)]
pub enum Body {
    /// The request has no body.
    #[default]
    Empty,
    /// The bytes as received, at most [`MAX_BODY`] + 1 of them.
    Raw(Vec<u8>),
    /// JSON text that the adapter serialized from the value of the framework's parser.
    Parsed(String),
    /// The body is longer than [`MAX_BODY`], so the adapter stopped reading.
    TooLarge,
}

/// The largest body that is read, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

impl Request {
    /// The first value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Returns the mount point of the endpoints, as the path of a cookie. `None`: it is unknown, or no cookie can have
    /// it as its path.
    #[must_use]
    pub fn mount(&self) -> Option<&str> {
        let full = self.full_path.as_deref()?.trim_end_matches('/');
        let mount = full.strip_suffix(self.path.trim_end_matches('/'))?;
        let is_path =
            |text: &&str| text.starts_with('/') && text.bytes().all(|b| matches!(b, b'!'..=b'~') && b != b';');
        if mount.is_empty() { Some("/") } else { Some(mount).filter(is_path) }
    }

    /// All values of a header, by its lower-case name.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// A response, which the adapter writes unchanged.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Names in their customary spelling. `Set-Cookie` may occur several times.
    pub headers: Vec<(String, String)>,
    /// JSON text.
    pub body: String,
}

/// The result of a request to an endpoint.
#[derive(Debug, Clone, Default)]
pub struct Handled {
    /// The response to write.
    pub response: Response,
    /// The events to log, in this order.
    pub events: Vec<Event>,
    /// The notices whose hooks the host runs and awaits before it writes the response.
    pub notices: Vec<Notice>,
    /// The messages to send after the response is written.
    pub messages: Vec<Message>,
}
