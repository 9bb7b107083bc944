//! Endpoints over all users, for admins and bearers of an API key.

use serde_json::Value;

use super::description::{Description, answers, paging};
use super::schema::{list, object, one_of_types, partial, reference, text};
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::error::{Error, ErrorCode as E};
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::envelope::Reply;
use crate::service::factor_removal::{RemoveAllInput, RemoveFactors};
use crate::service::input::Input;
use crate::service::invitation::{InviteInput, InviteUser};
use crate::service::password::SetPassword;
use crate::service::roles::AssignRoles;
use crate::service::users::{self, Page};
use crate::use_case::{Done, UseCase};

/// `GET /users`
pub static LIST_USERS: Endpoint = Endpoint {
    name: "listUsers",
    method: "GET",
    pattern: "/users",
    access: Access::Admin,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: None,
    describe: describe_users,
    serve: |call| enveloped(list_users(call)),
};

fn describe_users() -> Description {
    let next = ("nextCursor", one_of_types(&["string", "null"]));
    let page = object(&[("users", list(reference("User"), 0)), next]);
    let mut query = paging();
    query.push(("identifier", text(), "Only the owner of this identifier"));
    query.push((
        "search",
        text(),
        "Only the owners of identifiers that begin so, in any spelling; with administration",
    ));
    answers("Users, oldest first, in pages", 200, "OK", page).asked_by(query).or(&[E::ValidationError])
}

async fn list_users(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let (limit, cursor, identifier) = (call.query_limit()?, call.query("cursor"), call.query("identifier"));
    let search = if call.realm.config.administration { call.query_text("search")? } else { None };
    let (cursor, identifier, search) = (cursor.as_deref(), identifier.as_deref(), search.as_deref());
    let page = Page { limit, cursor, identifier, search };
    Ok(Reply::ok("OK", users::list(call.realm, &page).await?))
}

/// `POST /users`
pub static INVITE_USER: Endpoint = Endpoint {
    name: "inviteUser",
    method: "POST",
    pattern: "/users",
    access: Access::Admin,
    needs: Needs::Invitations,
    shows: Shows::Nothing,
    story: Some(&InviteUser::STORY),
    describe: || {
        let body = partial(&[("identifiers", list(reference("NewIdentifier"), 1))], &[("roles", list(text(), 0))]);
        answers("Make a user and send an invitation", 201, "User invited", object(&[("user", reference("User"))]))
            .takes(body)
            .or(&[E::InvalidRole, E::UserAlreadyExists, E::StepUpRequired])
    },
    serve: |call| enveloped(invite_user(call)),
};

async fn invite_user(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let body = call.input(&[])?;
    let own = call.principal.as_ref().map_or_else(Vec::new, |admin| admin.roles.clone());
    // The invitation is sent to the user, so the admin learns no secret.
    let input = InviteInput::new(Input::new(&body)?, own, true)?;
    let invited = call.run_read::<InviteUser>(input).await?;
    Ok(Reply::created("User invited", invited))
}

/// `GET /users/:userId`
pub static GET_USER: Endpoint = Endpoint {
    name: "getUser",
    method: "GET",
    pattern: "/users/:userId",
    access: Access::Admin,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: None,
    describe: || answers("A user", 200, "OK", reference("User")).or(&[E::UserNotFound]),
    serve: |call| enveloped(get_user(call)),
};

async fn get_user(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let user = users::get(call.realm, &call.parameter).await?.ok_or(E::UserNotFound)?;
    Ok(Reply::ok("OK", user))
}

/// `DELETE /users/:userId`
pub static DELETE_USER: Endpoint = Endpoint {
    name: "deleteUser",
    method: "DELETE",
    pattern: "/users/:userId",
    access: Access::Admin,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: Some(&users::DELETION),
    describe: || {
        answers("Delete a user with all sessions and identifiers", 200, "User deleted", Value::Null)
            .or(&[E::UserNotFound, E::StepUpRequired])
    },
    serve: |call| enveloped(delete_user(call)),
};

