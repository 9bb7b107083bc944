//! Begins flows that a request asks for: their limits, rows and messages. The module `redeem` ends them.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Caller, Realm};
use crate::audit::{Author, Change};
use crate::cache::LimitVerdict;
use crate::clock::{Millis, to_iso};
use crate::config::messages::{MessageLimits, MessageRules, PageLink};
use crate::crypto::{Secret, make_id};
use crate::error::Error;
use crate::event::EventName;
use crate::failure::Failure;
use crate::flow::{self, FlowPurpose};
use crate::message::{Message, MessageKind};
use crate::store::model::{Flow, Identifier, StoredCode};
use crate::use_case::Output;
use crate::{identifier, limit};

/// Returns the option `messages`.
pub(super) fn rules(realm: &Realm) -> Result<&MessageRules, Error> {
    realm
        .config
        .messages
        .as_ref()
        .ok_or_else(|| Error::configuration("messages is missing: without it nothing that sends a message works"))
}

/// Whether only verified addresses count as taken, so that another user may claim an unverified one.
pub(super) fn displaces(realm: &Realm) -> bool {
    realm.config.messages.as_ref().is_some_and(|rules| rules.required.is_some())
}

/// The receiver of a message.
pub(super) struct Receiver<'a> {
    /// The id of the user; `None` if there is no user yet.
    pub user_id: Option<&'a str>,
    pub identifier: &'a Identifier,
}

impl<'a> Receiver<'a> {
    pub(super) const fn new(user_id: &'a str, identifier: &'a Identifier) -> Self {
        Self { user_id: Some(user_id), identifier }
    }
}

/// The data of a flow that take effect when it is spent.
#[derive(Default)]
pub(super) struct Waiting<'a> {
    /// The identifier that changes, if it is not the one that the message goes to.
    pub changes: Option<&'a Identifier>,
    /// The value of [`Flow::payload`].
    pub payload: String,
    /// The author of the request for the audit, if a user requests a message for another user.
    pub author: Option<&'a Author>,
}

/// The answer to a request for a flow: `{flow, expiresAt, message?}`. It is the same for existing and unknown
/// identifiers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    flow: String,
    expires_at: String,
    /// The message, if the caller's own code delivers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Message>,
    /// Whether the flow was written; `false` if a limit refused it.
    #[serde(skip)]
    pub(super) is_put: bool,
}

impl Output for Asked {
    const SHAPE: &'static str = "{flow, expiresAt}";

    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        Some(Self { flow: text("flow")?, expires_at: text("expiresAt")?, message: None, is_put: true })
    }
}

/// Counts one more message that the client's address asks for. A trusted caller is not counted.
///
/// # Errors
/// `RATE_LIMIT_EXCEEDED`.
pub(super) async fn limit_address(realm: &Realm, caller: &Caller) -> Result<(), Failure> {
    if caller.trusted {
        return Ok(());
    }
    let budget = limits(realm).address;
    match realm.cache.hit(&limit::key("message:address", caller.bucket()), budget).await {
        LimitVerdict::Granted { .. } => Ok(()),
        LimitVerdict::Exceeded { retry_after } => Err(limit::exceeded("messages", budget, retry_after).into()),
    }
}

fn limits(realm: &Realm) -> MessageLimits {
    realm.config.messages.as_ref().map_or_else(MessageLimits::default, |rules| rules.limits)
}

/// Whether one more message about the subject may go out.
async fn is_allowed(realm: &Realm, caller: &Caller, subject: &str) -> bool {
    if caller.trusted {
        return true;
    }
    let MessageLimits { minute, hour, .. } = limits(realm);
    for (name, budget) in [("message:minute", minute), ("message:hour", hour)] {
        let verdict = realm.cache.hit(&limit::key(name, subject), budget).await;
        if matches!(verdict, LimitVerdict::Exceeded { .. }) {
            return false;
        }
    }
    true
}

