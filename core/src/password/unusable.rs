//! Hashes that can't be verified.

/// The reason why a stored hash can't be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// The hash is of an unknown kind.
    Unknown,
    /// The hash is of a known kind, and malformed.
    Malformed,
    /// The hash takes an implausible amount of time or memory.
    Dear,
}

impl Unusable {
    /// Returns the reason as a sentence, which repeats nothing of the hash.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "the password hash is of no kind that is taken",
            Self::Malformed => "the password hash is malformed",
            Self::Dear => "the password hash asks for more time or memory than is allowed",
        }
    }
}
