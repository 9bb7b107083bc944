//! Registration of users.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::attempt::Attempt;
use super::audit::made;
use super::flows::{self, Asked};
use super::identifiers::{AnsweredIdentifier, NewIdentifier, claims, normalize, read_new};
use super::input::Input;
use super::pending_registration::{self, Registration};
use super::shown::UserRoles;
use super::story::{Facts, Story};
use super::{Realm, token_size};
use crate::access;
use crate::audit::Author;
use crate::cache::Settlement;
use crate::crypto::{self, Secret};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::Failure;
use crate::hook::Operation;
use crate::limit;
use crate::password::Requester;
use crate::store::Store;
use crate::store::model::{Identifier, NewUser};
use crate::use_case::{self, Context, Output, UseCase};

/// Registers a user. With the option `verification.required` the user is made once an address is proved, unless a
/// trusted caller registers the user.
///
/// It fails with `VALIDATION_ERROR`, `INVALID_ROLE`, `FORBIDDEN` if an untrusted caller asks for a role outside
/// `selfAssignableRoles`, `USER_ALREADY_EXISTS`, `RATE_LIMIT_EXCEEDED` and `SERVICE_UNAVAILABLE`.
pub struct Register;

/// The input `{identifiers: [{type, value}], password, roles?}`.
pub struct RegisterInput {
    identifiers: Vec<NewIdentifier>,
    password: Secret<String>,
    roles: Vec<String>,
}

/// `{user: {id, roles, identifiers}}`, or `{flow, expiresAt}` while an address is to be proved.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Registered {
    /// The user exists.
    User {
        /// The new user.
        user: RegisteredUser,
    },
    /// The registration waits for the proof of its address, or the address is taken.
    Pending(Box<Asked>),
}

/// A user who has registered: `{id, roles, identifiers}`.
#[derive(Serialize)]
pub struct RegisteredUser {
    #[serde(flatten)]
    user: UserRoles,
    identifiers: Vec<AnsweredIdentifier>,
}

impl use_case::Input for RegisterInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        let identifiers = read_new(input.member("identifiers"))?;
        let password = Secret::new(input.text("password")?.to_owned());
        Ok(Self { identifiers, password, roles: input.optional_strings("roles")?.unwrap_or_default() })
    }
}

impl Output for Registered {
    const SHAPE: &'static str = "{user: {id, roles, identifiers}}";

    fn read(value: &Value) -> Option<Self> {
        let Some(user) = value.get("user") else { return Asked::read(value).map(Box::new).map(Self::Pending) };
        let identifiers = AnsweredIdentifier::read_all(user.get("identifiers")?)?;
        Some(Self::User { user: RegisteredUser { user: UserRoles::read(user)?, identifiers } })
    }

    fn tell(&self, facts: &mut Facts) {
        match self {
            Self::User { user } => {
                facts.user_id.get_or_insert_with(|| user.user.id.clone());
            }
            Self::Pending(_) => facts.success = Some(EventName::RegisterRequested),
        }
    }
}

impl UseCase for Register {
    const NAME: Option<Operation> = Some(Operation::Register);
    const STORY: Story = Story { success: EventName::RegisterSuccess, failure: Some(EventName::RegisterFailure) };
    type Input = RegisterInput;
    type Output = Registered;

    async fn run(context: &mut Context<'_>, input: RegisterInput) -> Result<Registered, Failure> {
        let Context { realm, caller, trail } = context;
        let store = realm.store_for(caller)?;
        let identifiers = normalize(realm, &input.identifiers)?;
        realm.config.password.check("password", input.password.expose())?;
        let roles = if input.roles.is_empty() {
            realm.config.roles.default.clone()
        } else {
            access::check_assignable(&input.roles, &realm.config.roles, caller.trusted)?
        };
        token_size::check_roles(realm, &roles)?;
        let address = (!caller.trusted).then(|| limit::register_address(caller.bucket()));
        let attempt = Attempt::begin(realm, address.as_deref(), |limits| limits.register, "register", trail).await?;
        let outcome = match pending_registration::rules(realm, caller) {
            Some(rules) => {
                let registration = Registration { identifiers, password: input.password, roles: input.roles };
                let asked = pending_registration::ask(realm, caller, trail, rules, registration).await;
                asked.map(Box::new).map(Registered::Pending)
            }
            None => write(realm, caller.requester(), (&store, &trail.author), identifiers, input.password, roles).await,
        };
        // Failures of the server do not use up the caller's budget.
        let counts = matches!(outcome, Ok(_) | Err(Failure::Refused(Error { status: ..500, .. })));
        attempt.settle(if counts { Settlement::Counted } else { Settlement::Refunded }).await;
        outcome
    }
}

async fn write(
    realm: &Realm,
    requester: Requester,
    (store, author): (&Arc<dyn Store>, &Author),
    identifiers: Vec<Identifier>,
    password: Secret<String>,
    roles: Vec<String>,
) -> Result<Registered, Failure> {
    let hash = realm.hasher.on_behalf_of(requester).hash(password).await?;
    let claims = claims(identifiers.iter().map(|one| (one.kind.as_str(), one.value.as_str())));
    let (id, displaces, now) = (crypto::make_id(), flows::displaces(realm), realm.now());
    let user = NewUser { id, password_hash: Some(hash), roles, identifiers, claims, displaces, now };
    let store = realm.noting_on(store, author, || made(realm, EventName::RegisterSuccess, &user))?;
    if !store.create_user(&user).await? {
        return Err(ErrorCode::UserAlreadyExists.into());
    }
    let identifiers = user.identifiers.into_iter().map(Into::into).collect();
    let user = UserRoles { id: user.id, roles: user.roles };
    Ok(Registered::User { user: RegisteredUser { user, identifiers } })
}
