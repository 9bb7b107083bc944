//! The programmatic calls: typed for Rust (`service`), and by name for bindings, so a new call changes no binding.

mod arguments;
mod counted;
mod names;

use std::time::Instant;

use serde_json::{Value, json};

use arguments::{Arguments, page_limit};
pub use names::CALLS;

use crate::audit::{Actor, Author};
use crate::authentication::HostWord;
use crate::clock::to_iso;
use crate::crypto::Secret;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::server::{AuthServer, Start};
use crate::service::audit::{self, EntryPage};
use crate::service::disabling::{DisableUser, EnableUser};
use crate::service::export;
use crate::service::factor_removal::RemoveFactors;
use crate::service::identifier_update::UpdateIdentifiers;
use crate::service::identifiers::{CreateIdentifiers, DeleteIdentifiers};
use crate::service::invitation::InviteUser;
use crate::service::login_code::RequestLoginCode;
use crate::service::password::SetPassword;
use crate::service::register::Register;
use crate::service::reset::{RequestPasswordReset, ResetPassword, SendPasswordReset};
use crate::service::roles::AssignRoles;
use crate::service::story::{Ending, Story};
use crate::service::users::{self, Page};
use crate::service::{Caller, Trail, import, keys, sessions, setup};
use crate::use_case::{Context, Output as _, UseCase, run_builtin};

/// A call at work: the events beside its result, and those of the use case behind it.
struct Work {
    trail: Trail,
    story: Option<&'static Story>,
}

impl AuthServer {
    /// Runs a programmatic call by its name in the host languages' API (camel case), with its arguments in order.
    ///
    /// `register` and the bulk identifier calls answer `{success: true, ...}` or `{success: false, error}` for errors
    /// that the caller can act on; other errors fail.
    ///
    /// # Errors
    /// The refusals of the call; `CONFIGURATION_ERROR` for an unknown name.
    pub async fn call(&self, method: &str, arguments: Value) -> Result<Value, Error> {
        self.call_within(None, method, arguments).await
    }

    /// [`AuthServer::call_within`], which counts it, of a call that there is.
    async fn answer(&self, transaction: Option<u32>, method: &str, arguments: Value) -> Result<Value, Error> {
        if transaction.is_some() && !is_outcome(method) {
            return Err(Error::configuration(format!("{method}() takes no trx")));
        }
        let Value::Array(list) = arguments else {
            return Err(Error::validation("arguments", "a text in the arguments is no well-formed Unicode"));
        };
        match method {
            "describeRedis" => return self.describe_redis().await.map(Value::from),
            "health" => return Ok(self.health().await),
            "migrate" => return self.start(Start::Migrate, list.first().unwrap_or(&Value::Null)).await,
            "ready" => return self.start(Start::Ready, list.first().unwrap_or(&Value::Null)).await,
            "close" => {
                self.close().await;
                return Ok(Value::Null);
            }
            "serveCommandLine" => {
                self.realm().command_line.begin();
                return Ok(Value::Null);
            }
            // Hashing needs no database, so it works before the first migration and while the database is away.
            "hashPassword" | "verifyPassword" => {}
            _ => {
                self.ready().await?;
                self.realm().look_for_audit().await.map_err(|failure| self.public(failure))?;
            }
        }
        let arguments = Arguments { list, transaction };
        let actor = if self.realm().command_line.is_here() { Actor::Cli } else { Actor::Code };
        let trail = Trail::new(&self.realm().telemetry).by(Author { actor, ..Author::default() });
        let (mut work, started) = (Work { trail, story: None }, Instant::now());
        let result = self.dispatch(method, &arguments, &mut work).await;
        self.realm().log_later(std::mem::take(&mut work.trail.events));
        self.realm().outbox.lock().append(&mut work.trail.messages);
        let result = result.map_err(|failure| self.public(failure));
        self.leave_event(&work, result.as_ref().err(), started);
        match result {
            Err(error) if is_outcome(method) && error.status < 500 => Ok(json!({
                "success": false,
                "error": { "code": error.code, "message": error.message, "statusCode": error.status },
            })),
            Ok(mut value) if is_outcome(method) => {
                let mut outcome = json!({ "success": true });
                if let (Some(outcome), Some(members)) = (outcome.as_object_mut(), value.as_object_mut()) {
                    outcome.append(members);
                }
                Ok(outcome)
            }
            other => other,
        }
    }

