//! Roles and API keys.

use crate::crypto;
use crate::error::{Error, ErrorCode};

/// The roles that exist and what they mean to registration and admin endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRules {
    /// Every role, at least one.
    pub valid: Vec<String>,
    /// Roles that may call admin endpoints, and that an anonymous registration may not ask for.
    pub admin: Vec<String>,
    /// What a registration gets that names no roles.
    pub default: Vec<String>,
}

impl RoleRules {
    /// Checks the three lists. Without `admin` it is `admin`, where that is a role.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option.
    pub fn new(valid: Vec<String>, admin: Option<Vec<String>>, default: Vec<String>) -> Result<Self, Error> {
        if valid.is_empty() {
            return Err(Error::configuration("validRoles must list at least one role"));
        }
        if let Some(bad) = valid.iter().find(|role| !is_role_name(role)) {
            return Err(Error::configuration(format!(
                "validRoles: '{bad}' is not a role name (1 to 64 of A-Z a-z 0-9 _ . : -)"
            )));
        }
        let given = admin.is_some();
        let admin = admin.unwrap_or_else(|| vec!["admin".to_owned()]);
        for (option, list, checked) in [("adminRoles", &admin, given), ("defaultRoles", &default, true)] {
            if let Some(unknown) = list.iter().find(|role| checked && !valid.contains(role)) {
                return Err(Error::configuration(format!("{option}: '{unknown}' is not in validRoles")));
            }
        }
        Ok(Self { valid, admin, default })
    }
}

/// Whether `name` may be a role: `[A-Za-z0-9_.:-]{1,64}`.
#[must_use]
pub fn is_role_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b))
}

/// The roles to give out of those asked for: each once, in the order asked.
///
/// # Errors
/// `INVALID_ROLE` for a role that does not exist, `FORBIDDEN` for an admin role unless the caller may grant it.
pub fn check_assignable(wanted: &[String], rules: &RoleRules, may_grant_admin: bool) -> Result<Vec<String>, Error> {
    let mut roles: Vec<String> = Vec::with_capacity(wanted.len().min(rules.valid.len()));
    for role in wanted {
        if !rules.valid.contains(role) {
            let shown: String = role.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(Error::new(ErrorCode::InvalidRole, format!("Invalid role: {shown}")));
        }
        if rules.admin.contains(role) && !may_grant_admin {
            let message = format!("The role {role} can't be asked for at registration");
            return Err(Error::new(ErrorCode::Forbidden, message));
        }
        if !roles.contains(role) {
            roles.push(role.clone());
        }
    }
    Ok(roles)
}

/// Whether a user with `roles` has any of `required`.
#[must_use]
pub fn authorize(roles: &[String], required: &[String]) -> bool {
    roles.iter().any(|role| required.contains(role))
}

/// API keys, kept as keyed digests: what is compared has one length, and the keys are not in memory.
#[derive(Clone)]
pub struct ApiKeys {
    salt: [u8; 32],
    digests: Vec<[u8; 32]>,
}

impl ApiKeys {
    /// Takes the configured keys.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` for an empty one: an unset variable must not open anything.
    pub fn new(keys: &[String]) -> Result<Self, Error> {
        if keys.iter().any(|key| key.trim().is_empty()) {
            return Err(Error::configuration("apiKey must not be empty: set it, or leave it out"));
        }
        let salt = crypto::make_random();
        let digests = keys.iter().map(|key| crypto::hmac_sha256(&salt, key.as_bytes())).collect();
        Ok(Self { salt, digests })
    }

    /// Whether none is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Whether `given` is one of the keys, in time that does not depend on how much of it is right.
    #[must_use]
    pub fn matches(&self, given: &str) -> bool {
        let digest = crypto::hmac_sha256(&self.salt, given.as_bytes());
        self.digests.iter().fold(false, |found, key| found | crypto::equal_in_constant_time(key, &digest))
    }
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKeys({})", self.digests.len())
    }
}
