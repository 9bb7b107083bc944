//! The parts of HTTP that decide without a request: cookies, origins, addresses of clients, the `Authorization` header
//! and queries. Pure, and below `config`, whose options become rules of these modules.

pub mod authorization;
pub mod client_ip;
pub mod cookie;
pub mod origin;
pub mod query;
pub mod trace;