/// Begins a flow. Without a receiver it does the same work and gives the same answer, but the flow can't be spent. Over
/// a limit the answer is the same too, but nothing is written, replaced or sent.
///
/// # Errors
/// The store's failures, and a failure while the signing keys are not loaded.
pub(super) async fn begin(
    realm: &Realm,
    caller: &Caller,
    purpose: FlowPurpose,
    receiver: Option<Receiver<'_>>,
    subject: Subject,
) -> Result<Asked, Failure> {
    begin_with(realm, caller, purpose, receiver, subject, Waiting::default()).await
}

/// [`begin`], with the data that take effect when the flow is spent.
pub(super) async fn begin_with(
    realm: &Realm,
    caller: &Caller,
    purpose: FlowPurpose,
    receiver: Option<Receiver<'_>>,
    subject: Subject,
    waiting: Waiting<'_>,
) -> Result<Asked, Failure> {
    let (now, author) = (realm.now(), waiting.author);
    let is_allowed = is_allowed(realm, caller, &format!("{}:{}", purpose.as_str(), subject.sent)).await;
    let New { mut row, token, link, kind } = make(realm, purpose, receiver.as_ref(), subject.open, waiting);
    let code = flow::make_code();
    let (digest, kid) = realm.keys.require()?.digest_code(&row, &code, now).map_err(|_| no_key())?;
    row.code = Some(StoredCode { digest, kid, expires_at: now + flow::CODE_LIFE });
    // Over a limit the same statement runs and writes nothing, so its time does not reveal that two names belong to one
    // user.
    let most = if is_allowed { flow::MOST_OPEN } else { 0 };
    let sent = || row.user_id.as_deref().map(|id| Change::of(EventName::PasswordResetRequested, id));
    let store = match author {
        Some(author) => realm.noting(author, || Ok(sent()))?,
        None => Arc::clone(&realm.store),
    };
    let is_put = store.put_flow(&row, most).await?;
    let message = receiver.filter(|_| is_put).map(|to| {
        // A login has no token for a link. Its code works only together with the id of the flow, which only the client
        // that asked for it has.
        let token = Some(token).filter(|_| purpose != FlowPurpose::LoginCode);
        let secrets = Secrets { code: Some(code), token, link, expires_at: row.expires_at };
        message(realm, caller, kind, &to, Some(secrets))
    });
    Ok(Asked { flow: row.id, expires_at: to_iso(row.expires_at), message, is_put })
}

/// A new flow without a code, which is not written yet.
pub(super) struct New<'a> {
    pub row: Flow,
    pub token: String,
    pub link: Option<&'a PageLink>,
    pub kind: MessageKind,
}

/// Makes a new flow for a purpose, without writing it.
pub(super) fn make<'a>(
    realm: &'a Realm,
    purpose: FlowPurpose,
    receiver: Option<&Receiver<'_>>,
    subject: String,
    waiting: Waiting<'_>,
) -> New<'a> {
    let rules = realm.config.messages.as_ref();
    let link_of = |link: fn(&MessageRules) -> &Option<PageLink>| rules.and_then(|rules| link(rules).as_ref());
    let (kind, link) = match purpose {
        FlowPurpose::Reset => (MessageKind::PasswordReset, link_of(|rules| &rules.reset_link)),
        FlowPurpose::Verify => (MessageKind::Verify, link_of(|rules| &rules.verify_link)),
        FlowPurpose::Change => (MessageKind::ChangeConfirm, link_of(|rules| &rules.verify_link)),
        FlowPurpose::Invite => (MessageKind::Invitation, link_of(|rules| &rules.invite_link)),
        FlowPurpose::LoginCode => (MessageKind::LoginCode, link_of(|rules| &rules.login_link)),
    };
    // A flow without a link ends with its code. A longer life would only keep later flows from being opened.
    let life = if link.is_some() { purpose.life() } else { flow::CODE_LIFE };
    let (id, now, token) = (flow::make_flow_id(), realm.now(), flow::make_token());
    let user_id = receiver.and_then(|to| to.user_id);
    let about = waiting.changes.or_else(|| receiver.map(|to| to.identifier)).filter(|_| user_id.is_some());
    let row = Flow {
        purpose: purpose.as_str().to_owned(),
        user_id: user_id.map(str::to_owned),
        subject,
        token_digest: flow::token_digest(&token),
        code: None,
        attempts: 0,
        max_attempts: flow::MAX_ATTEMPTS,
        identifier_id: about.map_or_else(String::new, |one| one.id.clone()),
        address_digest: about.map_or_else(String::new, |one| flow::address_digest(&id, &one.kind, &one.value)),
        payload: Secret::new(waiting.payload),
        created_at: now,
        expires_at: now + life,
        id,
    };
    New { row, token, link, kind }
}

