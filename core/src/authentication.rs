//! Proofs of identity, and the policy that decides whether they are enough for a session. Pure.
//!
//! Only code that has verified something can make a proof. [`PasswordProof`] comes from a verified password hash,
//! [`SentCode`] from the code of a message, [`FactorProof`] from the code of a second factor, [`EarlierProof`] from the
//! flow that a password or a sent code began, and [`HostWord`] from a programmatic call. A new kind of factor is a new
//! kind of proof and a new arm of [`next`].

use std::ops::Deref;

use crate::assurance::Method;
use crate::clock::Millis;
use crate::crypto::Secret;
use crate::factor::{recovery, totp};
use crate::password::PasswordProof;
use crate::store::model::{Expected, Factor, FactorAttempt, Flow, Identifier, Spending, Unspent, UsedCode, UsedFactor};

/// The word of the application, which has authenticated a user by its own means.
#[derive(Debug)]
pub struct HostWord(());

impl HostWord {
    /// Takes the word of the application's own code. Only programmatic calls may call this, and a test checks that.
    pub(crate) const fn given() -> Self {
        Self(())
    }
}

/// The proof behind an open flow of the purpose `mfa`: a password, or a code that was sent. Nothing else begins such a
/// flow. The flow is spent in the write that makes the session.
#[derive(Debug)]
pub struct EarlierProof {
    flow_id: String,
    method: Method,
}

impl EarlierProof {
    /// Returns the proof behind the flow that an attempt was counted for. `None`: the attempt had no flow, or the flow
    /// names no known method.
    #[must_use]
    pub fn of(attempt: &FactorAttempt) -> Option<Self> {
        let FactorAttempt::Counted { flow_id: Some(flow_id), begun_by, .. } = attempt else { return None };
        let method = FIRST.into_iter().find(|method| method.as_str() == begun_by)?;
        Some(Self { flow_id: flow_id.clone(), method })
    }

    /// Whether the proof was the password.
    #[must_use]
    pub const fn is_password(&self) -> bool {
        matches!(self.method, Method::Pwd)
    }
}

/// The methods by which a login begins.
const FIRST: [Method; 3] = [Method::Pwd, Method::Email, Method::Sms];

/// A right code of a message to an identifier of the user. Its flow is spent in the write that the proof permits.
///
/// The code proves control over that identifier. If no identifier of the account was verified before, it takes the
/// account over. The party that registered the account never proved control over the address, so its sessions, factors
/// and password must not stay.
#[derive(Debug)]
pub struct SentCode {
    flow: Flow,
    identifier: Identifier,
    takes_over: bool,
}

impl SentCode {
    /// Takes the code of `flow`, which was right and went to `identifier`. Only the module that verifies codes may call
    /// this, and a test checks that.
    #[must_use]
    pub const fn of(flow: Flow, identifier: Identifier, takes_over: bool) -> Self {
        Self { flow, identifier, takes_over }
    }

    fn method(&self) -> Method {
        if self.identifier.kind == "phone" { Method::Sms } else { Method::Email }
    }

    fn spending(&self) -> Spending<'_> {
        // A take-over also removes the password, since another party than the reader of the messages may have set it.
        let new_hash = self.takes_over.then_some("");
        let (flow, proves, takes_over) = (&self.flow, Some(&self.identifier), self.takes_over);
        Spending { flow, by_code: true, proves, new_hash, takes_over }
    }
}

/// The code of a second factor. The store makes sure, in the write that the proof permits, that it is used once.
#[derive(Debug)]
pub struct FactorProof {
    attempt_id: String,
    code: ProvedCode,
}

#[derive(Debug)]
enum ProvedCode {
    Totp { factor_id: String, step: i64 },
    Recovery(String),
}

impl FactorProof {
    /// Verifies a code of an authenticator app by the app's opened secret. `attempt_id` is the id of the attempt that
    /// was counted for the code. `None`: the factor is not confirmed, the code is wrong, or its time step has been used
    /// already.
    #[must_use]
    pub fn by_totp(
        attempt_id: &str,
        factor: &Factor,
        secret: &Secret<String>,
        code: &str,
        now: Millis,
    ) -> Option<Self> {
        factor.confirmed_at?;
        let step = totp::find_step(secret, code, factor.last_step, now)?;
        let code = ProvedCode::Totp { factor_id: factor.id.clone(), step };
        Some(Self { attempt_id: attempt_id.to_owned(), code })
    }

    /// Takes a recovery code. The write that spends the code verifies it, by looking up its digest.
    #[must_use]
    pub fn by_recovery(attempt_id: &str, code: &Secret<String>) -> Self {
        let code = ProvedCode::Recovery(recovery::code_digest(code));
        Self { attempt_id: attempt_id.to_owned(), code }
    }

    const fn method(&self) -> Method {
        match self.code {
            ProvedCode::Totp { .. } => Method::Otp,
            ProvedCode::Recovery(_) => Method::Recovery,
        }
    }

    fn used<'a>(&'a self, flow_id: Option<&'a str>) -> UsedFactor<'a> {
        let code = match &self.code {
            ProvedCode::Totp { factor_id, step } => UsedCode::Totp { factor_id, step: *step },
            ProvedCode::Recovery(digest) => UsedCode::Recovery(digest),
        };
        UsedFactor { attempt_id: &self.attempt_id, flow_id, code }
    }
}

