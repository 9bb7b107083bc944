//! Assignment of roles.

use serde::Serialize;
use serde_json::Value;

use super::input::{Input, optional_strings};
use super::shown::UserRoles;
use super::story::{Facts, Story};
use super::token_size;
use crate::access;
use crate::audit::Change;
use crate::cache::Revocation;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::hook::Operation;
use crate::use_case::{self, Context, Output, UseCase};

/// Replaces the roles of a user. The caller decides who may do this.
///
/// It fails with `VALIDATION_ERROR`, `INVALID_ROLE`, `USER_NOT_FOUND`, and the store's failures.
pub struct AssignRoles;

/// The input `{userId, roles}`.
pub struct RolesInput {
    user_id: String,
    roles: Vec<String>,
}

/// The result `{user: {id, roles}}`.
#[derive(Debug, Serialize)]
pub struct Assigned {
    /// The user with the new roles.
    pub user: UserRoles,
}

impl use_case::Input for RolesInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Self::new(input.text("userId")?, input.member("roles"))
    }
}

impl RolesInput {
    /// Reads the roles for a user.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    pub fn new(user_id: &str, roles: &Value) -> Result<Self, Error> {
        let roles = optional_strings("roles", roles)?;
        let roles = roles.ok_or_else(|| Error::validation("roles", "roles is required"))?;
        Ok(Self { user_id: user_id.to_owned(), roles })
    }
}

impl Output for Assigned {
    const SHAPE: &'static str = "{user: {id, roles}}";

    fn read(value: &Value) -> Option<Self> {
        Some(Self { user: UserRoles::read(value.get("user")?)? })
    }

    fn tell(&self, facts: &mut Facts) {
        facts.user_id.get_or_insert_with(|| self.user.id.clone());
        facts.roles = Some(self.user.roles.clone());
    }
}

impl UseCase for AssignRoles {
    const NAME: Option<Operation> = Some(Operation::AssignRoles);
    const STORY: Story = Story { success: EventName::RolesAssigned, failure: Some(EventName::RolesAssignFailure) };
    type Input = RolesInput;
    type Output = Assigned;

    async fn run(context: &mut Context<'_>, input: RolesInput) -> Result<Assigned, Failure> {
        let Context { realm, trail, .. } = context;
        let RolesInput { user_id, roles } = input;
        let roles = access::check_assignable(&roles, &realm.config.roles, true)?;
        token_size::check_roles(realm, &roles)?;
        let store = realm.noting(&trail.author, || {
            Ok([Change::of(EventName::RolesAssigned, &user_id).with("roles", roles.clone())])
        })?;
        let write = store.set_roles(&user_id, &roles, realm.now());
        if !realm.revoking(Revocation::User(user_id.clone()), write).await? {
            return Err(ErrorCode::UserNotFound.into());
        }
        Ok(Assigned { user: UserRoles { id: user_id, roles } })
    }
}
