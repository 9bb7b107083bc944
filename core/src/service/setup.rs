//! The set-up of a new server. The holder of a token that is shown at the start makes the first admin.

use serde::Serialize;
use serde_json::Value;

use super::audit::made;
use super::identifiers::{NewIdentifier, claims, normalize, read_new};
use super::input::Input;
use super::shown::{ShownIdentifier, ShownUser};
use super::story::{Facts, Story};
use super::{Realm, token_size};
use crate::clock::Iso;
use crate::crypto::{self, Secret, ShownSecret};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::{Failure, StoreError};
use crate::flow;
use crate::hook::Operation;
use crate::store::model::NewUser;
use crate::store::setup::{FirstAdmin, SetupToken};
use crate::use_case::{self, Context, Output, UseCase};

/// The lengths that a token of the operator's choice may have.
const TOKEN_LENGTHS: std::ops::RangeInclusive<usize> = 32..=256;

/// An open set-up: `{token?, expiresAt}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenSetup {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<ShownSecret>,
    expires_at: Iso,
}

impl OpenSetup {
    fn new(row: &SetupToken, token: Option<Secret<String>>) -> Self {
        Self { token: token.map(ShownSecret), expires_at: Iso(row.expires_at) }
    }
}

/// Opens the set-up, or returns `None` if an admin exists. Every process that has the signing key returns the same
/// token for an hour. The answer has no token if the operator chose it, here or in another process.
///
/// # Errors
/// `CONFIGURATION_ERROR` without the option `setup`; `VALIDATION_ERROR` for a token of a wrong length or with other
/// than printable ASCII characters; the store's failures.
pub async fn begin(realm: &Realm, given: Option<&str>) -> Result<Option<OpenSetup>, Failure> {
    if !realm.config.setup {
        return Err(Error::configuration("setup is off: without it nothing takes a token for the first admin").into());
    }
    if given.is_some_and(|token| !is_usable(token)) {
        let (least, most) = (TOKEN_LENGTHS.start(), TOKEN_LENGTHS.end());
        let message = format!("token must have {least} to {most} printable ASCII characters, and no spaces");
        return Err(Error::validation("token", message).into());
    }
    if realm.store.any_has_role(&realm.config.roles.admin).await? {
        return Ok(None);
    }
    for _ in 0..3 {
        let open = realm.store.find_setup(realm.now()).await?;
        if let Some(open) = open.filter(|open| given.is_none_or(|token| is_token_of(open, token))) {
            let derived = given.is_none().then(|| derived(realm, &open)).flatten();
            return Ok(Some(OpenSetup::new(&open, derived)));
        }
        let (row, derived) = make(realm, given)?;
        if realm.store.put_setup(&row, given.is_some(), realm.now()).await? {
            return Ok(Some(OpenSetup::new(&row, derived)));
        }
    }
    Err(StoreError::Conflict("other processes keep writing the set-up token".to_owned()).into())
}

fn is_usable(token: &str) -> bool {
    TOKEN_LENGTHS.contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_token_of(open: &SetupToken, token: &str) -> bool {
    flow::is_same_digest(&open.digest, &flow::token_digest(token))
}

/// Returns the token of an open set-up, unless the operator chose it.
fn derived(realm: &Realm, open: &SetupToken) -> Option<Secret<String>> {
    let token = realm.keys.get()?.setup_token(&open.nonce, &open.kid).filter(|token| is_token_of(open, token));
    token.map(Secret::new)
}

/// Makes the row of a set-up, for the given token or for a derived token.
fn make(realm: &Realm, given: Option<&str>) -> Result<(SetupToken, Option<Secret<String>>), Failure> {
    let now = realm.now();
    let nonce = flow::make_flow_id();
    let (derived, kid) = realm
        .keys
        .require()?
        .make_setup_token(&nonce, now)
        .map_err(|_| Failure::Internal("there is no key to derive a set-up token from".to_owned()))?;
    let digest = flow::token_digest(given.unwrap_or(&derived));
    let row = SetupToken { nonce, digest, kid, expires_at: now + flow::SETUP_LIFE };
    Ok((row, given.is_none().then(|| Secret::new(derived))))
}

/// Makes the first admin, by the token.
///
/// It fails with `NOT_FOUND` if there is an admin or no open token, `CODE_INVALID` for a wrong token,
/// `VALIDATION_ERROR`, `USER_ALREADY_EXISTS` and `SERVICE_UNAVAILABLE`.
pub struct Setup;

/// The input `{token, identifiers: [{type, value}], password}`.
pub struct SetupInput {
    token: Secret<String>,
    identifiers: Vec<NewIdentifier>,
    password: Secret<String>,
}

/// The first admin: `{user: {id, roles, identifiers}}`.
#[derive(Debug, Serialize)]
pub struct MadeAdmin {
    user: ShownUser,
}

impl Output for MadeAdmin {
    const SHAPE: &'static str = "{user: {id, roles, identifiers}}";

    /// The option `router` can't override this use case.
    fn read(_value: &Value) -> Option<Self> {
        None
    }

    fn tell(&self, facts: &mut Facts) {
        facts.user_id.get_or_insert_with(|| self.user.id.clone());
    }
}

impl use_case::Input for SetupInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        let secret = |name| input.text(name).map(|text| Secret::new(text.to_owned()));
        Ok(Self {
            token: secret("token")?,
            identifiers: read_new(input.member("identifiers"))?,
            password: secret("password")?,
        })
    }
}

impl UseCase for Setup {
    const NAME: Option<Operation> = None;
    const STORY: Story = Story { success: EventName::SetupSuccess, failure: Some(EventName::SetupFailure) };
    type Input = SetupInput;
    type Output = MadeAdmin;

    async fn run(context: &mut Context<'_>, input: SetupInput) -> Result<MadeAdmin, Failure> {
        let Context { realm, caller, trail } = context;
        let open = realm.store.find_setup(realm.now()).await?.ok_or_else(gone)?;
        // The token is checked first, so that a stranger learns no rule of the server and causes no password hash.
        if !is_token_of(&open, input.token.expose()) {
            return Err(ErrorCode::CodeInvalid.into());
        }
        let identifiers = normalize(realm, &input.identifiers)?;
        realm.config.password.check("password", input.password.expose())?;
        let rules = &realm.config.roles;
        let admin = rules.admin.iter().find(|role| rules.valid.contains(role));
        let roles: Vec<String> = rules.default.iter().chain(admin).cloned().collect();
        token_size::check_roles(realm, &roles)?;
        let hash = realm.hasher.on_behalf_of(caller.requester()).hash(input.password).await?;
        let claims = claims(identifiers.iter().map(|one| (one.kind.as_str(), one.value.as_str())));
        let (id, now) = (crypto::make_id(), realm.now());
        let user = NewUser { id, password_hash: Some(hash), roles, identifiers, claims, displaces: false, now };
        let store = realm.noting(&trail.author, || made(realm, EventName::SetupSuccess, &user))?;
        match store.create_first_admin(&user, &open.digest, &rules.admin).await? {
            FirstAdmin::Created => {}
            FirstAdmin::Taken => return Err(ErrorCode::UserAlreadyExists.into()),
            FirstAdmin::Gone => return Err(gone().into()),
        }
        let NewUser { id, roles, identifiers, .. } = user;
        let identifiers = identifiers.into_iter().map(ShownIdentifier::from).collect();
        Ok(MadeAdmin { user: ShownUser { id, roles, identifiers, disabled: None } })
    }
}

/// Returns the error of an unknown path.
fn gone() -> Error {
    Error::not_found("No such endpoint")
}