async fn delete_user(call: &mut Call<'_>) -> Result<Reply, Failure> {
    spare_self(call, "delete")?;
    if !users::delete(call.realm, &call.parameter, &mut call.trail).await? {
        return Err(E::UserNotFound.into());
    }
    Ok(Reply::ok("User deleted", Done))
}

/// Refuses to let an admin act on their own account if `administration` is on, so that at least one admin always
/// remains. The bearer of an API key has no account, so nothing is refused then.
///
/// # Errors
/// `FORBIDDEN`
pub(super) fn spare_self(call: &Call<'_>, act: &str) -> Result<(), Error> {
    if !is_own(call) {
        return Ok(());
    }
    Err(Error::new(E::Forbidden, format!("An admin can't {act} their own account: another admin can")))
}

/// Whether an admin acts on their own account, which `administration` restricts.
fn is_own(call: &Call<'_>) -> bool {
    let admin = call.principal.as_ref();
    call.realm.config.administration && admin.is_some_and(|admin| admin.id == call.parameter)
}

/// Refuses to take an admin role from the admin who asks for it, as [`spare_self`] does.
fn check_kept(call: &Call<'_>, input: &Value) -> Result<(), Error> {
    let (true, Some(admin), Some(roles)) = (is_own(call), &call.principal, input["roles"].as_array()) else {
        return Ok(());
    };
    let is_admin = |role: &&String| call.realm.config.roles.admin.contains(role);
    let mut held = admin.roles.iter().chain(&admin.withheld).filter(is_admin);
    if held.all(|role| roles.iter().any(|kept| kept == role)) {
        return Ok(());
    }
    Err(Error::new(E::Forbidden, "An admin can't give up an admin role: another admin can take it"))
}

/// `POST /users/:userId/roles`
pub static ASSIGN_ROLES: Endpoint = Endpoint {
    name: "assignRoles",
    method: "POST",
    pattern: "/users/:userId/roles",
    access: Access::Admin,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: Some(&AssignRoles::STORY),
    describe: || {
        let user = object(&[("user", object(&[("id", text()), ("roles", list(text(), 0))]))]);
        answers("Replace the roles of a user", 200, "Roles assigned", user)
            .takes(object(&[("roles", list(text(), 0))]))
            .or(&[E::InvalidRole, E::UserNotFound, E::StepUpRequired])
    },
    serve: |call| enveloped(assign_roles(call)),
};

async fn assign_roles(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = call.input(&[("userId", &call.parameter)])?;
    check_kept(call, &input)?;
    let assigned = call.run::<AssignRoles>(input).await?;
    Ok(Reply::ok("Roles assigned", assigned))
}

/// `PATCH /users/:userId/password`
pub static SET_PASSWORD: Endpoint = Endpoint {
    name: "setPassword",
    method: "PATCH",
    pattern: "/users/:userId/password",
    access: Access::Admin,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: Some(&SetPassword::STORY),
    describe: || {
        answers("Set the password of a user; every session ends", 200, "Password changed", Value::Null)
            .takes(object(&[("newPassword", text())]))
            .or(&[E::UserNotFound, E::StepUpRequired])
    },
    serve: |call| enveloped(set_password(call)),
};

async fn set_password(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = call.input(&[("userId", &call.parameter)])?;
    call.run::<SetPassword>(input).await?;
    Ok(Reply::ok("Password changed", Done))
}

/// `DELETE /users/:userId/factors`
pub static REMOVE_FACTORS: Endpoint = Endpoint {
    name: "removeFactors",
    method: "DELETE",
    pattern: "/users/:userId/factors",
    access: Access::Admin,
    needs: Needs::FactorRemoval,
    shows: Shows::Nothing,
    story: Some(&RemoveFactors::STORY),
    describe: || {
        answers("Remove all second factors of a user; every session ends", 200, "Factors removed", Value::Null)
            .or(&[E::UserNotFound, E::StepUpRequired])
    },
    serve: |call| enveloped(remove_factors(call)),
};

async fn remove_factors(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let input = RemoveAllInput::new(&call.parameter);
    call.run_read::<RemoveFactors>(input).await?;
    Ok(Reply::ok("Factors removed", Done))
}
