//! Hashes that can't be verified.

/// The reason why a stored hash can't be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// It is of no kind that is known here.
    Unknown,
    /// It is of a known kind, and damaged.
    Malformed,
    /// It asks for an implausible amount of time or memory.
    Dear,
}

impl Unusable {
    /// The reason in words, which hold nothing of the hash.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "the password hash is of no kind that is taken",
            Self::Malformed => "the password hash is malformed",
            Self::Dear => "the password hash asks for more time or memory than is allowed",
        }
    }
}
