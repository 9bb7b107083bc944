//! Role rules and API keys: the roles that a caller may give, and the routes that a role opens.

use serde_json::Value;

use crate::assurance::{Acr, Assurance};
use crate::crypto::{Secret, equal_in_constant_time, hmac_sha256, make_random};
use crate::error::{Error, ErrorCode};

/// The role options (`validRoles`, `adminRoles`, `defaultRoles`, `selfAssignableRoles`), checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRules {
    /// Every role that a user may have.
    pub valid: Vec<String>,
    /// Roles that may call the admin endpoints.
    pub admin: Vec<String>,
    /// Roles of a registration that names none. No admin role is among them.
    pub default: Vec<String>,
    /// Roles that an anonymous registration may ask for. No admin role is among them.
    pub self_assignable: Vec<String>,
    /// Roles that are in effect only after a second factor was presented (`mfa.requiredFor` option).
    pub required_for: Vec<String>,
}

/// The roles of a user in a session, or of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRoles<T> {
    /// The roles in effect.
    pub in_effect: Vec<T>,
    /// The roles that wait for a second factor.
    pub withheld: Vec<T>,
}

impl RoleRules {
    /// Reads the four options. An option that is absent or null takes its default; `validRoles` has none. Without
    /// `selfAssignableRoles` a registration may ask for the default roles and for `user`.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names the option, for a value that is no list of role names, for no valid role, for a
    /// role that `validRoles` does not list, or for an admin role that a new user would get or could ask for.
    pub fn from_options(
        valid: Option<&Value>,
        admin: Option<&Value>,
        default: Option<&Value>,
        self_assignable: Option<&Value>,
    ) -> Result<Self, Error> {
        let valid = role_list("validRoles", valid)?.filter(|roles| !roles.is_empty()).ok_or_else(|| {
            Error::configuration("validRoles is required: a non-empty list such as ['user', 'admin']")
        })?;
        let listed = |option: &str, roles: Vec<String>| match roles.iter().find(|role| !valid.contains(role)) {
            Some(role) => Err(Error::configuration(format!("{option} names '{role}', which validRoles does not list"))),
            None => Ok(roles),
        };
        let admin = match role_list("adminRoles", admin)? {
            Some(roles) => listed("adminRoles", roles)?,
            // The default applies even if validRoles has no 'admin', since no user can have that role then.
            None => vec!["admin".to_owned()],
        };
        let default = listed("defaultRoles", role_list("defaultRoles", default)?.unwrap_or_default())?;
        let harmless = |option: &str, roles: Vec<String>, why: &str| match roles
            .iter()
            .find(|role| admin.contains(role))
        {
            Some(role) => Err(Error::configuration(format!("{option} must not hold the admin role '{role}': {why}"))),
            None => Ok(roles),
        };
        let default = harmless("defaultRoles", default, "everybody who registers would get it")?;
        let self_assignable = match role_list("selfAssignableRoles", self_assignable)? {
            Some(roles) => harmless(
                "selfAssignableRoles",
                listed("selfAssignableRoles", roles)?,
                "anybody could register with it; give it by auth.register(), assignRoles or an apiKey",
            )?,
            None => {
                let user =
                    valid.iter().filter(|role| *role == "user" && !admin.contains(role) && !default.contains(role));
                default.iter().chain(user).cloned().collect()
            }
        };
        Ok(Self { valid, admin, default, self_assignable, required_for: Vec::new() })
    }

    /// Divides the roles of a user into roles in effect and withheld roles, by the authentication behind a session or a
    /// token. Below `aal2` the roles of `mfa.requiredFor` are withheld. An unknown authentication counts as below
    /// `aal2`.
    #[must_use]
    pub fn in_session<T: AsRef<str>>(&self, roles: Vec<T>, assurance: Option<&Assurance>) -> SessionRoles<T> {
        let waits = |role: &T| self.required_for.iter().any(|required| required == role.as_ref());
        let is_strong = assurance.is_some_and(|held| held.acr >= Acr::Aal2);
        if is_strong || !roles.iter().any(waits) {
            return SessionRoles { in_effect: roles, withheld: Vec::new() };
        }
        let (withheld, in_effect) = roles.into_iter().partition(waits);
        SessionRoles { in_effect, withheld }
    }

    /// Whether one of `roles` is an admin role.
    #[must_use]
    pub fn is_admin(&self, roles: &[String]) -> bool {
        authorize(roles, &self.admin)
    }

    /// Checks the roles that `authorize()` was called with.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` if the list is empty or a role is not valid.
    pub fn check_required(&self, required: &[String]) -> Result<(), Error> {
        check_required(required, Some(&self.valid))
    }
}

/// Checks the roles that `authorize()` was called with against the valid roles. `None`: any name is valid.
///
/// # Errors
/// `CONFIGURATION_ERROR` if the list is empty, or a role is empty or not valid.
pub fn check_required(required: &[String], valid: Option<&[String]>) -> Result<(), Error> {
    if required.is_empty() || required.iter().any(String::is_empty) {
        return Err(Error::configuration("authorize() needs at least one role, and no empty one"));
    }
    match required.iter().find(|role| valid.is_some_and(|valid| !valid.contains(role))) {
        Some(role) => Err(Error::configuration(format!(
            "authorize() names '{}', which validRoles does not list",
            printable(role)
        ))),
        None => Ok(()),
    }
}

