//! Calls about the server: its start and end, its keys, its set-up, and its audit.

use serde_json::Value;

use super::arguments::Arguments;
use super::call::Work;
use crate::event::EventName;
use crate::failure::Failure;
use crate::server::Start;
use crate::service::audit::{self, EntryList, EntryPage};
use crate::service::keys::{self, ListedKey, RotatedKey};
use crate::service::setup::{self, OpenSetup};

pub(super) async fn migrate(work: &mut Work<'_>, arguments: &Arguments) -> Result<Value, Failure> {
    Ok(work.server.start(Start::Migrate, arguments.value(0)).await?)
}

pub(super) async fn ready(work: &mut Work<'_>, arguments: &Arguments) -> Result<Value, Failure> {
    Ok(work.server.start(Start::Ready, arguments.value(0)).await?)
}

pub(super) async fn close(work: &mut Work<'_>) -> Result<(), Failure> {
    work.server.close().await;
    Ok(())
}

pub(super) async fn serve_command_line(work: &mut Work<'_>) -> Result<(), Failure> {
    work.realm().command_line.begin();
    Ok(())
}

pub(super) async fn health(work: &mut Work<'_>) -> Result<Value, Failure> {
    Ok(work.server.health().await)
}

pub(super) async fn describe_redis(work: &mut Work<'_>) -> Result<Option<String>, Failure> {
    Ok(work.server.describe_redis().await?)
}

pub(super) async fn begin_setup(work: &mut Work<'_>, arguments: &Arguments) -> Result<Option<OpenSetup>, Failure> {
    setup::begin(work.realm(), arguments.text_member(0, "token")?).await
}

pub(super) async fn list_audit(work: &mut Work<'_>, arguments: &Arguments) -> Result<EntryList, Failure> {
    let (text, limit) = (|name| arguments.text_member(0, name), arguments.limit(0)?);
    let page = EntryPage { limit, cursor: text("cursor")?, user: text("user")?, event: text("event")? };
    audit::list(work.realm(), &page).await
}

pub(super) async fn list_keys(work: &mut Work<'_>) -> Result<Vec<ListedKey>, Failure> {
    Ok(work.server.list_keys().await?)
}

pub(super) async fn rotate_keys(work: &mut Work<'_>) -> Result<RotatedKey, Failure> {
    let key = keys::rotate(work.realm(), &work.trail.author).await?;
    work.trail.note(EventName::KeysRotated, |event| event.with("kid", key.kid.as_str()));
    Ok(key)
}
