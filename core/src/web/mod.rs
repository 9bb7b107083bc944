//! The parts of HTTP that need no request: cookies, origins, addresses of clients, the `Authorization` header, queries
//! and traces. Pure. `config` makes the rules of these modules from the options.

pub mod authorization;
pub mod client_ip;
pub mod cookie;
pub mod origin;
pub mod query;
pub mod trace;
