//! The sentences of mails, in a table with a row for each kind of message.

use crate::message::MessageKind;

/// The sentences of a mail.
pub(super) struct Sentences {
    pub(super) subject: &'static str,
    /// The reason for the message.
    pub(super) first: &'static str,
    /// The advice for a reader who did not cause the message. It may be empty.
    pub(super) last: &'static str,
}

/// The sentences for an unknown kind of message.
pub(super) const UNKNOWN: Sentences =
    Sentences { subject: "A message about your account", first: "This message is about your account.", last: "" };

/// Returns the sentences for this kind of message.
pub(super) const fn of(kind: MessageKind) -> &'static Sentences {
    &ROWS[kind as usize].1
}

/// The rows, in the order of the kinds. A kind without a row does not compile.
static ROWS: [(MessageKind, Sentences); MessageKind::ALL.len()] = [
    (
        MessageKind::PasswordReset,
        Sentences {
            subject: "Set a new password",
            first: "Somebody asked for a new password for your account.",
            last: "If it was not you, ignore this message. Your password stays as it is.",
        },
    ),
    (
        MessageKind::PasswordChanged,
        Sentences {
            subject: "Your password was changed",
            first: "The password of your account was changed, and all its sessions have ended.",
            last: "If it was not you, ask for a new password at once.",
        },
    ),
    (
        MessageKind::Verify,
        Sentences {
            subject: "Confirm your address",
            first: "Somebody, probably you, wants to use this address for an account.",
            last: "If it was not you, ignore this message. The address is then not confirmed.",
        },
    ),
    (
        MessageKind::FactorAdded,
        Sentences {
            subject: "A second factor was added",
            first: "A second factor was added to your account. From now on signing in takes it, too.",
            last: "If it was not you, sign in, remove it, and set a new password at once.",
        },
    ),
    (
        MessageKind::FactorRemoved,
        Sentences {
            subject: "A second factor was removed",
            first: "A second factor of your account was removed.",
            last: "If it was not you, set a new password at once.",
        },
    ),
    (
        MessageKind::RecoveryUsed,
        Sentences {
            subject: "A recovery code was used",
            first: "Somebody signed in to your account with one of your recovery codes.",
            last: "If it was not you, set a new password at once.",
        },
    ),
    (
        MessageKind::AccountDisabled,
        Sentences {
            subject: "Your account was disabled",
            first: "Your account was disabled. Nobody can sign in to it now, and all devices were signed out.",
            last: "If you do not know why, ask those who run this service.",
        },
    ),
    (
        MessageKind::ChangeConfirm,
        Sentences {
            subject: "Confirm your new address",
            first: "Somebody, probably you, wants to use this address for an account from now on.",
            last: "If it was not you, ignore this message. The account then keeps the address that it has.",
        },
    ),
    (
        MessageKind::ChangeNotice,
        Sentences {
            subject: "Your address is about to change",
            first: "Somebody, probably you, asked for another address for your account.",
            last: "If it was not you, set a new password at once.",
        },
    ),
    (
        MessageKind::AlreadyRegistered,
        Sentences {
            subject: "You have an account already",
            first: "Somebody, probably you, wanted to register with this address, which has an account already.",
            last: "Sign in, or ask for a new password. If it was not you, ignore this message.",
        },
    ),
    (
        MessageKind::Invitation,
        Sentences {
            subject: "You are invited",
            first: "You are invited to an account.",
            last: "If you do not know what this is about, ignore this message.",
        },
    ),
    (
        MessageKind::LoginCode,
        Sentences {
            subject: "Your code to sign in",
            first: "Somebody, probably you, wants to sign in to your account.",
            last: "If it was not you, ignore this message. Nobody signs in without the code.",
        },
    ),
    (
        MessageKind::UnknownAccount,
        Sentences {
            subject: "There is no account with this address",
            first: "Somebody, perhaps you, wants to sign in with this address or number. No account has it.",
            last: "If it was you, try another address, or register. If it was not you, ignore this message.",
        },
    ),
    (
        MessageKind::NewSignIn,
        Sentences {
            subject: "A new sign-in to your account",
            first: "Somebody signed in to your account on a device on which you have not signed in since your password \
                    or second factor changed.",
            last: "If it was not you, set a new password at once, which signs everybody out.",
        },
    ),
];

const _: () = {
    let mut place = 0;
    while place < ROWS.len() {
        assert!(ROWS[place].0 as usize == place, "the rows are in the order of the kinds");
        place += 1;
    }
};
