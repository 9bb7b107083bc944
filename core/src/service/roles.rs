//! Role assignment.

use serde_json::{Value, json};

use super::input::Input;
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

/// Replacement of a user's roles. Who may call it is the caller's concern.
///
/// It fails with `VALIDATION_ERROR`, `INVALID_ROLE`, `USER_NOT_FOUND`, and the store's failures.
pub struct AssignRoles;

/// `{userId, roles}`
pub struct RolesInput {
    user_id: String,
    roles: Vec<String>,
}

/// `{user: {id, roles}}`
pub struct Assigned {
    /// The user's id.
    pub user_id: String,
    /// The roles that the user has now.
    pub roles: Vec<String>,
}

impl use_case::Input for RolesInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        let user_id = input.text("userId")?.to_owned();
        let roles = input.optional_strings("roles")?.ok_or_else(|| Error::validation("roles", "roles is required"))?;
        Ok(Self { user_id, roles })
    }
}

impl Output for Assigned {
    const SHAPE: &'static str = "{user: {id, roles}}";

    fn read(value: &Value) -> Option<Self> {
        let user = value.get("user")?;
        let roles = user.get("roles")?.as_array()?.iter().map(|role| role.as_str().map(str::to_owned));
        Some(Self { user_id: user.get("id")?.as_str()?.to_owned(), roles: roles.collect::<Option<_>>()? })
    }

    fn write(&self) -> Value {
        json!({ "user": { "id": self.user_id, "roles": self.roles } })
    }

    fn tell(&self, facts: &mut Facts) {
        facts.user_id.get_or_insert_with(|| self.user_id.clone());
        facts.roles = Some(self.roles.clone());
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
        Ok(Assigned { user_id, roles })
    }
}
