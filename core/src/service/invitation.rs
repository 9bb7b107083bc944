//! Users whom an admin makes. An invitation lets such a user set the first password.

use serde::Serialize;
use serde_json::Value;

use super::audit::made;
use super::flows::{self, New, Receiver, Secrets, Waiting};
use super::identifiers::{NewIdentifier, claims, normalize, read_new};
use super::input::Input;
use super::receivers::is_address;
use super::shown::{ShownIdentifier, ShownUser};
use super::story::{Facts, Story};
use super::{Realm, token_size};
use crate::access;
use crate::crypto;
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::flow::FlowPurpose;
use crate::hook::Operation;
use crate::message::Message;
use crate::store::model::{Identifier, NewUser};
use crate::use_case::{self, Context, Output, UseCase};

/// Makes a user without a password, and sends an invitation to the user's first e-mail address, or else phone number.
///
/// An untrusted caller can give an admin role only if the admin who asks has that role too. It fails with
/// `VALIDATION_ERROR`, `INVALID_ROLE`, `FORBIDDEN`, `USER_ALREADY_EXISTS`, and the store's failures.
pub struct InviteUser;

/// The input `{identifiers: [{type, value}], roles?, deliver?}`.
pub struct InviteInput {
    identifiers: Vec<NewIdentifier>,
    roles: Vec<String>,
    /// Whether sentri delivers the message; code of the host that sends it itself passes `false`.
    deliver: bool,
    /// The roles of the admin who asks; not used for a trusted caller.
    own: Vec<String>,
}

/// The result `{user: {id, roles, identifiers}, message?}`.
#[derive(Debug, Serialize)]
pub struct Invited {
    user: ShownUser,
    /// The message, if the caller delivers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

impl use_case::Input for InviteInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        Self::new(input, Vec::new(), input.delivers())
    }
}

impl InviteInput {
    /// Reads `{identifiers, roles?}`. `own` are the roles of the admin who asks.
    ///
    /// # Errors
    /// `VALIDATION_ERROR`.
    pub fn new(input: Input<'_>, own: Vec<String>, deliver: bool) -> Result<Self, Error> {
        let roles = input.optional_strings("roles")?.unwrap_or_default();
        Ok(Self { identifiers: read_new(input.member("identifiers"))?, roles, deliver, own })
    }
}

impl Output for Invited {
    const SHAPE: &'static str = "{user: {id, roles, identifiers}}";

    /// The option `router` can't override this use case.
    fn read(_value: &Value) -> Option<Self> {
        None
    }

    fn tell(&self, facts: &mut Facts) {
        facts.user_id = Some(self.user.id.clone());
    }
}

impl UseCase for InviteUser {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::UserInvited, failure: Some(EventName::UserInviteFailure) };
    type Input = InviteInput;
    type Output = Invited;

    async fn run(context: &mut Context<'_>, input: InviteInput) -> Result<Invited, Failure> {
        let Context { realm, caller, trail } = context;
        let delivers = input.deliver || !caller.trusted;
        if flows::rules(realm)?.invite_link.is_none() {
            return Err(Error::configuration("messages.links.invite is missing: an invitation is a link to it").into());
        }
        let identifiers = normalize(realm, &input.identifiers)?;
        let roles = roles(realm, &input, caller.trusted)?;
        let user_id = crypto::make_id();
        let to = Receiver::new(&user_id, receiver(&identifiers)?);
        // The message has no code, since no client holds the flow's id, which a code needs.
        let New { row, token, link, kind } =
            flows::make(realm, FlowPurpose::Invite, Some(&to), user_id.clone(), Waiting::default());
        let secrets = Secrets { code: None, token: Some(token), link, expires_at: row.expires_at };
        let message = flows::message(realm, caller, kind, &to, Some(secrets));
        let shown = identifiers.iter().map(ShownIdentifier::from).collect();
        let user = ShownUser { id: user_id.clone(), roles: roles.clone(), identifiers: shown, disabled: None };
        let claims = claims(identifiers.iter().map(|one| (one.kind.as_str(), one.value.as_str())));
        let (id, displaces, now) = (user_id, flows::displaces(realm), realm.now());
        let new = NewUser { id, password_hash: None, roles, identifiers, claims, displaces, now };
        let store = realm.noting(&trail.author, || made(realm, EventName::UserInvited, &new))?;
        if !store.invite_user(&new, &row).await? {
            return Err(ErrorCode::UserAlreadyExists.into());
        }
        let undelivered = (!delivers).then(|| message.clone());
        trail.messages.extend(delivers.then_some(message));
        Ok(Invited { user, message: undelivered })
    }
}

fn receiver(identifiers: &[Identifier]) -> Result<&Identifier, Error> {
    let first = |kind: &str| identifiers.iter().find(|one| is_address(one) && one.kind == kind);
    first("email").or_else(|| first("phone")).ok_or_else(|| {
        Error::validation("identifiers", "identifiers must have one of type email or phone, for the invitation")
    })
}

/// Returns the roles to give: those of the input, or the default roles.
fn roles(realm: &Realm, input: &InviteInput, is_trusted: bool) -> Result<Vec<String>, Failure> {
    let rules = &realm.config.roles;
    let roles = match &input.roles[..] {
        [] => rules.default.clone(),
        roles => access::check_assignable(roles, rules, true)?,
    };
    if let Some(role) = roles.iter().find(|role| !is_trusted && rules.admin.contains(role) && !input.own.contains(role))
    {
        let message = format!("Role '{role}' is one that only admins who have it give");
        return Err(Error::new(ErrorCode::Forbidden, message).into());
    }
    token_size::check_roles(realm, &roles)?;
    Ok(roles)
}