    /// Leaves the event of the use case behind a call, the same as that of an endpoint.
    fn leave_event(&self, work: &Work, error: Option<&Error>, started: Instant) {
        if work.story.is_none() {
            return;
        }
        let details = error.and_then(|error| error.details.as_ref());
        let cause = details.and_then(|details| details.get("cause")).and_then(Value::as_str);
        let ending = Ending { error, cause, took: started.elapsed() };
        self.realm().log_later(work.trail.story(work.story, &ending));
    }

    #[expect(clippy::too_many_lines, reason = "a table: a line or two a method")]
    async fn dispatch(&self, method: &str, arguments: &Arguments, work: &mut Work) -> Result<Value, Failure> {
        let realm = self.realm();
        match method {
            "register" => self.operate::<Register>(arguments.value(0), arguments.transaction, work).await,
            "bulkCreateIdentifiers" => self.operate_on::<CreateIdentifiers>(arguments, "identifiers", work).await,
            "bulkUpdateIdentifiers" => self.operate_on::<UpdateIdentifiers>(arguments, "identifiers", work).await,
            "bulkDeleteIdentifiers" => self.operate_on::<DeleteIdentifiers>(arguments, "ids", work).await,
            "assignRoles" => self.operate_on::<AssignRoles>(arguments, "roles", work).await.map(user_of),
            "setPassword" => {
                let (user_id, new) = (arguments.id(0, "userId")?, arguments.text(1, "newPassword")?);
                let input = json!({ "userId": user_id, "newPassword": new });
                self.operate::<SetPassword>(input, None, work).await
            }
            "removeFactors" => self.operate_on_user::<RemoveFactors>(arguments, &[], work).await,
            "disableUser" => {
                self.operate_on_user::<DisableUser>(arguments, &["reason", "until"], work).await.map(user_of)
            }
            "enableUser" => self.operate_on_user::<EnableUser>(arguments, &[], work).await.map(user_of),
            "requestPasswordReset" => self.operate::<RequestPasswordReset>(asking(arguments)?, None, work).await,
            "sendPasswordReset" => {
                let deliver = arguments.member(1, "deliver").cloned();
                let input = json!({ "userId": arguments.id(0, "userId")?, "deliver": deliver });
                self.operate::<SendPasswordReset>(input, None, work).await
            }
            "inviteUser" => {
                let mut input = arguments.value(0);
                if let Some(members) = input.as_object_mut() {
                    members.insert("deliver".to_owned(), arguments.member(1, "deliver").cloned().into());
                }
                self.operate::<InviteUser>(input, None, work).await
            }
            "requestLoginCode" => self.operate::<RequestLoginCode>(asking(arguments)?, None, work).await,
            "importUsers" => import::import(realm, &arguments.value(0), &mut work.trail).await,
            "beginSetup" => setup::begin(realm, arguments.text_member(0, "token")?).await,
            "resetPassword" => self.operate::<ResetPassword>(arguments.value(0), None, work).await,
            "getUser" => null_for_nobody(users::get(realm, arguments.id(0, "userId")?).await),
            "findUser" => users::find(realm, arguments.text(0, "identifier")?).await,
            "listUsers" => {
                let page = Page {
                    limit: page_limit(arguments.member(0, "limit"))?,
                    cursor: arguments.text_member(0, "cursor")?.filter(|cursor| !cursor.contains(char::is_control)),
                    identifier: arguments.text_member(0, "identifier")?,
                    search: arguments.text_member(0, "search")?,
                };
                users::list(realm, &page).await
            }
            "deleteUser" => {
                let user_id = arguments.id(0, "userId")?;
                let is_deleted = users::delete(realm, user_id, &mut work.trail).await?;
                work.story = is_deleted.then_some(&users::DELETION);
                work.trail.facts.user_id = Some(user_id.to_owned());
                Ok(is_deleted.into())
            }
            "listAudit" => {
                let text = |name| arguments.text_member(0, name);
                let limit = page_limit(arguments.member(0, "limit"))?;
                let page = EntryPage { limit, cursor: text("cursor")?, user: text("user")?, event: text("event")? };
                audit::list(realm, &page).await
            }
            "exportUser" => {
                let user_id = arguments.id(0, "userId")?;
                let found = null_for_nobody(export::export(realm, user_id).await)?;
                if !found.is_null() {
                    work.story = Some(&export::STORY);
                    work.trail.facts.user_id = Some(user_id.to_owned());
                }
                Ok(found)
            }
            "createSession" => {
                let caller = Caller {
                    ip: arguments.text_member(1, "ip")?.map(str::to_owned),
                    user_agent: arguments.text_member(1, "userAgent")?.map(str::to_owned),
                    ..Caller::host()
                };
                let user_id = arguments.id(0, "userId")?;
                let issued = sessions::create(realm, user_id, HostWord::given(), &caller, &mut work.trail).await?;
                let mut session = issued.write();
                session["sessionId"] = issued.session_id.into();
                Ok(session)
            }
            "listSessions" => sessions::list(realm, arguments.id(0, "userId")?, None).await,
            "revokeSession" => {
                sessions::revoke(realm, arguments.id(0, "sessionId")?, None, &mut work.trail).await.map(Value::from)
            }
            "revokeSessions" => {
                sessions::revoke_all(realm, arguments.id(0, "userId")?, &mut work.trail).await.map(Value::from)
            }
            "rotateKeys" => {
                let key = keys::rotate(realm, &work.trail.author).await?;
                work.trail.note(EventName::KeysRotated, |event| event.with("kid", key.kid.as_str()));
                Ok(json!({ "kid": key.kid, "activeFrom": to_iso(key.active_from) }))
            }
            "listKeys" => Ok(self.list_keys().await?),
            "hashPassword" => {
                let password = arguments.text(0, "password")?;
                let hash = realm.hasher.hash(Secret::new(password.to_owned())).await?;
                Ok(hash.expose().as_str().into())
            }
            "verifyPassword" => {
                let (password, hash) = (arguments.text(0, "password")?, arguments.text(1, "hash")?);
                let matches =
                    realm.hasher.verify(Secret::new(password.to_owned()), Some(Secret::new(hash.to_owned()))).await?;
                Ok(matches.into())
            }
            _ => Err(unknown(method).into()),
        }
    }

