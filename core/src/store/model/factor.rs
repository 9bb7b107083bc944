//! The rows of second factors, and the writes with them.

use crate::clock::Millis;
use crate::crypto::Secret;
use crate::factor::FactorMethod;

/// A row of `sentri_factors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// A UUID of 36 characters.
    pub id: String,
    /// The id of the factor's user.
    pub user_id: String,
    /// The kind of the factor: `totp`.
    pub kind: String,
    /// The user's name for the factor.
    pub label: Option<String>,
    /// The secret, encrypted if the option `encryptionKey` is set.
    pub secret: Secret<String>,
    /// The time step of the last code that was used (RFC 6238). Codes of this and earlier steps are refused.
    pub last_step: i64,
    /// The time at which the factor was made.
    pub created_at: Millis,
    /// The time of the first right code; `None` while the factor is pending, and no login asks for it.
    pub confirmed_at: Option<Millis>,
    /// The time of the last right code.
    pub last_used_at: Option<Millis>,
}

/// The second factors of a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Factors {
    /// The factors, also pending ones, oldest first.
    pub factors: Vec<Factor>,
    /// The number of unused recovery codes.
    pub recovery_codes: u32,
}

impl Factors {
    /// Returns the factors that a login asks for.
    pub fn confirmed(&self) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(|factor| factor.confirmed_at.is_some())
    }

    /// Whether the user needs a second factor to log in.
    #[must_use]
    pub fn are_asked_for(&self) -> bool {
        self.confirmed().next().is_some()
    }
}

/// A change of a user's factors. It raises the user's `auth_epoch`. This ends all open flows, and code that judged the
/// user by the earlier factors must judge again.
#[derive(Debug, Clone, Copy)]
pub struct FactorChange<'a> {
    /// The id of the user.
    pub user_id: &'a str,
    /// The `auth_epoch` under which the factors were read. Nothing changes if it is another by now.
    pub auth_epoch: i64,
    /// The change itself.
    pub kind: FactorChangeKind<'a>,
    /// Digests of new recovery codes, which replace the present ones; `None` if the present ones stay.
    pub recovery_codes: Option<&'a [String]>,
    /// Whether all sessions of the user except `kept_session` end.
    pub ends_sessions: bool,
    /// The id of the session in which the change is made. It must be open.
    pub kept_session: Option<&'a str>,
}

/// The kinds of [`FactorChange`].
#[derive(Debug, Clone, Copy)]
pub enum FactorChangeKind<'a> {
    /// Confirms a pending factor by its first right code.
    Confirm {
        /// The factor.
        id: &'a str,
        /// The step of the code.
        step: i64,
    },
    /// Removes a factor.
    Remove {
        /// The factor.
        id: &'a str,
    },
    /// Replaces the recovery codes alone.
    Codes,
}

/// The code of a factor that a write spends. If the code has been used meanwhile, nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedFactor<'a> {
    /// The id of the counted attempt. The write takes the attempt back, since the code is right.
    pub attempt_id: &'a str,
    /// The id of the flow that is spent with the code, as are the user's other flows of the purpose `mfa`.
    pub flow_id: Option<&'a str>,
    /// The code itself.
    pub code: UsedCode<'a>,
}

/// The code behind [`UsedFactor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsedCode<'a> {
    /// A code of an authenticator app.
    Totp {
        /// The factor.
        factor_id: &'a str,
        /// The time step of the code. It must be later than the factor's last step.
        step: i64,
    },
    /// A recovery code, by its digest.
    Recovery(&'a str),
}

/// The party that presents the code of a factor.
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
    /// The attempt is counted, and the code may be compared.
    Counted {
        /// The id of the attempt.
        id: String,
        /// The id of the user whose budget the attempt spends.
        user_id: String,
        /// The id of the open flow of the purpose `mfa`, if the code belongs to a flow.
        flow_id: Option<String>,
        /// The payload of that flow, which is the method of the proof that began it. Empty without a flow.
        begun_by: String,
    },
    /// The user's budget is spent.
    Exceeded,
    /// There is no such user, the user has no confirmed factor, or the flow takes no further attempt.
    Refused,
}

/// The most attempts of a user at codes of a method.
#[derive(Debug, Clone, Copy)]
pub struct FactorBudget {
    /// The method. The attempts of each method are counted separately.
    pub method: FactorMethod,
    /// Two limits, each with the most attempts since an instant, and that instant. The longer time is last.
    pub since: [(u32, Millis); 2],
    /// The most attempts without a right code between them; `None` for any number.
    pub in_a_row: Option<u32>,
}
