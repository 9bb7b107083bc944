//! Warnings about the client addresses that limits count by. Each warning is given once per server.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::Config;
use crate::event::{Event, EventName};
use crate::telemetry::Telemetry;

/// The record of the warnings that were given.
#[derive(Debug, Default)]
pub(crate) struct Warned {
    /// Whether the warning of a client without an address was given.
    address: AtomicBool,
    /// Whether the warning of an undeclared proxy was given.
    proxy: AtomicBool,
}

impl Warned {
    /// Returns the warning that a client has no address, the first time. Without limits no client is counted, so there
    /// is no warning.
    pub(crate) fn unknown_address(&self, config: &Config, telemetry: &Telemetry) -> Option<Event> {
        let is_first = config.rate_limits.is_some() && !self.address.swap(true, Ordering::Relaxed);
        is_first.then(|| {
            warning(
                telemetry,
                "a request came without the client's address, so limits count all such clients as one: set trustProxy \
                 to the number of proxies in front of this server, which then believes what they say in \
                 X-Forwarded-For"
                    .to_owned(),
            )
        })
    }

    /// Returns the warning that requests come through an undeclared proxy at `peer`, the first time.
    pub(crate) fn undeclared_proxy(&self, peer: &str, telemetry: &Telemetry) -> Option<Event> {
        let is_first = !self.proxy.swap(true, Ordering::Relaxed);
        is_first.then(|| {
            let cause = format!(
                "a request from {peer} names its client in X-Forwarded-For, but no proxy at that address is trusted, \
                 so limits count all clients behind it as one: set trustProxy to the number of proxies in front of \
                 this server or to their addresses, or use the setting that the framework has for it"
            );
            warning(telemetry, cause)
        })
    }
}

/// Makes an event that the host reports even without a logger.
fn warning(telemetry: &Telemetry, cause: String) -> Event {
    telemetry.count(EventName::HookFailure);
    Event::new(EventName::HookFailure).with("hook", "trustProxy").with("cause", cause)
}