/// A proof of identity.
#[derive(Debug)]
pub enum Proof {
    /// The user's password.
    Password(PasswordProof),
    /// The code of a message to the user.
    Sent(Box<SentCode>),
    /// The user's password or the code of a message, verified when the flow began that is still open.
    Earlier(EarlierProof),
    /// A second factor.
    Factor(FactorProof),
    /// The word of the application.
    Host(HostWord),
}

/// A user with the proofs that were presented. It opens no session; only [`Authenticated`] does.
#[derive(Debug)]
pub struct Proven {
    user_id: String,
    auth_epoch: Option<i64>,
    proofs: Vec<Proof>,
}

impl Proven {
    /// Returns the user's id.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Returns the state of the user against which the proofs were verified: the hash of the password, the
    /// `auth_epoch`, and the unused code. The write that the proofs permit is done only if the user is still in that
    /// state.
    #[must_use]
    pub fn expected(&self) -> Expected<'_> {
        let (mut hash, mut flow_id, mut factor, mut sent) = (None, None, None, None);
        for proof in &self.proofs {
            match proof {
                Proof::Password(password) => hash = Some(password.hash()),
                Proof::Sent(code) => sent = Some(code),
                Proof::Earlier(earlier) => flow_id = Some(earlier.flow_id.as_str()),
                Proof::Factor(code) => factor = Some(code),
                Proof::Host(_) => {}
            }
        }
        // Both never come together, since a sent code is spent when it begins the flow in which the code of a factor is
        // presented.
        let sent = sent.map(|code| Unspent::Sent(code.spending()));
        let unspent = factor.map(|code| Unspent::Factor(code.used(flow_id))).or(sent);
        Expected { hash, auth_epoch: self.auth_epoch, unspent }
    }

    /// Returns the methods behind the proofs.
    #[must_use]
    pub fn methods(&self) -> Vec<Method> {
        let method = |proof: &Proof| match proof {
            Proof::Password(_) => Method::Pwd,
            Proof::Sent(code) => code.method(),
            Proof::Earlier(earlier) => earlier.method,
            Proof::Factor(code) => code.method(),
            Proof::Host(_) => Method::Host,
        };
        self.proofs.iter().map(method).collect()
    }

    /// Whether the application vouches for the user, without a proof by the user.
    #[must_use]
    pub fn is_by_host(&self) -> bool {
        self.proofs.iter().any(|proof| matches!(proof, Proof::Host(_)))
    }

    /// Whether the proofs take the account from the party that registered it, so that its sessions, factors and
    /// password end.
    #[must_use]
    pub fn takes_over(&self) -> bool {
        self.proofs.iter().any(|proof| matches!(proof, Proof::Sent(code) if code.takes_over))
    }
}

/// A user who has proved enough to have a session.
#[derive(Debug)]
pub struct Authenticated(Proven);

impl Deref for Authenticated {
    type Target = Proven;

    fn deref(&self) -> &Proven {
        &self.0
    }
}

/// The user's state, read together with the data that the proofs were verified against.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// The `auth_epoch`, which every change of credentials and factors increments. `None`: no user was read.
    pub auth_epoch: Option<i64>,
    /// Whether the user has a second factor, so that a password alone opens no session. It is read after the epoch, so
    /// that the write of the session notices a factor that was added meanwhile.
    pub has_factor: bool,
}

/// The decision about a user's proofs.
#[derive(Debug)]
pub enum Next {
    /// The proofs are enough.
    Complete(Authenticated),
    /// The password or the code of a message was right, and a second factor is missing.
    FactorNeeded(Proven),
    /// Nothing was proved yet.
    Needed,
}

/// Decides whether `proofs` are enough for a session of `user_id`. The word of the application is enough. A password or
/// the code of a message is enough for a user without a second factor; a user with a second factor must present both. A
/// code that takes the account over is enough alone, since the write of the session removes the factors.
#[must_use]
pub fn next(user_id: &str, seen: Seen, proofs: Vec<Proof>) -> Next {
    let has = |wanted: fn(&Proof) -> bool| proofs.iter().any(wanted);
    let has_host = has(|proof| matches!(proof, Proof::Host(_)));
    let has_first = has(|proof| matches!(proof, Proof::Password(_) | Proof::Sent(_)));
    let has_earlier = has(|proof| matches!(proof, Proof::Earlier(_)));
    let has_factor = has(|proof| matches!(proof, Proof::Factor(_)));
    let proven = Proven { user_id: user_id.to_owned(), auth_epoch: seen.auth_epoch, proofs };
    let is_asked_for = seen.has_factor && !proven.takes_over();
    if has_host || has_first && !is_asked_for || (has_first || has_earlier) && has_factor {
        return Next::Complete(Authenticated(proven));
    }
    if has_first { Next::FactorNeeded(proven) } else { Next::Needed }
}

/// Returns the proof of a user who authenticates again in an open session.
#[must_use]
pub fn again(user_id: &str, auth_epoch: i64, proof: Proof) -> Proven {
    Proven { user_id: user_id.to_owned(), auth_epoch: Some(auth_epoch), proofs: vec![proof] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_the_application_is_enough_and_known_as_such() {
        for has_factor in [false, true] {
            let seen = Seen { auth_epoch: Some(7), has_factor };
            let Next::Complete(user) = next("mona", seen, vec![Proof::Host(HostWord(()))]) else {
                panic!("it is enough")
            };
            assert!(user.is_by_host() && !user.takes_over());
            assert_eq!(user.methods(), [Method::Host]);
            assert_eq!(user.expected(), Expected { hash: None, auth_epoch: Some(7), unspent: None });
        }
    }
}
