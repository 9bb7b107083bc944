//! The programmatic calls: one typed way in for Rust (`service`), one by name for bindings, so that a new call
//! touches no binding.

use std::time::Instant;

use serde_json::{Value, json};

use crate::authentication::HostWord;
use crate::clock::to_iso;
use crate::crypto::Secret;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::server::{AuthServer, Start};
use crate::service::export;
use crate::service::factor_removal::RemoveFactors;
use crate::service::identifier_update::UpdateIdentifiers;
use crate::service::identifiers::{CreateIdentifiers, DeleteIdentifiers};
use crate::service::invitation::InviteUser;
use crate::service::login_code::RequestLoginCode;
use crate::service::password::SetPassword;
use crate::service::register::Register;
use crate::service::reset::{RequestPasswordReset, ResetPassword};
use crate::service::roles::AssignRoles;
use crate::service::story::{Ending, Story};
use crate::service::users::{self, Page};
use crate::service::{Caller, Trail, import, keys, sessions, setup};
use crate::use_case::{Context, Output as _, UseCase, run_builtin};

/// Arguments of a call, by position. `null` and absent are the same.
struct Arguments {
    list: Vec<Value>,
    /// The number of the host's transaction that the call shall be part of.
    transaction: Option<u32>,
}

impl Arguments {
    fn text(&self, index: usize, name: &str) -> Result<&str, Error> {
        match self.list.get(index) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            _ => Err(Error::validation(name, format!("{name} must be a string that is not empty"))),
        }
    }

    /// The id of something: no id has control characters, and not every database can be asked for one.
    fn id(&self, index: usize, name: &str) -> Result<&str, Error> {
        let id = self.text(index, name)?;
        if id.contains(char::is_control) {
            return Err(Error::validation(name, format!("{name} must not contain control characters")));
        }
        Ok(id)
    }

    fn value(&self, index: usize) -> Value {
        self.list.get(index).cloned().unwrap_or(Value::Null)
    }

    fn member<'a>(&'a self, index: usize, name: &str) -> Option<&'a Value> {
        self.list.get(index)?.get(name).filter(|value| !value.is_null())
    }

    fn text_member<'a>(&'a self, index: usize, name: &str) -> Result<Option<&'a str>, Error> {
        match self.member(index, name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Error::validation(name, format!("{name} must be a string"))),
        }
    }
}

/// A call at work: the events beside its result, and those of the use case behind it.
struct Work {
    trail: Trail,
    story: Option<&'static Story>,
}

impl AuthServer {
    /// Runs a programmatic call by its name in the host languages' API (camel case), with its arguments in order.
    ///
    /// `register` and the bulk identifier calls answer `{success: true, ...}` or `{success: false, error}` for what
    /// the caller can act on; everything else fails.
    ///
    /// # Errors
    /// The refusals of the call; `CONFIGURATION_ERROR` for an unknown name.
    pub async fn call(&self, method: &str, arguments: Value) -> Result<Value, Error> {
        self.call_within(None, method, arguments).await
    }

    /// [`AuthServer::call`] as a part of the host's transaction of that number (see [`crate::store::foreign`]), for
    /// `register` and the bulk identifier calls. Commit and rollback are the host's; what was refused is undone without
    /// undoing what the host did before it.
    ///
    /// # Errors
    /// As of `call`; `CONFIGURATION_ERROR` for another call, and where the database is not spoken to by the host.
    pub async fn call_within(&self, transaction: Option<u32>, method: &str, arguments: Value) -> Result<Value, Error> {
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
            // Hashing needs no database, so it works before the first migration and while the database is away.
            "hashPassword" | "verifyPassword" => {}
            _ => self.ready().await?,
        }
        let arguments = Arguments { list, transaction };
        let (mut work, started) = (Work { trail: Trail::new(&self.realm().telemetry), story: None }, Instant::now());
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
            "assignRoles" => {
                let mut result = self.operate_on::<AssignRoles>(arguments, "roles", work).await?;
                Ok(result["user"].take())
            }
            "setPassword" => {
                let (user_id, new) = (arguments.id(0, "userId")?, arguments.text(1, "newPassword")?);
                let input = json!({ "userId": user_id, "newPassword": new });
                self.operate::<SetPassword>(input, None, work).await
            }
            "removeFactors" => {
                let input = json!({ "userId": arguments.id(0, "userId")? });
                self.operate::<RemoveFactors>(input, None, work).await
            }
            "requestPasswordReset" => self.operate::<RequestPasswordReset>(asking(arguments)?, None, work).await,
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
            "exportUser" => null_for_nobody(export::export(realm, arguments.id(0, "userId")?).await),
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
                let key = keys::rotate(realm).await?;
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
            _ => Err(Error::configuration(format!("{method}() does not exist")).into()),
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

fn null_for_nobody(found: Result<Value, Failure>) -> Result<Value, Failure> {
    match found {
        Err(Failure::Refused(error)) if error.is(ErrorCode::UserNotFound) => Ok(Value::Null),
        other => other,
    }
}

/// The calls that answer with an outcome instead of failing.
fn is_outcome(method: &str) -> bool {
    matches!(method, "register" | "bulkCreateIdentifiers" | "bulkUpdateIdentifiers" | "bulkDeleteIdentifiers")
}

fn page_limit(value: Option<&Value>) -> Result<Option<u32>, Error> {
    value
        .map(|value| {
            let whole = value.as_u64().and_then(|n| u32::try_from(n).ok());
            whole.ok_or_else(|| Error::validation("limit", "limit must be a whole number"))
        })
        .transpose()
}