/// The secrets of a message.
pub(super) struct Secrets<'a> {
    pub code: Option<String>,
    pub token: Option<String>,
    pub link: Option<&'a PageLink>,
    pub expires_at: Millis,
}

impl Secrets<'_> {
    fn url(&self) -> Option<String> {
        let code = || Some(("code", self.code.as_ref()?));
        let (name, secret) = self.token.as_ref().map(|token| ("token", token)).or_else(code)?;
        Some(self.link?.with(name, secret))
    }
}

/// Makes a message. Without a link it carries the code alone.
pub(super) fn message(
    realm: &Realm,
    caller: &Caller,
    kind: MessageKind,
    to: &Receiver<'_>,
    secrets: Option<Secrets<'_>>,
) -> Message {
    let url = secrets.as_ref().and_then(Secrets::url);
    let expires_at = secrets.as_ref().map(|secrets| secrets.expires_at);
    let (code, token) = secrets.map_or((None, None), |secrets| (secrets.code, secrets.token));
    Message {
        id: make_id(),
        kind,
        channel: to.identifier.kind.clone(),
        to: to.identifier.value.clone(),
        code,
        token: token.filter(|_| url.is_some()),
        url,
        expires_at,
        user_id: to.user_id.map(str::to_owned),
        locale: realm.config.messages.as_ref().and_then(|rules| rules.locale.clone()),
        context: caller.hook_context(),
    }
}

/// The keys of the limits on flows: `open` for the number of open flows, `sent` for the number of messages.
pub(super) struct Subject {
    pub open: String,
    pub sent: String,
}

impl Subject {
    /// Counts messages by the name in all its spellings, even if it is deleted and added again. Open flows are counted
    /// by the identifier, so that a request for an unknown address takes no place of the user who registers the address
    /// later.
    ///
    /// # Errors
    /// A failure while the signing keys are not loaded.
    pub(super) fn of_spelling(
        realm: &Realm,
        identifier: Option<&Identifier>,
        normalized: &str,
    ) -> Result<Self, Failure> {
        let sent = digest(realm, normalized)?;
        Ok(Self { open: identifier.map_or_else(|| sent.clone(), |identifier| identifier.id.clone()), sent })
    }

    /// Counts messages and open flows by the user, or by the digest of a spelling that has no user.
    ///
    /// # Errors
    /// A failure while the signing keys are not loaded.
    pub(super) fn of_user(realm: &Realm, user_id: Option<&str>, normalized: &str) -> Result<Self, Failure> {
        let nobody = digest(realm, normalized)?;
        let open = user_id.map_or(nobody, str::to_owned);
        Ok(Self { sent: open.clone(), open })
    }
}

fn digest(realm: &Realm, normalized: &str) -> Result<String, Failure> {
    realm.keys.require()?.digest_spelling(&identifier::key(normalized), realm.now()).map_err(|_| no_key())
}

fn no_key() -> Failure {
    Failure::Internal("there is no key to keep a code by".to_owned())
}
