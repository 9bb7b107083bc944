//! The audit, for admins and bearers of an API key.

use super::description::{Description, answers, paging};
use super::schema::{list, object, one_of_types, text};
use super::value::{Access, Endpoint, Needs, Shows, enveloped};
use crate::error::ErrorCode as E;
use crate::failure::Failure;
use crate::http::call::Call;
use crate::http::envelope::Reply;
use crate::service::audit::{self, EntryPage};

/// `GET /audit`
pub static LIST_AUDIT: Endpoint = Endpoint {
    name: "listAudit",
    method: "GET",
    pattern: "/audit",
    access: Access::Admin,
    needs: Needs::Audit,
    shows: Shows::Nothing,
    story: None,
    describe: describe_audit,
    serve: |call| enveloped(list_audit(call)),
};

fn describe_audit() -> Description {
    let or_null = || one_of_types(&["string", "null"]);
    let entry = object(&[
        ("id", text()),
        ("at", text()),
        ("event", text()),
        ("actor", or_null()),
        ("subject", or_null()),
        ("session", or_null()),
        ("ip", or_null()),
        ("requestId", or_null()),
        ("fields", object(&[])),
    ]);
    let page = object(&[("entries", list(entry, 0)), ("nextCursor", or_null())]);
    let mut query = paging();
    query.push(("user", text(), "Only what is about the user of this id"));
    query.push(("event", text(), "Only this event"));
    answers("What was changed, newest first, in pages", 200, "OK", page).asked_by(query).or(&[E::ValidationError])
}

async fn list_audit(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let (limit, cursor) = (call.query_limit()?, call.query("cursor"));
    // If a filter that can't be read were ignored, the answer would show more than was asked for.
    let (user, event) = (call.query_text("user")?, call.query_text("event")?);
    let page = EntryPage { limit, cursor: cursor.as_deref(), user: user.as_deref(), event: event.as_deref() };
    Ok(Reply::ok("OK", audit::list(call.realm, &page).await?))
}
