//! The port to users, sessions and keys, and the drivers behind it.

pub mod account;
pub mod audit;
pub mod dialect;
mod driver;
pub mod executor;
pub mod foreign;
pub mod import;
mod migrate;
pub mod model;
pub mod mysql;
mod open;
pub mod pooled;
mod port;
pub mod postgres;
mod rivals;
pub mod setup;
pub mod sql;
pub mod sqlite;
pub mod tls;
pub mod value;
mod wording;

pub use open::{open, open_noting, over};
pub use port::{ADOPTED_MARKER, Normalizer, SURPLUS, Store, WRONG_CODES};
pub use rivals::{rivals_of, stored_forms};
