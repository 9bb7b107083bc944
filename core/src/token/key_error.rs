//! The reason why a key is refused.

/// The reason why a key is refused. It reveals nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(pub &'static str);
