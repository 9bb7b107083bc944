//! The set-up of a new server: the first admin, made by the holder of a token that was shown at the start.

use serde_json::{Value, json};

use super::audit::made;
use super::identifiers::{NewIdentifier, claims, describe, normalize, read_new};
use super::input::Input;
use super::story::{Facts, Story};
use super::{Realm, token_size};
use crate::clock::to_iso;
use crate::crypto::{self, Secret};
use crate::error::{Error, ErrorCode};
use crate::event::EventName;
use crate::failure::{Failure, StoreError};
use crate::flow;
use crate::hook::Operation;
use crate::store::model::NewUser;
use crate::store::setup::{FirstAdmin, SetupToken};
use crate::use_case::{self, Context, Output, UseCase};

/// The lengths that a given token may have.
const TOKEN_LENGTHS: std::ops::RangeInclusive<usize> = 32..=256;

/// Opens the set-up: `{token?, expiresAt}`, or `null` where an admin exists. Every process that has the signing key
/// answers the same token for an hour; `token` is missing where it was given, here or to another process.
///
/// # Errors
/// `CONFIGURATION_ERROR` without the option `setup`, `VALIDATION_ERROR` for a token that is too short; the store's.
pub async fn begin(realm: &Realm, given: Option<&str>) -> Result<Value, Failure> {
    if !realm.config.setup {
        return Err(Error::configuration("setup is off: without it nothing takes a token for the first admin").into());
    }
    if given.is_some_and(|token| !is_usable(token)) {
        let (least, most) = (TOKEN_LENGTHS.start(), TOKEN_LENGTHS.end());
        let message = format!("token must have {least} to {most} printable ASCII characters, and no spaces");
        return Err(Error::validation("token", message).into());
    }
    if realm.store.any_has_role(&realm.config.roles.admin).await? {
        return Ok(Value::Null);
    }
    for _ in 0..3 {
        let open = realm.store.find_setup(realm.now()).await?;
        if let Some(open) = open.filter(|open| given.is_none_or(|token| is_token_of(open, token))) {
            let derived = given.is_none().then(|| derived(realm, &open)).flatten();
            return Ok(opened(derived.as_deref(), &open));
        }
        let (row, derived) = make(realm, given)?;
        if realm.store.put_setup(&row, given.is_some(), realm.now()).await? {
            return Ok(opened(derived.as_deref(), &row));
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

/// The token of an open row, unless the operator chose the token.
fn derived(realm: &Realm, open: &SetupToken) -> Option<String> {
    realm.keys.get()?.setup_token(&open.nonce, &open.kid).filter(|token| is_token_of(open, token))
}

/// A row for the token that was given, or that is derived here.
fn make(realm: &Realm, given: Option<&str>) -> Result<(SetupToken, Option<String>), Failure> {
    let now = realm.now();
    let nonce = flow::make_flow_id();
    let (derived, kid) = realm
        .keys
        .require()?
        .make_setup_token(&nonce, now)
        .map_err(|_| Failure::Internal("there is no key to derive a set-up token from".to_owned()))?;
    let digest = flow::token_digest(given.unwrap_or(&derived));
    let row = SetupToken { nonce, digest, kid, expires_at: now + flow::SETUP_LIFE };
    Ok((row, given.is_none().then_some(derived)))
}

fn opened(token: Option<&str>, row: &SetupToken) -> Value {
    let mut opened = json!({ "expiresAt": to_iso(row.expires_at) });
    if let Some(token) = token {
        opened = json!({ "token": token, "expiresAt": to_iso(row.expires_at) });
    }
    opened
}

/// The first admin, by the token.
///
/// It fails with `NOT_FOUND` (there is an admin, or the token is spent or expired), `CODE_INVALID` (another token),
/// `VALIDATION_ERROR`, `USER_ALREADY_EXISTS` and `SERVICE_UNAVAILABLE`.
pub struct Setup;

/// `{token, identifiers: [{type, value}], password}`
pub struct SetupInput {
    token: Secret<String>,
    identifiers: Vec<NewIdentifier>,
    password: Secret<String>,
}

/// The first admin: `{user: {id, roles, identifiers}}`.
pub struct MadeAdmin {
    user_id: String,
    roles: Vec<String>,
    identifiers: Vec<Value>,
}

impl Output for MadeAdmin {
    const SHAPE: &'static str = "{user: {id, roles, identifiers}}";

    /// The option `router` can't override this use case.
    fn read(_value: &Value) -> Option<Self> {
        None
    }

    fn write(&self) -> Value {
        json!({ "user": { "id": self.user_id, "roles": self.roles, "identifiers": self.identifiers } })
    }

    fn tell(&self, facts: &mut Facts) {
        facts.user_id.get_or_insert_with(|| self.user_id.clone());
    }
}

impl use_case::Input for SetupInput {
    fn read(value: &Value) -> Result<Self, Error> {
        let input = Input::new(value)?;
        let secret = |name| input.text(name).map(|text| Secret::new(text.to_owned()));
        Ok(Self { token: secret("token")?, identifiers: read_new(&input)?, password: secret("password")? })
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
        // Before anything else is looked at, so that a stranger learns no rule and costs no hash.
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
        let identifiers = user.identifiers.iter().map(describe).collect();
        Ok(MadeAdmin { user_id: user.id, roles: user.roles, identifiers })
    }
}

/// The answer of a path that leads nowhere.
fn gone() -> Error {
    Error::not_found("No such endpoint")
}
