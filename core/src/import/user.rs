//! A user as another system has it, and the refusals of a user.

use crate::clock::Millis;
use crate::crypto::Secret;
use crate::error::{Error, ErrorCode};

/// A user as another system has it.
#[derive(Debug, Clone)]
pub struct ForeignUser {
    /// The id in the other system.
    pub id: String,
    /// Values by which the user signs in.
    pub identifiers: Vec<ForeignIdentifier>,
    /// Names of roles.
    pub roles: Vec<String>,
    /// The password hash in the form that sentri stores, or `None` if the user has no password.
    pub hash: Option<Secret<String>>,
    /// Secrets of authenticator apps in base32.
    pub totp: Vec<Secret<String>>,
    /// Whether the user has a second factor that can't be carried over.
    pub other_factors: bool,
    /// The time of the registration in the other system.
    pub created_at: Option<Millis>,
}

/// An identifier as another system has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignIdentifier {
    /// The type, for example `email`.
    pub kind: String,
    /// The value as the other system spells it.
    pub value: String,
    /// Whether the user proved control over the identifier in the other system.
    pub proof: ImportedProof,
}

/// Whether an address was verified, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportedProof {
    /// The address is not verified.
    None,
    /// The address was verified at an instant that is not known.
    Some,
    /// The address was verified at this instant.
    At(Millis),
}

impl ImportedProof {
    pub(super) const fn of(is_verified: bool) -> Self {
        if is_verified { Self::Some } else { Self::None }
    }

    pub(super) fn at(instant: Option<Millis>) -> Self {
        instant.map_or(Self::None, Self::At)
    }
}

impl ForeignUser {
    pub(super) fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            identifiers: Vec::new(),
            roles: Vec::new(),
            hash: None,
            totp: Vec::new(),
            other_factors: false,
            created_at: None,
        }
    }

    pub(super) fn add(&mut self, kind: &str, value: &str, proof: ImportedProof) {
        if !value.is_empty() {
            self.identifiers.push(ForeignIdentifier { kind: kind.to_owned(), value: value.to_owned(), proof });
        }
    }

    /// Adds a name that the user signs in by. A name in the form of an address becomes an unverified address.
    pub(super) fn add_name(&mut self, value: &str) {
        let kind = ["email", "phone"].into_iter().find(|kind| {
            let has_form = if *kind == "email" { value.contains('@') } else { value.starts_with('+') };
            has_form && crate::identifier::normalize(kind, value).is_ok()
        });
        self.add(kind.unwrap_or("username"), value, ImportedProof::None);
    }
}

pub(super) fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::ValidationError, message)
}

pub(super) fn disabled() -> Error {
    Error::new(ErrorCode::Forbidden, "the account is disabled or deleted there")
}
