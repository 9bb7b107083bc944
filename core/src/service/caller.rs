//! The caller of a use case.

use serde_json::{Value, json};

use crate::hook::HookContext;
use crate::password::Requester;
use crate::token::device::DeviceUser;

/// The facts about a caller that use cases need.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The client's address in canonical form.
    pub ip: Option<String>,
    /// The network that limits count by: an IPv4 address itself, or the /64 of an IPv6 address.
    pub address: Option<String>,
    /// The header `User-Agent`, at most 512 characters.
    pub user_agent: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// The host's own number for the request.
    pub host_context: Option<u32>,
    /// The host's number of the database transaction that the work is part of.
    pub transaction: Option<u32>,
    /// Whether the caller is code of the host or has a valid API key. Such a caller may grant admin roles and is exempt
    /// from limits.
    pub trusted: bool,
    /// The users who have logged in on the caller's device, the latest login first.
    pub devices: Vec<DeviceUser>,
}

impl Caller {
    /// Returns the caller that stands for code of the host.
    #[must_use]
    pub fn host() -> Self {
        Self { trusted: true, ..Self::default() }
    }

    /// Returns the name of the bucket of the caller's address. Callers without a known address share a bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        self.address.as_deref().unwrap_or("unknown")
    }

    /// Returns the requester that password hashes for this caller are counted for. All trusted callers, also those with
    /// an API key, count as the host.
    #[must_use]
    pub fn requester(&self) -> Requester {
        if self.trusted {
            return Requester::Host;
        }
        self.ip.as_deref().and_then(|ip| ip.parse().ok()).map_or(Requester::Unknown, Requester::Client)
    }

    /// Returns the context that hooks get.
    #[must_use]
    pub fn hook_context(&self) -> HookContext {
        HookContext {
            ip: self.ip.clone(),
            user_agent: self.user_agent.clone(),
            request_id: self.request_id.clone(),
            ..HookContext::default()
        }
    }

    /// Writes the caller for an override.
    pub(crate) fn to_json(&self, call: u64) -> Value {
        json!({
            "ip": self.ip, "address": self.address, "userAgent": self.user_agent, "requestId": self.request_id,
            "hostContext": self.host_context, "trusted": self.trusted, "callId": call,
        })
    }

    /// Reads the output of [`Caller::to_json`], which the host passed through `next()`. Missing members are harmless,
    /// since they only take rights away.
    pub(crate) fn from_json(context: &Value) -> Self {
        let text = |name: &str| context.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            ip: text("ip"),
            address: text("address"),
            user_agent: text("userAgent"),
            request_id: text("requestId"),
            host_context: None,
            transaction: None,
            trusted: context.get("trusted").and_then(Value::as_bool).unwrap_or(false),
            devices: Vec::new(),
        }
    }
}