    async fn operate<U: UseCase>(
        &self,
        input: Value,
        transaction: Option<u32>,
        work: &mut Work,
    ) -> Result<Value, Failure> {
        let caller = Caller { transaction, ..Caller::host() };
        work.story = Some(&U::STORY);
        work.trail.facts.user_id = input.get("userId").and_then(Value::as_str).map(str::to_owned);
        let mut context = Context { realm: self.realm(), caller: &caller, trail: &mut work.trail };
        run_builtin::<U>(&mut context, &input).await.map(|output| output.write())
    }

    /// [`Self::operate`] on a user, with these members of the options behind the id.
    async fn operate_on_user<U: UseCase>(
        &self,
        arguments: &Arguments,
        members: &[&str],
        work: &mut Work,
    ) -> Result<Value, Failure> {
        let mut input = json!({ "userId": arguments.id(0, "userId")? });
        for name in members {
            input[*name] = arguments.member(1, name).cloned().into();
        }
        self.operate::<U>(input, None, work).await
    }

    async fn operate_on<U: UseCase>(
        &self,
        arguments: &Arguments,
        member: &str,
        work: &mut Work,
    ) -> Result<Value, Failure> {
        let mut input = json!({ "userId": arguments.id(0, "userId")? });
        input[member] = arguments.value(1);
        self.operate::<U>(input, arguments.transaction, work).await
    }
}

/// The input of a call that sends a message: an identifier, and whether it is delivered.
fn asking(arguments: &Arguments) -> Result<Value, Error> {
    let deliver = arguments.member(1, "deliver").cloned();
    Ok(json!({ "identifier": arguments.text(0, "identifier")?, "deliver": deliver }))
}

/// The member `user` of a result, which is all of it.
fn user_of(mut result: Value) -> Value {
    result["user"].take()
}

fn null_for_nobody(found: Result<Value, Failure>) -> Result<Value, Failure> {
    match found {
        Err(Failure::Refused(error)) if error.is(ErrorCode::UserNotFound) => Ok(Value::Null),
        other => other,
    }
}

fn unknown(method: &str) -> Error {
    Error::configuration(format!("{method}() does not exist"))
}

/// The calls that answer with an outcome instead of failing.
fn is_outcome(method: &str) -> bool {
    matches!(method, "register" | "bulkCreateIdentifiers" | "bulkUpdateIdentifiers" | "bulkDeleteIdentifiers")
}