/// Whether `name` can be a role: 1 to 64 of `A-Z a-z 0-9 _ . : -`.
#[must_use]
pub fn is_role_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-'))
}

/// Checks that roles may be given to a user, and returns `requested` in the given order, without repetitions.
///
/// # Errors
/// `INVALID_ROLE` for a role that is not valid; `FORBIDDEN` for a role outside `selfAssignableRoles` unless
/// `caller_may_grant_all`.
pub fn check_assignable(
    requested: &[String],
    rules: &RoleRules,
    caller_may_grant_all: bool,
) -> Result<Vec<String>, Error> {
    let mut roles = Vec::<String>::new();
    for role in requested {
        if !rules.valid.contains(role) {
            let name = printable(role);
            return Err(Error::new(ErrorCode::InvalidRole, format!("Invalid role: {name}"))
                .with_details(serde_json::json!({ "role": name })));
        }
        if !roles.contains(role) {
            roles.push(role.clone());
        }
    }
    match roles.iter().find(|role| !caller_may_grant_all && !rules.self_assignable.contains(role)) {
        Some(role) => Err(Error::new(
            ErrorCode::Forbidden,
            format!("Role '{role}' can't be given without a valid key: selfAssignableRoles does not list it"),
        )),
        None => Ok(roles),
    }
}

/// Whether the user has at least one of the required roles. An empty list of required roles admits no user.
#[must_use]
pub fn authorize(user_roles: &[String], required: &[String]) -> bool {
    user_roles.iter().any(|role| required.contains(role))
}

/// The configured API keys. Only their HMACs under a key of this process are kept.
#[derive(Debug)]
pub struct ApiKeys {
    key: Secret<[u8; 32]>,
    digests: Vec<[u8; 32]>,
    /// The number of characters of the shortest key.
    shortest: usize,
}

/// An API key with fewer characters is refused.
const SHORTEST_KEY: usize = 8;
/// An API key with fewer characters causes a warning.
const SHORT_KEY: usize = 16;

impl ApiKeys {
    /// Reads the `apiKey` option, a string or a non-empty list. `None`: the option is not set.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` for any other value, and for a key of fewer than 8 characters, which can be guessed soon.
    pub fn from_option(option: Option<&Value>) -> Result<Option<Self>, Error> {
        let keys = match option {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(key)) => Some(vec![key.as_str()]),
            Some(Value::Array(keys)) if !keys.is_empty() => keys.iter().map(Value::as_str).collect(),
            Some(_) => None,
        };
        let Some(keys) = keys.filter(|keys| keys.iter().all(|key| !key.trim().is_empty())) else {
            return Err(Error::configuration(
                "apiKey must be a non-empty string or a list of them; is its environment variable set?",
            ));
        };
        let keys = Self::new(&keys);
        if keys.shortest < SHORTEST_KEY {
            return Err(Error::configuration(format!(
                "apiKey must have at least {SHORTEST_KEY} characters, better {SHORT_KEY} or more: make one by \
                 openssl rand -base64 32"
            )));
        }
        Ok(Some(keys))
    }

    /// Returns the warning that an API key is short, if there is such a key.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        (self.shortest < SHORT_KEY).then(|| {
            format!("apiKey has fewer than {SHORT_KEY} characters: make a longer one by openssl rand -base64 32")
        })
    }

    /// Whether `given` is an API key, in time that depends on its length and the number of keys alone. A missing or
    /// empty key never is.
    #[must_use]
    pub fn accept(&self, given: Option<&str>) -> bool {
        let Some(given) = given.filter(|given| !given.is_empty()) else { return false };
        let digest = hmac_sha256(self.key.expose(), given.as_bytes());
        // No early exit, so that the time does not reveal which of the keys it was.
        self.digests.iter().fold(false, |found, known| found | equal_in_constant_time(known, &digest))
    }

    fn new(keys: &[&str]) -> Self {
        let key = Secret::new(make_random::<32>());
        let digests = keys.iter().map(|text| hmac_sha256(key.expose(), text.as_bytes())).collect();
        let shortest = keys.iter().map(|text| text.chars().count()).min().unwrap_or_default();
        Self { key, digests, shortest }
    }
}

/// Reads an option that is a list of role names, and drops repetitions. `None`: the option is not set.
pub(crate) fn role_list(option: &str, value: Option<&Value>) -> Result<Option<Vec<String>>, Error> {
    let roles: Option<Vec<String>> = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(roles)) => roles.iter().map(|role| role.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    match roles.filter(|roles| roles.iter().all(|role| is_role_name(role))) {
        Some(mut roles) => {
            let mut seen = std::collections::HashSet::new();
            roles.retain(|role| seen.insert(role.clone()));
            Ok(Some(roles))
        }
        None => Err(Error::configuration(format!(
            "{option} must be a list of role names: 1 to 64 of the characters A-Z a-z 0-9 _ . : -"
        ))),
    }
}

/// Returns a role name for an error message. A malformed name is replaced, so that no message repeats arbitrary text.
fn printable(role: &str) -> &str {
    if is_role_name(role) { role } else { "(malformed)" }
}
