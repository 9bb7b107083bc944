//! The rows of second factors, and the writes with them.

use crate::clock::Millis;
use crate::crypto::Secret;
use crate::factor::FactorMethod;

/// A row of `sentri_factors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// UUID, 36 characters.
    pub id: String,
    /// The id of its user.
    pub user_id: String,
    /// `totp`.
    pub kind: String,
    /// The user's name for it.
    pub label: Option<String>,
    /// The secret, sealed where the option `encryptionKey` is set.
    pub secret: Secret<String>,
    /// The step whose code was used last; none of it or before it counts any more.
    pub last_step: i64,
    /// The time at which it was made.
    pub created_at: Millis,
    /// The time of the first right code. `None`: it is pending, and nothing asks for it.
    pub confirmed_at: Option<Millis>,
    /// The time of the last right code.
    pub last_used_at: Option<Millis>,
}

/// The second factors of a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Factors {
    /// Oldest first, pending ones too.
    pub factors: Vec<Factor>,
    /// Unused recovery codes.
    pub recovery_codes: u32,
}

impl Factors {
    /// The factors that a login asks for.
    pub fn confirmed(&self) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(|factor| factor.confirmed_at.is_some())
    }

    /// Whether a password alone opens no session.
    #[must_use]
    pub fn are_asked_for(&self) -> bool {
        self.confirmed().next().is_some()
    }
}

/// A change of a user's factors. Each steps the user's `auth_epoch`, so it ends all open flows, and code that judged
/// the user by the earlier factors must judge again.
#[derive(Debug, Clone, Copy)]
pub struct FactorChange<'a> {
    /// The user.
    pub user_id: &'a str,
    /// The `auth_epoch` under which the factors were read. Under another one nothing is changed.
    pub auth_epoch: i64,
    /// The change itself.
    pub kind: FactorChangeKind<'a>,
    /// Digests of recovery codes, in place of those that are there. `None`: those stay.
    pub recovery_codes: Option<&'a [String]>,
    /// Whether all sessions of the user end but `kept_session`.
    pub ends_sessions: bool,
    /// The session in which the change is made. It must be open.
    pub kept_session: Option<&'a str>,
}

/// The kinds of [`FactorChange`].
#[derive(Debug, Clone, Copy)]
pub enum FactorChangeKind<'a> {
    /// The first right code of a pending factor, with its step.
    Confirm {
        /// The factor.
        id: &'a str,
        /// The step of the code.
        step: i64,
    },
    /// A factor goes.
    Remove {
        /// The factor.
        id: &'a str,
    },
    /// The recovery codes alone.
    Codes,
}

/// The code of a factor that is spent with a write: if the code has been used meanwhile, nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedFactor<'a> {
    /// The attempt that was counted, which is none at a wrong code after all.
    pub attempt_id: &'a str,
    /// The flow that is spent with it, and with it all others of the purpose `mfa`.
    pub flow_id: Option<&'a str>,
    /// The code.
    pub code: UsedCode<'a>,
}

/// The code behind [`UsedFactor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsedCode<'a> {
    /// Of an authenticator app.
    Totp {
        /// The factor.
        factor_id: &'a str,
        /// The step of the code. The factor's last one must be before it.
        step: i64,
    },
    /// A recovery code, by its digest.
    Recovery(&'a str),
}

/// The caller who presents the code of a factor.
#[derive(Debug, Clone, Copy)]
pub enum FactorAsker<'a> {
    /// The holder of an open flow of the purpose `mfa`.
    Flow(&'a str),
    /// A user with a session.
    User(&'a str),
}

/// An attempt at the code of a factor, counted before the code is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactorAttempt {
    /// It may be compared.
    Counted {
        /// The id of the attempt.
        id: String,
        /// The user, of whom it counts.
        user_id: String,
        /// The open flow of the purpose `mfa` that it counts of, if it was asked by one.
        flow_id: Option<String>,
        /// The payload of that flow: the method of the proof that began it. Empty without a flow.
        begun_by: String,
    },
    /// The user's budget is spent.
    Exceeded,
    /// There is no such user, they have no confirmed factor, or no such flow takes an attempt.
    Refused,
}

/// The most attempts at codes of factors of a user and method.
#[derive(Debug, Clone, Copy)]
pub struct FactorBudget {
    /// The method, whose attempts are counted by themselves.
    pub method: FactorMethod,
    /// The most attempts since an instant, and that instant; the longer time last.
    pub since: [(u32, Millis); 2],
    /// The most attempts without a right code between them. `None`: any number.
    pub in_a_row: Option<u32>,
}
