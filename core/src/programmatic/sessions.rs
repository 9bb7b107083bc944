//! Calls about sessions.

use serde::Serialize;

use super::arguments::Arguments;
use super::call::Work;
use crate::authentication::HostWord;
use crate::failure::Failure;
use crate::service::Caller;
use crate::service::issued::Issued;
use crate::service::sessions::{self, ShownSession};

/// The answer of `createSession`: `{accessToken, refreshToken, user: {id, roles}, sessionId}`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Created {
    #[serde(flatten)]
    issued: Issued,
    session_id: Option<String>,
}

pub(super) async fn create(work: &mut Work<'_>, arguments: &Arguments) -> Result<Created, Failure> {
    let caller = Caller {
        ip: arguments.text_member(1, "ip")?.map(str::to_owned),
        user_agent: arguments.text_member(1, "userAgent")?.map(str::to_owned),
        ..Caller::host()
    };
    let user_id = arguments.id(0, "userId")?;
    let issued = sessions::create(work.realm(), user_id, HostWord::given(), &caller, &mut work.trail).await?;
    Ok(Created { session_id: issued.session_id.clone(), issued })
}

pub(super) async fn list(work: &mut Work<'_>, arguments: &Arguments) -> Result<Vec<ShownSession>, Failure> {
    sessions::list(work.realm(), arguments.id(0, "userId")?, None).await
}

/// Ends a session. Returns `false` if there is no live session with this id.
pub(super) async fn revoke(work: &mut Work<'_>, arguments: &Arguments) -> Result<bool, Failure> {
    sessions::revoke(work.realm(), arguments.id(0, "sessionId")?, None, &mut work.trail).await
}

/// Ends all sessions of a user, and returns their number.
pub(super) async fn revoke_all(work: &mut Work<'_>, arguments: &Arguments) -> Result<usize, Failure> {
    sessions::revoke_all(work.realm(), arguments.id(0, "userId")?, &mut work.trail).await
}
