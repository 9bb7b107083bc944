//! Warnings about the addresses that limits count clients by, each once for a server.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Realm;
use crate::event::{Event, EventName};

/// The warnings that were given.
#[derive(Debug, Default)]
pub(crate) struct Warned {
    /// A client without an address came.
    address: AtomicBool,
    /// A client came by a proxy that nobody declared.
    proxy: AtomicBool,
}

impl Realm {
    /// The warning that a client has no address. Without limits nobody is counted, so nobody is warned.
    pub(crate) fn unknown_address(&self) -> Option<Event> {
        let is_first = self.config.rate_limits.is_some() && !self.warned.address.swap(true, Ordering::Relaxed);
        is_first.then(|| {
            self.warning(
                "a request came without the client's address, so limits count all such clients as one: set trustProxy \
                 to the number of proxies in front of this server, which then believes what they say in \
                 X-Forwarded-For"
                    .to_owned(),
            )
        })
    }

    /// The warning that requests come by a proxy at `peer` which nobody declared.
    pub(crate) fn undeclared_proxy(&self, peer: &str) -> Option<Event> {
        let is_first = !self.warned.proxy.swap(true, Ordering::Relaxed);
        is_first.then(|| {
            self.warning(format!(
                "a request from {peer} names its client in X-Forwarded-For, but no proxy at that address is trusted, \
                 so limits count all clients behind it as one: set trustProxy to the number of proxies in front of \
                 this server or to their addresses, or use the setting that the framework has for it"
            ))
        })
    }

    /// An event for the host to tell of even where nobody logs.
    fn warning(&self, cause: String) -> Event {
        self.telemetry.count(EventName::HookFailure);
        Event::new(EventName::HookFailure).with("hook", "trustProxy").with("cause", cause)
    }
}
