//! Calls about the means by which users log in: passwords, codes of messages, and second factors.

use super::arguments::Arguments;
use super::call::Work;
use crate::crypto::{Secret, ShownSecret};
use crate::failure::Failure;
use crate::service::factor_removal::{RemoveAllInput, RemoveFactors};
use crate::service::flows::Asked;
use crate::service::login_code::RequestLoginCode;
use crate::service::password::{SetInput, SetPassword};
use crate::service::reset::{
    RequestInput, RequestPasswordReset, ResetInput, ResetPassword, SendInput, SendPasswordReset,
};
use crate::use_case::{Done, Input as _};

pub(super) async fn set(work: &mut Work<'_>, arguments: &Arguments) -> Result<Done, Failure> {
    let (user_id, new) = (arguments.id(0, "userId")?, arguments.text(1, "newPassword")?);
    work.about(user_id).run::<SetPassword>(Ok(SetInput::new(user_id, new))).await
}

pub(super) async fn remove_factors(work: &mut Work<'_>, arguments: &Arguments) -> Result<Done, Failure> {
    let user_id = arguments.id(0, "userId")?;
    work.about(user_id).run::<RemoveFactors>(Ok(RemoveAllInput::new(user_id))).await
}

pub(super) async fn request_reset(work: &mut Work<'_>, arguments: &Arguments) -> Result<Asked, Failure> {
    work.run::<RequestPasswordReset>(Ok(asking(arguments)?)).await
}

pub(super) async fn request_login_code(work: &mut Work<'_>, arguments: &Arguments) -> Result<Asked, Failure> {
    work.run::<RequestLoginCode>(Ok(asking(arguments)?)).await
}

fn asking(arguments: &Arguments) -> Result<RequestInput, Failure> {
    Ok(RequestInput::new(arguments.text(0, "identifier")?, arguments.options(1).delivers()))
}

pub(super) async fn send_reset(work: &mut Work<'_>, arguments: &Arguments) -> Result<Asked, Failure> {
    let user_id = arguments.id(0, "userId")?;
    let input = SendInput::new(user_id, arguments.options(1).delivers());
    work.about(user_id).run::<SendPasswordReset>(Ok(input)).await
}

pub(super) async fn reset(work: &mut Work<'_>, arguments: &Arguments) -> Result<Done, Failure> {
    work.run::<ResetPassword>(ResetInput::read(arguments.value(0))).await
}

/// Hashes a password. It needs no database, so it works before the first migration and while the database is
/// unavailable.
pub(super) async fn hash(work: &mut Work<'_>, arguments: &Arguments) -> Result<ShownSecret, Failure> {
    let password = Secret::new(arguments.text(0, "password")?.to_owned());
    work.realm().hasher.hash(password).await.map(ShownSecret)
}

pub(super) async fn verify(work: &mut Work<'_>, arguments: &Arguments) -> Result<bool, Failure> {
    let (password, hash) = (arguments.text(0, "password")?, arguments.text(1, "hash")?);
    let (password, hash) = (Secret::new(password.to_owned()), Secret::new(hash.to_owned()));
    work.realm().hasher.verify(password, Some(hash)).await
}
