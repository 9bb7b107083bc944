//! Registration and the calls about a user's identifiers, which return an outcome.

use super::arguments::Arguments;
use super::call::Work;
use crate::failure::Failure;
use crate::service::identifier_update::{UpdateIdentifiers, UpdateInput};
use crate::service::identifiers::{ChangedIdentifiers, CreateIdentifiers, CreateInput, DeleteIdentifiers, DeleteInput};
use crate::service::register::{Register, RegisterInput, Registered};
use crate::use_case::{Done, Input as _};

pub(super) async fn register(work: &mut Work<'_>, arguments: &Arguments) -> Result<Registered, Failure> {
    work.run::<Register>(RegisterInput::read(arguments.value(0))).await
}

pub(super) async fn create(work: &mut Work<'_>, arguments: &Arguments) -> Result<ChangedIdentifiers, Failure> {
    let user_id = arguments.id(0, "userId")?;
    let input = CreateInput::new(user_id, arguments.value(1));
    work.about(user_id).run::<CreateIdentifiers>(input).await
}

pub(super) async fn update(work: &mut Work<'_>, arguments: &Arguments) -> Result<ChangedIdentifiers, Failure> {
    let user_id = arguments.id(0, "userId")?;
    let input = UpdateInput::new(user_id, arguments.value(1));
    work.about(user_id).run::<UpdateIdentifiers>(input).await
}

pub(super) async fn delete(work: &mut Work<'_>, arguments: &Arguments) -> Result<Done, Failure> {
    let user_id = arguments.id(0, "userId")?;
    let input = DeleteInput::new(user_id, arguments.value(1));
    work.about(user_id).run::<DeleteIdentifiers>(input).await
}
