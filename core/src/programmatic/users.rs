//! Calls that read, list and change users.

use super::arguments::Arguments;
use super::call::Work;
use crate::failure::Failure;
use crate::service::disabling::{DisableInput, DisableUser, EnableInput, EnableUser};
use crate::service::export::{self, Export};
use crate::service::import::{self, ImportInput, Report};
use crate::service::input::Input;
use crate::service::invitation::{InviteInput, InviteUser, Invited};
use crate::service::roles::{AssignRoles, RolesInput};
use crate::service::shown::{ShownUser, UserRoles};
use crate::service::users::{self, Page, UserList};

pub(super) async fn assign_roles(work: &mut Work<'_>, arguments: &Arguments) -> Result<UserRoles, Failure> {
    let user_id = arguments.id(0, "userId")?;
    let input = RolesInput::new(user_id, arguments.value(1));
    Ok(work.about(user_id).run::<AssignRoles>(input).await?.user)
}

pub(super) async fn disable(work: &mut Work<'_>, arguments: &Arguments) -> Result<ShownUser, Failure> {
    let user_id = arguments.id(0, "userId")?;
    let input = DisableInput::new(user_id, arguments.options(1));
    Ok(work.about(user_id).run::<DisableUser>(input).await?.user)
}

pub(super) async fn enable(work: &mut Work<'_>, arguments: &Arguments) -> Result<ShownUser, Failure> {
    let user_id = arguments.id(0, "userId")?;
    Ok(work.about(user_id).run::<EnableUser>(Ok(EnableInput::new(user_id))).await?.user)
}

pub(super) async fn invite(work: &mut Work<'_>, arguments: &Arguments) -> Result<Invited, Failure> {
    let delivers = arguments.options(1).delivers();
    let input = Input::new(arguments.value(0)).and_then(|input| InviteInput::new(input, Vec::new(), delivers));
    work.run::<InviteUser>(input).await
}

pub(super) async fn import(work: &mut Work<'_>, arguments: &Arguments) -> Result<Report, Failure> {
    let realm = work.realm();
    let input = ImportInput::read(realm, arguments.value(0))?;
    import::import(realm, input, &mut work.trail).await
}

pub(super) async fn get(work: &mut Work<'_>, arguments: &Arguments) -> Result<Option<ShownUser>, Failure> {
    users::get(work.realm(), arguments.id(0, "userId")?).await
}

pub(super) async fn find(work: &mut Work<'_>, arguments: &Arguments) -> Result<Option<ShownUser>, Failure> {
    users::find(work.realm(), arguments.text(0, "identifier")?).await
}

pub(super) async fn list(work: &mut Work<'_>, arguments: &Arguments) -> Result<UserList, Failure> {
    let text = |name| arguments.text_member(0, name);
    let page = Page {
        limit: arguments.limit(0)?,
        cursor: text("cursor")?.filter(|cursor| !cursor.contains(char::is_control)),
        identifier: text("identifier")?,
        search: text("search")?,
    };
    users::list(work.realm(), &page).await
}

/// Deletes a user. Returns `false` if there is no user with this id.
pub(super) async fn delete(work: &mut Work<'_>, arguments: &Arguments) -> Result<bool, Failure> {
    let user_id = arguments.id(0, "userId")?;
    let is_deleted = users::delete(work.realm(), user_id, &mut work.trail).await?;
    work.story = is_deleted.then_some(&users::DELETION);
    work.about(user_id);
    Ok(is_deleted)
}

pub(super) async fn export(work: &mut Work<'_>, arguments: &Arguments) -> Result<Option<Export>, Failure> {
    let user_id = arguments.id(0, "userId")?;
    let found = export::export(work.realm(), user_id).await?;
    if found.is_some() {
        work.story = Some(&export::STORY);
        work.about(user_id);
    }
    Ok(found)
}
