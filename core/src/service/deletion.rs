//! The deletion of an account by its user.

use super::audit::spent_with;
use super::reauthenticate::{Asker, ProvenWrite, ReauthenticateInput, find, prove_again};
use super::revocation::ended;
use super::{Realm, users};
use crate::audit::Author;
use crate::authentication::Proven;
use crate::cache::Revocation;
use crate::error::{Error, ErrorCode};
use crate::failure::Failure;
use crate::hook::Operation;
use crate::service::story::Story;
use crate::store::account::{AccountDeletion, Deleted};
use crate::store::model::Identifier;
use crate::use_case::{Context, Done, UseCase};

/// Deletes a user with everything that belongs to the user; audit entries stay. The user needs an open session and must
/// prove their identity again.
///
/// It fails as [`super::reauthenticate::Reauthenticate`] does, and with `FORBIDDEN` for holders of an admin role if the
/// option `administration` is on.
pub struct DeleteAccount;

impl UseCase for DeleteAccount {
    const NAME: Option<Operation> = None;
    const STORY: Story = users::DELETION;
    type Input = ReauthenticateInput;
    type Output = Done;

    async fn run(context: &mut Context<'_>, input: ReauthenticateInput) -> Result<Done, Failure> {
        let Context { realm, caller, trail } = context;
        let ReauthenticateInput { user_id, session_id, by } = input;
        let roles = find(realm, &session_id, &user_id).await?.roles;
        // This check comes before the proof, so that a refused user spends no code. The write checks the roles again.
        if roles.iter().any(|role| kept_roles(realm).contains(role)) {
            return Err(stays().into());
        }
        let live = realm.store.list_sessions(&user_id, realm.now()).await?;
        let asker = Asker { realm, caller, user_id: &user_id };
        let identifiers = realm.audited_identifiers(&user_id).await?;
        let erasure = Erasure { session_id: &session_id, author: trail.author.clone(), identifiers };
        prove_again(&asker, by, &erasure, trail).await?;
        let ids: Vec<String> = live.into_iter().map(|session| session.id).collect();
        trail.sessions_revoked(&user_id, &ids);
        Ok(Done)
    }
}

/// Returns the roles whose holders can't delete themselves by an endpoint, so that an admin always remains.
fn kept_roles(realm: &Realm) -> &[String] {
    if realm.config.administration { &realm.config.roles.admin } else { &[] }
}

fn stays() -> Error {
    Error::new(ErrorCode::Forbidden, "An admin can't delete their own account: another admin can")
}

struct Erasure<'a> {
    session_id: &'a str,
    author: Author,
    identifiers: Vec<Identifier>,
}

impl ProvenWrite for Erasure<'_> {
    type Done = ();

    async fn write(&self, realm: &Realm, user: &Proven) -> Result<Option<()>, Failure> {
        let deletion = AccountDeletion {
            user_id: user.user_id(),
            session_id: self.session_id,
            expected: user.expected(),
            kept_roles: kept_roles(realm),
            remembered_until: users::remembered_until(realm),
        };
        let store = realm.noting(&self.author, || {
            let deletion = realm.deletion_of(user.user_id(), &self.identifiers)?;
            Ok(deletion.into_iter().chain(spent_with(user)))
        })?;
        let write = store.delete_account(&deletion, realm.now());
        match realm.revoking(Revocation::User(user.user_id().to_owned()), write).await? {
            Deleted::Done => Ok(Some(())),
            Deleted::Changed => Ok(None),
            Deleted::Ended => Err(ended().into()),
            Deleted::Kept => Err(stays().into()),
            Deleted::Spent => Err(ErrorCode::CodeInvalid.into()),
        }
    }
}
