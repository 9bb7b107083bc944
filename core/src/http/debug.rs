//! `Debug` for requests and answers, without the secrets of the client and its user. It shows headers by name and
//! bodies by length.

use std::fmt;

use super::guard::{GuardRequest, Principal, ProtectResult};
use super::{Body, Request, Response};

/// Names of headers, without their values.
struct Names<'a>(&'a [(String, String)]);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Raw(bytes) => write!(f, "Raw({} bytes)", bytes.len()),
            Self::Parsed(text) => write!(f, "Parsed({} bytes)", text.len()),
            Self::TooLarge => f.write_str("TooLarge"),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query may hold an identifier.
        let Self {
            method,
            path,
            full_path: _,
            query: _,
            scheme,
            headers,
            body,
            client_ip,
            request_id,
            host_context: _,
            alone: _,
        } = self;
        f.debug_struct("Request")
            .field("method", method)
            .field("path", path)
            .field("scheme", scheme)
            .field("headers", &Names(headers))
            .field("body", body)
            .field("client_ip", client_ip)
            .field("request_id", request_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, headers, body } = self;
        f.debug_struct("Response")
            .field("status", status)
            .field("headers", &Names(headers))
            .field("body", &format_args!("{} bytes", body.len()))
            .finish()
    }
}

impl fmt::Debug for GuardRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, authorization, cookie, origin, sec_fetch_site, host, upgrade, scheme, client_ip, .. } = self;
        f.debug_struct("GuardRequest")
            .field("method", method)
            .field("authorization", &authorization.is_some())
            .field("cookie", &cookie.is_some())
            .field("origin", origin)
            .field("sec_fetch_site", sec_fetch_site)
            .field("host", host)
            .field("upgrade", upgrade)
            .field("scheme", scheme)
            .field("client_ip", client_ip)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, roles, withheld, session_id, assurance, token: _, exp } = self;
        f.debug_struct("Principal")
            .field("id", id)
            .field("roles", roles)
            .field("withheld", withheld)
            .field("session_id", session_id)
            .field("assurance", assurance)
            .field("exp", exp)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ProtectResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { result, answer, headers, events, fresh_until } = self;
        f.debug_struct("ProtectResult")
            .field("result", result)
            .field("answer", answer)
            .field("headers", &Names(headers))
            .field("events", events)
            .field("fresh_until", fresh_until)
            .finish()
    }
}
